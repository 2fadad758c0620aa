/* Frames between hearth and a keeper: there and back, cut anywhere, wrong. */
#include "formats/keeper_protocol.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
fill_spec(struct keeper_spec *spec)
{
    static char name[] = "engine";
    static char flag[] = "--port";
    static char nothing[] = "";
    static char variable[] = "KEY=secret";
    *spec = (struct keeper_spec){
        .instance_id = "ins_1",
        .program = "/bin/engine",
        .argv = { name, flag, nothing },
        .argc = 3,
        .env = { variable },
        .n_env = 1,
        .log_path = "/log",
        .exit_path = "/exit",
        .log_file_bytes = 1000,
        .n_log_files = 3,
        .orphan_timeout_ms = 0,
        .stop = { { 15, 1500 }, { 9, 0 } },
        .n_stop = 2,
    };
}

static void
test_spec_there_and_back(void **state)
{
    (void)state;
    struct keeper_spec in;
    struct keeper_spec out;
    struct strbuf frame = STRBUF_INIT(KEEPER_SPEC_BYTES);
    struct keeper_header header;
    struct str body;
    struct error error;
    fill_spec(&in);
    keeper_spec_write(&frame, &in);
    assert_int_equal(keeper_frame_next(strbuf_view(&frame), KEEPER_SPEC_BYTES,
                                       &header, &body),
                     (ptrdiff_t)frame.n);
    assert_int_equal(header.type, KEEPER_START);
    char *bytes = frame.p + KEEPER_HEADER_BYTES;
    assert_int_equal(keeper_spec_read(bytes, body.n, &out, &error), 0);
    assert_string_equal(out.instance_id, "ins_1");
    assert_string_equal(out.program, "/bin/engine");
    assert_int_equal(out.argc, 3);
    assert_string_equal(out.argv[1], "--port");
    assert_string_equal(out.argv[2], "");
    assert_null(out.argv[3]);
    assert_string_equal(out.env[0], "KEY=secret");
    assert_null(out.env[1]);
    assert_string_equal(out.exit_path, "/exit");
    assert_int_equal(out.n_stop, 2);
    assert_int_equal(out.stop[0].wait_ms, 1500);
    /* Cut anywhere it is refused. */
    for (size_t n = 0; n < body.n; n++) {
        assert_int_equal(keeper_spec_read(bytes, n, &out, &error), -1);
        assert_int_equal(error.code, ERR_BAD_REQUEST);
    }
    strbuf_release(&frame);
}

static void
check_refused_spec(const struct keeper_spec *spec)
{
    struct keeper_spec out;
    struct strbuf frame = STRBUF_INIT(KEEPER_SPEC_BYTES);
    keeper_spec_write(&frame, spec);
    assert_int_equal(keeper_spec_read(frame.p + KEEPER_HEADER_BYTES,
                                      frame.n - KEEPER_HEADER_BYTES, &out,
                                      NULL),
                     -1);
    strbuf_release(&frame);
}

static void
test_spec_that_makes_no_sense(void **state)
{
    (void)state;
    struct keeper_spec spec;
    fill_spec(&spec);
    spec.argc = 0;
    check_refused_spec(&spec);
    fill_spec(&spec);
    spec.stop[0].signum = 64;
    check_refused_spec(&spec);
    fill_spec(&spec);
    spec.stop[1].wait_ms = -1;
    check_refused_spec(&spec);
    fill_spec(&spec);
    spec.orphan_timeout_ms = -1;
    check_refused_spec(&spec);
    fill_spec(&spec);
    spec.log_file_bytes = 0;
    check_refused_spec(&spec);
    fill_spec(&spec);
    spec.instance_id = "an id that has more bytes than any id may have here";
    check_refused_spec(&spec);
}

static void
test_status_there_and_back(void **state)
{
    (void)state;
    struct keeper_status in = { .instance_id = "ins_1",
                                .phase = KEEPER_EXITED,
                                .engine_pid = 42,
                                .engine_ticks = UINT64_MAX,
                                .exit_code = -1,
                                .exit_signal = 9,
                                .stop_kind = KEEPER_FORCED,
                                .log_end = 7 };
    struct keeper_status out;
    struct strbuf frame = STRBUF_INIT(4096);
    struct keeper_header header;
    struct str body;
    keeper_status_write(&frame, &in);
    assert_true(keeper_frame_next(strbuf_view(&frame), KEEPER_ANSWER_BYTES,
                                  &header, &body) > 0);
    assert_int_equal(keeper_status_read(body, &out, NULL), 0);
    assert_memory_equal(&in, &out, sizeof in);
    /* A newer keeper may add fields at the end. */
    strbuf_add(&frame, "12345678", 8);
    body = (struct str){ frame.p + KEEPER_HEADER_BYTES, body.n + 8 };
    assert_int_equal(keeper_status_read(body, &out, NULL), 0);
    body.n -= 9;
    assert_int_equal(keeper_status_read(body, &out, NULL), -1);
    in.phase = KEEPER_PHASE_COUNT;
    strbuf_clear(&frame);
    keeper_status_write(&frame, &in);
    body = (struct str){ frame.p + KEEPER_HEADER_BYTES,
                         frame.n - KEEPER_HEADER_BYTES };
    assert_int_equal(keeper_status_read(body, &out, NULL), -1);
    strbuf_release(&frame);
}

static void
test_frames_come_in_any_pieces(void **state)
{
    (void)state;
    struct strbuf frames = STRBUF_INIT(4096);
    struct keeper_header header;
    struct str body;
    int64_t number = 0;
    keeper_number_write(&frames, KEEPER_STOP, 1);
    size_t first = frames.n;
    keeper_attach_write(&frames, "ins_1");
    for (size_t n = 0; n < first; n++) {
        struct str part = { frames.p, n };
        assert_int_equal(
            keeper_frame_next(part, KEEPER_CONTROL_BYTES, &header, &body), 0);
    }
    assert_int_equal(keeper_frame_next(strbuf_view(&frames),
                                       KEEPER_CONTROL_BYTES, &header, &body),
                     (ptrdiff_t)first);
    assert_int_equal(keeper_number_read(body, &number), 0);
    assert_int_equal(number, 1);
    keeper_header_write(frames.p, KEEPER_STOP, KEEPER_CONTROL_BYTES + 1);
    assert_int_equal(keeper_frame_next(strbuf_view(&frames),
                                       KEEPER_CONTROL_BYTES, &header, &body),
                     -1);
    strbuf_release(&frames);
}

static void
test_text_ends_where_it_says(void **state)
{
    (void)state;
    struct str text;
    static const char good[] = "\3\0\0\0\0\0\0\0ab\0";
    static const char inside[] = "\3\0\0\0\0\0\0\0a\0b";
    static const char early[] = "\3\0\0\0\0\0\0\0a\0\0";
    static const char huge[] = "\377\377\377\377\377\377\377\377ab\0";
    assert_int_equal(keeper_text_read((struct str){ good, 11 }, &text), 0);
    assert_true(str_is(text, "ab"));
    assert_int_equal(keeper_text_read((struct str){ good, 10 }, &text), -1);
    assert_int_equal(keeper_text_read((struct str){ inside, 11 }, &text), -1);
    assert_int_equal(keeper_text_read((struct str){ early, 11 }, &text), -1);
    assert_int_equal(keeper_text_read((struct str){ huge, 11 }, &text), -1);
    assert_int_equal(keeper_text_read((struct str){ "", 0 }, &text), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spec_there_and_back),
        cmocka_unit_test(test_spec_that_makes_no_sense),
        cmocka_unit_test(test_status_there_and_back),
        cmocka_unit_test(test_frames_come_in_any_pieces),
        cmocka_unit_test(test_text_ends_where_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
