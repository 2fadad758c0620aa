/* Pictures by their first bytes, and what only pretends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "formats/picture.h"

static void
test_types(void **state)
{
    (void)state;
    const struct {
        struct str bytes;
        const char *type;
    } rows[] = {
        { STR("\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "image/png" },
        { STR("\xff\xd8\xff\xe0\0\x10JFIF"), "image/jpeg" },
        { STR("GIF87a\1\0\1\0"), "image/gif" },
        { STR("GIF89a\1\0\1\0"), "image/gif" },
        { STR("RIFF\4\0\0\0WEBPVP8 "), "image/webp" },
        { STR("\0\0\0\x18"
              "ftypavif\0\0\0\0mif1avif"),
          "image/avif" },
        { STR("\0\0\0\x18"
              "ftypmif1\0\0\0\0miafavif"),
          "image/avif" },
        { STR("\0\0\0\x14"
              "ftypmif1\0\0\0\0miafavif"),
          NULL }, /* behind the box */
        { STR("\0\0\0\x18"
              "ftypmif1\0\0\0\0miafheic"),
          NULL },
        { STR("\0\0\0\x18"
              "ftypisom\0\0\0\0isomavif"),
          NULL }, /* a film */
        { STR("\0\0\0\x18"
              "ftypmif1"),
          NULL },
        { STR("\xff\xff\xff\xff"
              "ftypmif1"),
          NULL },
        { STR("RIFF\4\0\0\0WAVEfmt "), NULL },
        { STR("RIFF"), NULL },
        { STR("\x89PNG"), NULL },
        { STR("GIF"), NULL },
        { STR("BM\x3a\0\0\0"), NULL },
        { STR("<svg xmlns=\"http://www.w3.org/2000/svg\"/>"), NULL },
        { STR("<!doctype html><script>alert(1)</script>"), NULL },
        { STR("\n\x89PNG\r\n\x1a\n"), NULL },
        { STR("\0\0\0"), NULL },
        { STR(""), NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *type = picture_type(rows[i].bytes);
        if (rows[i].type == NULL && type != NULL)
            fail_msg("row %zu is %s", i, type);
        if (rows[i].type != NULL && type == NULL)
            fail_msg("row %zu is not %s", i, rows[i].type);
        if (type != NULL)
            assert_string_equal(type, rows[i].type);
    }
}

/* What it says is what is announced, and nothing that may hold a script. */
static void
test_the_list_is_whole(void **state)
{
    (void)state;
    size_t n = 0;
    for (; picture_types[n] != NULL; n++)
        assert_null(strstr(picture_types[n], "svg"));
    assert_int_equal(n, 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_the_list_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
