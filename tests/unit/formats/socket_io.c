/* Every form of a packet that is taken, and every one that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "formats/socket_io.h"

static void
test_taken(void **state)
{
    static const struct {
        const char *text;
        enum socket_io_type type;
        const char *name_space;
        int64_t id;
        size_t n_attachments;
        const char *data; /* NULL: none */
    } rows[] = {
        { "0", SOCKET_IO_CONNECT, "/", -1, 0, NULL },
        { "0{\"token\":\"x\"}", SOCKET_IO_CONNECT, "/", -1, 0,
          "{\"token\":\"x\"}" },
        { "0/nope,", SOCKET_IO_CONNECT, "/nope", -1, 0, NULL },
        { "0/nope", SOCKET_IO_CONNECT, "/nope", -1, 0, NULL },
        { "0/nope,{\"a\":1}", SOCKET_IO_CONNECT, "/nope", -1, 0, "{\"a\":1}" },
        { "1", SOCKET_IO_DISCONNECT, "/", -1, 0, NULL },
        { "1/custom,", SOCKET_IO_DISCONNECT, "/custom", -1, 0, NULL },
        { "2[\"name\"]", SOCKET_IO_EVENT, "/", -1, 0, "[\"name\"]" },
        { "2/custom,[\"name\"]", SOCKET_IO_EVENT, "/custom", -1, 0,
          "[\"name\"]" },
        { "212[\"name\",1]", SOCKET_IO_EVENT, "/", 12, 0, "[\"name\",1]" },
        { "20[\"name\"]", SOCKET_IO_EVENT, "/", 0, 0, "[\"name\"]" },
        { "2/a,7[\"name\"]", SOCKET_IO_EVENT, "/a", 7, 0, "[\"name\"]" },
        { "29007199254740991[\"n\"]", SOCKET_IO_EVENT, "/", SOCKET_IO_ID_MAX, 0,
          "[\"n\"]" },
        { "2[\"__proto__\"]", SOCKET_IO_EVENT, "/", -1, 0, "[\"__proto__\"]" },
        { "2[1,2]", SOCKET_IO_EVENT, "/", -1, 0, "[1,2]" },
        { "2[\"n\",\"a\\ud83d\"]", SOCKET_IO_EVENT, "/", -1, 0,
          "[\"n\",\"a\xEF\xBF\xBD\"]" },
        { "2[\"n\",\"\\uDE00\\\\ud83d\"]", SOCKET_IO_EVENT, "/", -1, 0,
          "[\"n\",\"\xEF\xBF\xBD\\\\ud83d\"]" },
        { "2[\"n\",\"\\ud83d\\ud83d\\ude00\"]", SOCKET_IO_EVENT, "/", -1, 0,
          "[\"n\",\"\xEF\xBF\xBD\xF0\x9F\x98\x80\"]" },
        { "2", SOCKET_IO_EVENT, "/", -1, 0, NULL },
        { "312[]", SOCKET_IO_ACK, "/", 12, 0, "[]" },
        { "4{\"message\":\"m\"}", SOCKET_IO_CONNECT_ERROR, "/", -1, 0,
          "{\"message\":\"m\"}" },
        { "4\"m\"", SOCKET_IO_CONNECT_ERROR, "/", -1, 0, "\"m\"" },
        { "52-[\"e\",{\"_placeholder\":true,\"num\":0},"
          "{\"_placeholder\":true,\"num\":1}]",
          SOCKET_IO_BINARY_EVENT, "/", -1, 2,
          "[\"e\",{\"_placeholder\":true,\"num\":0},"
          "{\"_placeholder\":true,\"num\":1}]" },
        { "51-3[\"e\",{\"a\":{\"_placeholder\":true,\"num\":0}}]",
          SOCKET_IO_BINARY_EVENT, "/", 3, 1,
          "[\"e\",{\"a\":{\"_placeholder\":true,\"num\":0}}]" },
        { "510-/a,3[\"e\"]", SOCKET_IO_BINARY_EVENT, "/a", 3, 10, "[\"e\"]" },
        { "61-3[{\"_placeholder\":true,\"num\":0}]", SOCKET_IO_BINARY_ACK, "/",
          3, 1, "[{\"_placeholder\":true,\"num\":0}]" },
        { "51-[\"e\",{\"_placeholder\":false,\"num\":9}]",
          SOCKET_IO_BINARY_EVENT, "/", -1, 1,
          "[\"e\",{\"_placeholder\":false,\"num\":9}]" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct socket_io_packet packet;
        struct error error = { .code = ERR_OK };
        if (socket_io_read(str_from(rows[i].text), &packet, &error) < 0)
            fail_msg("%s: %s", rows[i].text, error.message);
        assert_int_equal(packet.type, rows[i].type);
        assert_true(str_is(packet.name_space, rows[i].name_space));
        assert_int_equal(packet.id, rows[i].id);
        assert_int_equal(packet.n_attachments, rows[i].n_attachments);
        if (rows[i].data == NULL) {
            assert_null(packet.data);
        } else {
            char *text = json_to_text(packet.data);
            assert_string_equal(text, rows[i].data);
            free(text);
        }
        socket_io_packet_release(&packet);
    }
}

static void
test_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "7",
        "8[\"a\"]",
        "9",
        "a",
        "-",
        /* payloads of another kind */
        "0[]",
        "0\"x\"",
        "0{",
        "0null",
        "01[]",
        "1{}",
        "1[]",
        "2{}",
        "2[]",
        "2\"x\"",
        "2[null]",
        "2[{}]",
        "2[[]]",
        "2[true]",
        "2[\"a\"",
        "2null",
        "3{}",
        "3\"a\"",
        "4",
        "4[]",
        "41",
        /* what stands before them */
        "2abc[\"a\"]",
        "2-1[\"a\"]",
        "29007199254740992[\"a\"]",
        "2999999999999999999999[\"a\"]",
        "2[\"a\"][\"b\"]",
        "2[\"a\"]x",
        "2[\"a\",{\"b\":1,\"b\":2}]",
        /* reserved names */
        "2[\"connect\"]",
        "2[\"connect_error\"]",
        "2[\"disconnect\"]",
        "2[\"disconnecting\"]",
        "2[\"newListener\"]",
        "2[\"removeListener\"]",
        "51-[\"connect\"]",
        /* attachments */
        "5[\"a\"]",
        "50-[\"a\"]",
        "511-[\"a\"]",
        "51[\"a\"]",
        "5-[\"a\"]",
        "51",
        "51-",
        "599999999999999999999-[\"a\"]",
        "60-[]",
        "61-{}",
        "61-",
        "51-[\"e\",{\"_placeholder\":true,\"num\":1}]",
        "51-[\"e\",{\"_placeholder\":true,\"num\":-1}]",
        "51-[\"e\",{\"_placeholder\":true,\"num\":\"0\"}]",
        "51-[\"e\",{\"_placeholder\":true}]",
        "51-[\"e\",[{\"a\":{\"_placeholder\":true,\"num\":1.5}}]]",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct socket_io_packet packet;
        struct error error = { .code = ERR_OK };
        if (socket_io_read(str_from(rows[i]), &packet, &error) == 0)
            fail_msg("taken: %s", rows[i]);
        assert_int_not_equal(error.code, ERR_OK);
        assert_null(packet.doc);
    }
}

static void
test_heads_are_written(void **state)
{
    static const struct {
        struct socket_io_packet packet;
        const char *text;
    } rows[] = {
        { { .type = SOCKET_IO_EVENT, .id = -1 }, "2" },
        { { .type = SOCKET_IO_ACK, .name_space = { "/", 1 }, .id = 0 }, "30" },
        { { .type = SOCKET_IO_ACK, .name_space = { "/a", 2 }, .id = 12 },
          "3/a,12" },
        { { .type = SOCKET_IO_BINARY_EVENT, .id = 3, .n_attachments = 2 },
          "52-3" },
        { { .type = SOCKET_IO_CONNECT_ERROR,
            .name_space = { "/nope", 5 },
            .id = -1 },
          "4/nope," },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct strbuf out = STRBUF_INIT(100);
        socket_io_write_head(&rows[i].packet, &out);
        assert_string_equal(strbuf_text(&out), rows[i].text);
        strbuf_release(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_heads_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
