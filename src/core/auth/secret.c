/* Secrets: made, digested, compared, and found in a request's headers. */
#include <sodium.h>
#include <stdio.h>

#include "core/auth/auth_internal.h"

enum { SECRET_RANDOM_BYTES = 32, SECRET_PREFIX_BYTES = 3 };

int
secret_make(const char *prefix, char ret_secret[KEY_SECRET_BYTES],
            struct error *error)
{
    if (sodium_init() < 0)
        return error_set(error, ERR_INTERNAL,
                         "the system gives no random numbers");
    unsigned char random[SECRET_RANDOM_BYTES];
    randombytes_buf(random, sizeof random);
    snprintf(ret_secret, KEY_SECRET_BYTES, "%.*s", SECRET_PREFIX_BYTES, prefix);
    sodium_bin2base64(ret_secret + SECRET_PREFIX_BYTES,
                      KEY_SECRET_BYTES - SECRET_PREFIX_BYTES, random,
                      sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(random, sizeof random);
    return 0;
}

int
auth_nonce(char ret_nonce[NONCE_BYTES], struct error *error)
{
    unsigned char random[15];
    if (sodium_init() < 0)
        return error_set(error, ERR_INTERNAL,
                         "the system gives no random numbers");
    randombytes_buf(random, sizeof random);
    sodium_bin2base64(ret_nonce, NONCE_BYTES, random, sizeof random,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return 0;
}

void
secret_digest(struct str secret, uint8_t ret_digest[KEY_DIGEST_BYTES])
{
    crypto_generichash(ret_digest, KEY_DIGEST_BYTES,
                       (const unsigned char *)secret.p, secret.n, NULL, 0);
}

bool
secret_matches(const uint8_t a[KEY_DIGEST_BYTES],
               const uint8_t b[KEY_DIGEST_BYTES])
{
    return sodium_memcmp(a, b, KEY_DIGEST_BYTES) == 0;
}

void
secret_wipe(void *bytes, size_t n)
{
    sodium_memzero(bytes, n);
}

/* ---- what a request presents ---- */

static void
present(struct presented_key *presented, struct str text)
{
    presented->what = PRESENTED_NONE;
    if (text.n == 0)
        return;
    presented->what = PRESENTED_WRONG;
    if (text.n > sizeof presented->text)
        return;
    presented->what = PRESENTED_KEY;
    presented->n = text.n;
    memcpy(presented->text, text.p, text.n);
}

/* RFC 7617: base64 of "user:password"; the password is the key. */
static void
present_basic(struct presented_key *presented, struct str encoded)
{
    char pair[2 * PRESENTED_BYTES];
    size_t n;
    presented->what = PRESENTED_WRONG;
    if (sodium_base642bin((unsigned char *)pair, sizeof pair, encoded.p,
                          encoded.n, NULL, &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) == 0) {
        struct str password = { pair, n };
        str_split(&password, ':');
        if (password.p != NULL)
            present(presented, password);
    }
    sodium_memzero(pair, sizeof pair);
}

/* RFC 9110 section 11.4: scheme (any case), spaces, credentials. */
static void
read_authorization(struct str header, struct presented_key *presented)
{
    presented->what = PRESENTED_NONE;
    header = str_trim(header);
    if (header.n == 0)
        return;
    struct str rest = header;
    struct str scheme = str_split(&rest, ' ');
    rest = str_trim(rest);
    if (str_eq_nocase(scheme, STR("bearer")))
        present(presented, rest);
    else if (str_eq_nocase(scheme, STR("basic")))
        present_basic(presented, rest);
    else
        presented->what = PRESENTED_WRONG;
}

void
presented_read(const struct auth_request *request,
               struct presented_key *ret_presented)
{
    struct presented_key second;
    read_authorization(request->authorization, ret_presented);
    present(&second, str_trim(request->x_api_key));
    if (second.what == PRESENTED_NONE)
        return;
    if (ret_presented->what == PRESENTED_NONE) {
        *ret_presented = second;
    } else if (ret_presented->what != second.what ||
               (second.what == PRESENTED_KEY &&
                (second.n != ret_presented->n ||
                 sodium_memcmp(second.text, ret_presented->text, second.n) !=
                     0))) {
        ret_presented->what = PRESENTED_WRONG;
    }
    sodium_memzero(&second, sizeof second);
}
