/* Known answers (FIPS 180-4 examples), in pieces and after a look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/digest/digest.h"

static void
test_known_answers(void **state)
{
    static const char million[] =
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    static const char abc[] =
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    char hex[SHA256_HEX_BYTES];
    struct sha256 *digest = sha256_new(NULL);
    assert_non_null(digest);
    sha256_add(digest, "ab", 2);
    assert_int_equal(sha256_hex(digest, hex), 0); /* a look changes nothing */
    sha256_add(digest, "c", 1);
    assert_int_equal(sha256_hex(digest, hex), 0);
    assert_string_equal(hex, abc);
    sha256_reset(digest);
    for (int i = 0; i < 100000; i++)
        sha256_add(digest, "aaaaaaaaaa", 10);
    assert_int_equal(sha256_hex(digest, hex), 0);
    assert_string_equal(hex, million);
    sha256_free(digest);
    sha256_free(NULL);
    (void)state;
}

static void
test_hex(void **state)
{
    char text[65];
    memset(text, 'a', 64);
    text[64] = '\0';
    assert_true(sha256_is_hex((struct str){ text, 64 }));
    assert_false(sha256_is_hex((struct str){ text, 63 }));
    text[5] = 'F';
    assert_true(sha256_is_hex((struct str){ text, 64 }));
    for (const char *bad = "g/:@`G "; *bad != '\0'; bad++) {
        text[5] = *bad;
        assert_false(sha256_is_hex((struct str){ text, 64 }));
    }
    (void)state;
}

/* As `git hash-object` says. */
static void
test_git_blobs(void **state)
{
    static const struct {
        size_t n;
        char byte;
        const char *hex;
    } rows[] = {
        { 0, 0, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391" },
        { 1, '\n', "8b137891791fe96927ad78e64b0aad7bded08bdc" },
        { 200000, 0, "bf5aa3c5d5cacc765dc99d06c4a699bc44f045a9" },
    };
    char path[] = "/tmp/hearth-digest-XXXXXX", hex[GIT_BLOB_HEX_BYTES];
    struct error error;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    for (size_t i = 0, n = 0; i < sizeof rows / sizeof *rows; i++) {
        for (; n < rows[i].n; n++)
            fputc(rows[i].byte, file);
        assert_int_equal(fflush(file), 0);
        if (git_blob_of_file(path, rows[i].n, hex, &error) < 0)
            fail_msg("%s", error.message);
        assert_string_equal(hex, rows[i].hex);
        rewind(file);
        n = 0;
    }
    fclose(file);
    assert_int_equal(git_blob_of_file(path, 200001, hex, &error), -1);
    assert_int_equal(error.code, ERR_IO);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(git_blob_of_file(path, 1, hex, &error), -1);
    assert_true(git_blob_is_hex(str_from(rows[0].hex)));
    assert_false(git_blob_is_hex(STR("e69de29b")));
    (void)state;
}

static void
test_websocket_accept(void **state)
{
    char accept[WEBSOCKET_ACCEPT_BYTES];
    /* RFC 6455, 1.3 */
    assert_int_equal(
        websocket_accept(STR("dGhlIHNhbXBsZSBub25jZQ=="), accept, NULL), 0);
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    static const char *const bad[] = { "", "dGhlIHNhbXBsZSBub25jZQ=",
                                       "dGhlIHNhbXBsZSBub25jZQA=",
                                       "dGhlIHNhbXBsZSBub25j!Q==" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(websocket_accept(str_from(bad[i]), accept, NULL), -1);
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_git_blobs),
        cmocka_unit_test(test_websocket_accept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
