/* Frames in, messages and frames out; every fault with its close code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "formats/websocket.h"

enum { MESSAGE_MAX = 1000 };

struct end {
    struct websocket *ws;
    struct strbuf messages; /* "[t:hello]" or "[b:...]" */
    struct strbuf sent;
    bool is_echo;
};

static void
on_message(void *ctx, bool is_text, struct str message)
{
    struct end *end = ctx;
    strbuf_addf(&end->messages, "[%c:", is_text ? 't' : 'b');
    strbuf_add_str(&end->messages, message);
    strbuf_add_byte(&end->messages, ']');
    if (end->is_echo && is_text)
        assert_int_equal(websocket_send_text(end->ws, message), 0);
}

static void
on_send(void *ctx, struct str bytes)
{
    struct end *end = ctx;
    strbuf_add_str(&end->sent, bytes);
}

static void
open_end(struct end *end)
{
    *end = (struct end){ .messages = STRBUF_INIT(1 << 20),
                         .sent = STRBUF_INIT(1 << 20) };
    const struct websocket_options options = {
        .max_message_bytes = MESSAGE_MAX,
        .on_message = on_message,
        .send = on_send,
        .ctx = end,
    };
    end->ws = websocket_new(&options);
    assert_non_null(end->ws);
}

static void
close_end(struct end *end)
{
    websocket_free(end->ws);
    strbuf_release(&end->messages);
    strbuf_release(&end->sent);
}

/* A client's frame (RFC 6455, 5.2), masked unless `mask` is NULL. */
static void
add_frame(struct strbuf *out, unsigned first, struct str payload,
          const uint8_t *mask)
{
    strbuf_add_byte(out, (char)first);
    unsigned bit = mask == NULL ? 0 : 0x80;
    if (payload.n < 126) {
        strbuf_add_byte(out, (char)(bit | payload.n));
    } else {
        strbuf_add_byte(out, (char)(bit | 126));
        strbuf_add_byte(out, (char)(payload.n >> 8));
        strbuf_add_byte(out, (char)(payload.n & 255));
    }
    if (mask != NULL)
        strbuf_add(out, mask, 4);
    for (size_t i = 0; i < payload.n; i++)
        strbuf_add_byte(out, (char)((uint8_t)payload.p[i] ^
                                    (mask == NULL ? 0 : mask[i % 4])));
}

static const uint8_t mask[4] = { 0x12, 0xFE, 0x00, 0x81 };

/* Feeds in pieces that are copies of their own, so that nothing outlives. */
static void
feed(struct end *end, struct str bytes, size_t piece)
{
    for (size_t at = 0; at < bytes.n; at += piece) {
        size_t n = bytes.n - at < piece ? bytes.n - at : piece;
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, bytes.p + at, n);
        websocket_feed(end->ws, (struct str){ copy, n });
        free(copy);
    }
}

static void
test_messages_in_every_cut(void **state)
{
    struct strbuf in = STRBUF_INIT(1 << 16);
    char long_text[300];
    memset(long_text, 'x', sizeof long_text);
    add_frame(&in, 0x81, STR("hello"), mask);
    add_frame(&in, 0x01, STR("frag"), mask);
    add_frame(&in, 0x89, STR("ping"), mask); /* between fragments */
    add_frame(&in, 0x00, STR("men"), mask);
    add_frame(&in, 0x80, STR("ted \xE2\x82\xAC"), mask);
    add_frame(&in, 0x82, STR("\x01\x02"), mask);
    add_frame(&in, 0x8A, STR("pong"), mask); /* unasked: no answer */
    add_frame(&in, 0x81, STR(""), mask);
    add_frame(&in, 0x81, (struct str){ long_text, sizeof long_text }, mask);
    add_frame(&in, 0x88,
              STR("\x03\xE8"
                  "bye"),
              mask);
    for (size_t piece = 1; piece <= in.n; piece += piece < 20 ? 1 : 97) {
        struct end end;
        open_end(&end);
        feed(&end, strbuf_view(&in), piece);
        assert_true(str_starts_with(
            strbuf_view(&end.messages),
            STR("[t:hello][t:fragmented \xE2\x82\xAC][b:\x01\x02][t:][t:xxx")));
        assert_true(websocket_is_over(end.ws));
        assert_int_equal(websocket_peer_code(end.ws), 1000);
        struct str sent = strbuf_view(&end.sent);
        assert_true(str_starts_with(sent, STR("\x8A\x04ping\x88")));
        assert_memory_equal(sent.p + 8, "\x03\xE8", 2);
        close_end(&end);
    }
    strbuf_release(&in);
    (void)state;
}

static void
test_what_is_sent(void **state)
{
    struct end end;
    open_end(&end);
    assert_int_equal(websocket_send_text(end.ws, STR("hi")), 0);
    assert_int_equal(websocket_send_binary(end.ws, STR("\x07")), 0);
    assert_int_equal(websocket_ping(end.ws), 0);
    websocket_close(end.ws, WEBSOCKET_GOING_AWAY, STR("stopping"));
    assert_false(websocket_is_over(end.ws)); /* the peer has not answered */
    assert_int_equal(websocket_send_text(end.ws, STR("late")), 0);
    static const char expected[] =
        "\x81\x02hi\x82\x01\x07\x89\x00\x88\x0A\x03\xE9stopping";
    assert_int_equal(end.sent.n, sizeof expected - 1);
    assert_memory_equal(end.sent.p, expected, sizeof expected - 1);
    struct strbuf in = STRBUF_INIT(100);
    add_frame(&in, 0x88, STR("\x03\xE9"), mask);
    feed(&end, strbuf_view(&in), in.n);
    assert_true(websocket_is_over(end.ws));
    assert_int_equal(end.sent.n, sizeof expected - 1);
    strbuf_release(&in);
    close_end(&end);
    (void)state;
}

static void
test_an_answer_from_inside(void **state)
{
    struct end end;
    struct strbuf in = STRBUF_INIT(100);
    open_end(&end);
    end.is_echo = true;
    add_frame(&in, 0x81, STR("a"), mask);
    add_frame(&in, 0x81, STR("b"), mask);
    feed(&end, strbuf_view(&in), in.n);
    assert_string_equal(strbuf_text(&end.sent), "\x81\x01"
                                                "a\x81\x01"
                                                "b");
    strbuf_release(&in);
    close_end(&end);
    (void)state;
}

static void
test_a_long_reason_is_cut_between_characters(void **state)
{
    struct end end;
    char reason[200];
    open_end(&end);
    memset(reason, 'r', sizeof reason);
    memcpy(reason + 122, "\xE2\x82\xAC", 3); /* over the edge at 123 */
    websocket_close(end.ws, WEBSOCKET_NORMAL,
                    (struct str){ reason, sizeof reason });
    assert_int_equal(end.sent.n, 2 + 2 + 122);
    close_end(&end);
    (void)state;
}

struct fault {
    const char *what;
    unsigned first;
    struct str payload;
    bool is_bare; /* without a mask */
    int code;
};

static const struct fault faults[] = {
    { "no mask", 0x81, { "a", 1 }, true, 1002 },
    { "reserved bit", 0xC1, { "a", 1 }, false, 1002 },
    { "reserved opcode", 0x83, { "a", 1 }, false, 1002 },
    { "continuation of nothing", 0x80, { "a", 1 }, false, 1002 },
    { "fragmented ping", 0x09, { "a", 1 }, false, 1002 },
    { "bad UTF-8", 0x81, { "\xFF", 1 }, false, 1007 },
    { "a cut character", 0x81, { "\xE2\x82", 2 }, false, 1007 },
    { "close code 1005", 0x88, { "\x03\xED", 2 }, false, 1002 },
    { "close with one byte", 0x88, { "\x03", 1 }, false, 1002 },
    { "a cut reason", 0x88, { "\x03\xE8\xE2\x82", 4 }, false, 1007 },
    { "a cut reason",
      0x88,
      { "\x03\xE8"
        "ab\xC3",
        5 },
      false,
      1007 },
    { "a bad reason", 0x88, { "\x03\xE8\xFF", 3 }, false, 1007 },
};

static void
test_faults(void **state)
{
    const size_t n_faults = sizeof faults / sizeof *faults;
    for (size_t i = 0; i < 2 * n_faults; i++) { /* whole, and byte by byte */
        const struct fault *fault = &faults[i % n_faults];
        struct end end;
        struct strbuf in = STRBUF_INIT(100);
        open_end(&end);
        add_frame(&in, fault->first, fault->payload,
                  fault->is_bare ? NULL : mask);
        add_frame(&in, 0x81, STR("after"), mask);
        feed(&end, strbuf_view(&in), i < n_faults ? in.n : 1);
        int code = end.sent.n < 4
                       ? 0
                       : (uint8_t)end.sent.p[2] << 8 | (uint8_t)end.sent.p[3];
        if (code != fault->code || !websocket_is_over(end.ws) ||
            end.messages.n > 0)
            fail_msg("%s: %d, not %d; over %d, messages %s", fault->what, code,
                     fault->code, websocket_is_over(end.ws),
                     strbuf_text(&end.messages));
        strbuf_release(&in);
        close_end(&end);
    }
    (void)state;
}

static void
test_a_message_that_is_too_long(void **state)
{
    char text[MESSAGE_MAX + 1];
    memset(text, 'x', sizeof text);
    for (int is_split = 0; is_split < 2; is_split++) {
        struct end end;
        struct strbuf in = STRBUF_INIT(1 << 16);
        open_end(&end);
        if (is_split) {
            add_frame(&in, 0x01, (struct str){ text, MESSAGE_MAX }, mask);
            add_frame(&in, 0x80, (struct str){ text, 1 }, mask);
        } else {
            add_frame(&in, 0x81, (struct str){ text, sizeof text }, mask);
        }
        feed(&end, strbuf_view(&in), 100);
        assert_int_equal(end.messages.n, 0);
        assert_true(end.sent.n >= 4);
        assert_memory_equal(end.sent.p + 2, "\x03\xF1", 2); /* 1009 */
        assert_true(websocket_is_over(end.ws));
        strbuf_release(&in);
        close_end(&end);
    }
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_in_every_cut),
        cmocka_unit_test(test_what_is_sent),
        cmocka_unit_test(test_an_answer_from_inside),
        cmocka_unit_test(test_a_long_reason_is_cut_between_characters),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_a_message_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
