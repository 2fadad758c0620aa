/* The picture beside a model: what is given, and what is refused with which
 * reason. */
#include "fixture.h"

#define PNG "\x89PNG\r\n\x1a\n"

struct asked {
    struct fixture *f;
    int n_calls;
    enum error_code code;
    char message[ERROR_MESSAGE_MAX];
    char type[32], version[64];
    char bytes[64]; /* the first */
    size_t n;
};

static void
on_preview(void *ctx, const struct library_preview *preview,
           const struct error *error)
{
    struct asked *asked = ctx;
    asked->n_calls++;
    asked->code = error == NULL ? ERR_OK : error->code;
    if (error != NULL) {
        assert_null(preview);
        snprintf(asked->message, sizeof asked->message, "%s", error->message);
    } else {
        snprintf(asked->type, sizeof asked->type, "%s", preview->type);
        snprintf(asked->version, sizeof asked->version, "%s", preview->version);
        asked->n = preview->bytes.n;
        snprintf(asked->bytes, sizeof asked->bytes, "%.*s",
                 (int)(asked->n < 60 ? asked->n : 60), preview->bytes.p);
    }
    loop_stop(&asked->f->loop);
}

static struct asked
ask_for(struct fixture *f, const char *name)
{
    struct asked asked = { .f = f };
    library_preview(f->library, find(f, name), on_preview, &asked);
    while (asked.n_calls == 0)
        loop_run(&f->loop);
    assert_int_equal(asked.n_calls, 1);
    return asked;
}

static void
assert_refused(struct fixture *f, const char *name, enum error_code code,
               const char *reason)
{
    struct asked asked = ask_for(f, name);
    if (asked.code != code || strstr(asked.message, reason) == NULL)
        fail_msg("%s: %s: %s", name, error_wire(asked.code), asked.message);
}

static void
test_a_picture_is_given(void **state)
{
    struct fixture *f = *state;
    put(f, "models/loras/a.safetensors", "1");
    put(f, "models/loras/a.preview.png", "\xff\xd8\xff picture");
    scan(f);
    struct asked first = ask_for(f, "a");
    assert_int_equal(first.code, ERR_OK);
    assert_string_equal(first.type, "image/jpeg"); /* not as it is called */
    assert_int_equal(first.n, 11);
    assert_string_equal(first.bytes, "\xff\xd8\xff picture");
    assert_string_equal(ask_for(f, "a").version, first.version);
    put(f, "models/loras/a.preview.png", PNG "2");
    struct asked second = ask_for(f, "a");
    assert_string_equal(second.type, "image/png");
    assert_string_not_equal(second.version, first.version);
}

static void
test_what_is_none_is_refused(void **state)
{
    struct fixture *f = *state;
    put(f, "models/loras/bare.safetensors", "1");
    put(f, "models/loras/page.safetensors", "22");
    put(f, "models/loras/page.png", "<!doctype html><script>0</script>");
    put(f, "models/loras/drawn.safetensors", "333");
    put(f, "models/loras/drawn.png", "<svg xmlns=\"http://www.w3.org/2000\"/>");
    put(f, "models/loras/film.safetensors", "4444");
    put_bytes(f, "models/loras/film.png",
              STR("\0\0\0\x10"
                  "ftypisom\0\0\0\0"));
    put(f, "models/loras/empty.safetensors", "55555");
    put(f, "models/loras/empty.png", "");
    put(f, "models/loras/gone.safetensors", "666666");
    put(f, "models/loras/gone.png", PNG);
    put(f, "models/loras/pipe.safetensors", "7777777");
    put(f, "models/loras/pipe.png", PNG);
    scan(f);
    assert_refused(f, "bare", ERR_NOT_FOUND, "no picture beside bare");
    assert_refused(f, "page", ERR_UNSUPPORTED_MEDIA, "no picture");
    assert_refused(f, "drawn", ERR_UNSUPPORTED_MEDIA, "no picture");
    assert_refused(f, "film", ERR_UNSUPPORTED_MEDIA, "no picture");
    assert_refused(f, "empty", ERR_UNSUPPORTED_MEDIA, "no picture");
    assert_int_equal(unlink(at(f, "models/loras/gone.png")), 0);
    assert_refused(f, "gone", ERR_NOT_FOUND, "gone.png");
    assert_int_equal(unlink(at(f, "models/loras/pipe.png")), 0);
    assert_int_equal(mkfifo(at(f, "models/loras/pipe.png"), 0600), 0);
    assert_refused(f, "pipe", ERR_INVALID, "no regular file");
}

static void
test_a_large_one_is_refused_unread(void **state)
{
    struct fixture *f = *state;
    put(f, "models/loras/a.safetensors", "1");
    put(f, "models/loras/a.png", PNG);
    scan(f);
    assert_int_equal(
        truncate(at(f, "models/loras/a.png"), LIBRARY_PREVIEW_BYTES), 0);
    struct asked asked = ask_for(f, "a");
    assert_int_equal(asked.code, ERR_OK);
    assert_int_equal(asked.n, LIBRARY_PREVIEW_BYTES);
    assert_int_equal(
        truncate(at(f, "models/loras/a.png"), LIBRARY_PREVIEW_BYTES + 1), 0);
    assert_refused(f, "a", ERR_TOO_LARGE, "larger than 16777216 bytes");
}

/* Links inside are fine; none leads out, of a file or of its folder. */
static void
test_links_stay_inside(void **state)
{
    struct fixture *f = *state;
    put(f, "secret/a.png", PNG "secret");
    put(f, "models/shared.png", PNG "shared");
    put(f, "models/loras/in.safetensors", "1");
    put_link(f, "../shared.png", "models/loras/in.png");
    put(f, "models/loras/out.safetensors", "22");
    put_link(f, "../../secret/a.png", "models/loras/out.png");
    put(f, "models/more/a.safetensors", "333");
    put(f, "models/more/a.png", PNG);
    scan(f);
    assert_string_equal(ask_for(f, "in").bytes, PNG "shared");
    assert_refused(f, "out", ERR_NOT_FOUND, "leads out");
    move(f, "models/more", "models/before");
    put_link(f, "../secret", "models/more");
    assert_refused(f, "a", ERR_NOT_FOUND, "leads out");
}

/* The answer comes though the library is gone meanwhile. */
static void
test_the_library_may_go(void **state)
{
    struct fixture *f = *state;
    struct asked asked = { .f = f };
    put(f, "models/loras/a.safetensors", "1");
    put(f, "models/loras/a.png", PNG);
    scan(f);
    library_preview(f->library, find(f, "a"), on_preview, &asked);
    close_all(f);
    while (asked.n_calls == 0)
        loop_run(&f->loop);
    assert_int_equal(asked.code, ERR_OK);
    open_all(f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_picture_is_given),
        TEST(test_what_is_none_is_refused),
        TEST(test_a_large_one_is_refused_unread),
        TEST(test_links_stay_inside),
        TEST(test_the_library_may_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
