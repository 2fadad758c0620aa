/* Packets in and out, and every refusal of a handshake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/engine_io.h"

static void
test_packets_are_told_by_their_first_byte(void **state)
{
    static const struct {
        const char *text;
        enum engine_io_type type;
        const char *data;
    } rows[] = {
        { "0", ENGINE_IO_OPEN, "" },
        { "1", ENGINE_IO_CLOSE, "" },
        { "2probe", ENGINE_IO_PING, "probe" },
        { "3", ENGINE_IO_PONG, "" },
        { "3probe", ENGINE_IO_PONG, "probe" },
        { "42[\"a\"]", ENGINE_IO_MESSAGE, "2[\"a\"]" },
        { "4", ENGINE_IO_MESSAGE, "" },
        { "5", ENGINE_IO_UPGRADE, "" },
        { "6", ENGINE_IO_NOOP, "" },
        { "7", ENGINE_IO_TYPE_COUNT, "" },
        { "9x", ENGINE_IO_TYPE_COUNT, "" },
        { "/", ENGINE_IO_TYPE_COUNT, "" },
        { "b4", ENGINE_IO_TYPE_COUNT, "" },
        { "", ENGINE_IO_TYPE_COUNT, "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str data;
        assert_int_equal(engine_io_read(str_from(rows[i].text), &data),
                         rows[i].type);
        assert_true(str_is(data, rows[i].data));
    }
}

static void
test_open_has_five_members(void **state)
{
    const struct engine_io_open open = { "abc", 25000, 60000, 1048576 };
    struct strbuf out = STRBUF_INIT(1000);
    engine_io_write_open(&open, &out);
    assert_string_equal(
        strbuf_text(&out),
        "0{\"sid\":\"abc\",\"upgrades\":[],\"pingInterval\":25000,"
        "\"pingTimeout\":60000,\"maxPayload\":1048576}");
    strbuf_release(&out);
}

static void
test_handshakes(void **state)
{
    static const struct {
        const char *method, *transport, *version;
        bool has_sid, is_upgrade;
        enum engine_io_refusal refusal;
    } rows[] = {
        { "GET", "websocket", "4", false, true, ENGINE_IO_ACCEPTED },
        { "GET", "websocket", "3", false, true, ENGINE_IO_UNSUPPORTED_VERSION },
        { "GET", "websocket", "", false, true, ENGINE_IO_UNSUPPORTED_VERSION },
        { "GET", "websocket", "44", false, true,
          ENGINE_IO_UNSUPPORTED_VERSION },
        { "GET", "", "4", false, true, ENGINE_IO_UNKNOWN_TRANSPORT },
        { "GET", "polling", "4", false, false, ENGINE_IO_UNKNOWN_TRANSPORT },
        { "POST", "polling", "4", true, false, ENGINE_IO_UNKNOWN_TRANSPORT },
        { "GET", "WebSocket", "4", false, true, ENGINE_IO_UNKNOWN_TRANSPORT },
        { "GET", "websocket", "4", true, true, ENGINE_IO_UNKNOWN_SID },
        { "GET", "websocket", "4", true, false, ENGINE_IO_UNKNOWN_SID },
        { "POST", "websocket", "4", false, true, ENGINE_IO_BAD_METHOD },
        { "POST", "websocket", "4", false, false, ENGINE_IO_BAD_METHOD },
        { "GET", "websocket", "4", false, false, ENGINE_IO_BAD_REQUEST },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct engine_io_handshake handshake = {
            .method = str_from(rows[i].method),
            .transport = str_from(rows[i].transport),
            .version = str_from(rows[i].version),
            .has_sid = rows[i].has_sid,
            .is_upgrade = rows[i].is_upgrade,
        };
        assert_int_equal(engine_io_check(&handshake), rows[i].refusal);
    }
}

static void
test_refusals_have_the_numbers_of_the_protocol(void **state)
{
    static const char *const texts[] = {
        "{\"code\":0,\"message\":\"Transport unknown\"}",
        "{\"code\":1,\"message\":\"Session ID unknown\"}",
        "{\"code\":2,\"message\":\"Bad handshake method\"}",
        "{\"code\":3,\"message\":\"Bad request\"}",
        "{\"code\":4,\"message\":\"Forbidden\"}",
        "{\"code\":5,\"message\":\"Unsupported protocol version\"}",
    };
    for (int i = 0; i < ENGINE_IO_ACCEPTED; i++) {
        struct strbuf out = STRBUF_INIT(1000);
        engine_io_write_refusal((enum engine_io_refusal)i, &out);
        assert_string_equal(strbuf_text(&out), texts[i]);
        strbuf_release(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets_are_told_by_their_first_byte),
        cmocka_unit_test(test_open_has_five_members),
        cmocka_unit_test(test_handshakes),
        cmocka_unit_test(test_refusals_have_the_numbers_of_the_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
