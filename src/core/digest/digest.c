/* SHA-256 and SHA-1 by OpenSSL's EVP, which is loaded when the first digest is asked
 * for: see digest.h and platform/library.h. */
#include "core/digest/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/file.h"
#include "platform/library.h"

enum { CRYPTO_VERSION = 3 };

#define CRYPTO_FUNCTIONS(X) \
    X(EVP_MD_CTX_new)       \
    X(EVP_MD_CTX_free)      \
    X(EVP_MD_CTX_copy_ex)   \
    X(EVP_DigestInit_ex)    \
    X(EVP_DigestUpdate)     \
    X(EVP_DigestFinal_ex)   \
    X(EVP_Digest)           \
    X(EVP_EncodeBlock)      \
    X(EVP_DecodeBlock)      \
    X(EVP_sha256)           \
    X(EVP_sha1)

struct crypto {
#define X(name) __typeof__(&name) name;
    CRYPTO_FUNCTIONS(X)
#undef X
};

struct sha256 {
    struct crypto crypto;
    EVP_MD_CTX *context;
};

static int
load(struct crypto *ret_crypto, struct error *error)
{
    void *library;
    if (library_load("crypto", CRYPTO_VERSION, &library, error) < 0)
        return -1;
#define X(name)                                                         \
    if (library_function(library, #name, &ret_crypto->name, error) < 0) \
        return -1;
    CRYPTO_FUNCTIONS(X)
#undef X
    return 0;
}

static struct sha256 *
digest_new(bool is_sha1, struct error *error)
{
    struct sha256 *digest = calloc(1, sizeof *digest);
    if (digest == NULL) {
        error_set(error, ERR_NO_MEMORY, "there is no memory for a digest");
        return NULL;
    }
    if (load(&digest->crypto, error) < 0) {
        free(digest);
        return NULL;
    }
    const struct crypto *crypto = &digest->crypto;
    digest->context = crypto->EVP_MD_CTX_new();
    if (digest->context == NULL ||
        crypto->EVP_DigestInit_ex(
            digest->context,
            is_sha1 ? crypto->EVP_sha1() : crypto->EVP_sha256(), NULL) != 1) {
        error_set(error, ERR_NO_MEMORY, "there is no memory for a digest");
        sha256_free(digest);
        return NULL;
    }
    return digest;
}

struct sha256 *
sha256_new(struct error *error)
{
    return digest_new(false, error);
}

void
sha256_free(struct sha256 *digest)
{
    if (digest == NULL)
        return;
    digest->crypto.EVP_MD_CTX_free(digest->context);
    free(digest);
}

void
sha256_add(struct sha256 *digest, const void *bytes, size_t n)
{
    if (n > 0)
        digest->crypto.EVP_DigestUpdate(digest->context, bytes, n);
}

static int
digest_hex(const struct sha256 *digest, char *ret_hex, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const struct crypto *crypto = &digest->crypto;
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_MD_CTX *copy = crypto->EVP_MD_CTX_new();
    bool is_done = copy != NULL &&
                   crypto->EVP_MD_CTX_copy_ex(copy, digest->context) == 1 &&
                   crypto->EVP_DigestFinal_ex(copy, raw, &n) == 1;
    crypto->EVP_MD_CTX_free(copy);
    if (!is_done || n != (size - 1) / 2)
        return -1;
    for (unsigned i = 0; i < n; i++) {
        ret_hex[2 * i] = digits[raw[i] >> 4];
        ret_hex[2 * i + 1] = digits[raw[i] & 15];
    }
    ret_hex[2 * n] = '\0';
    return 0;
}

int
sha256_hex(const struct sha256 *digest, char ret_hex[SHA256_HEX_BYTES])
{
    return digest_hex(digest, ret_hex, SHA256_HEX_BYTES);
}

void
sha256_reset(struct sha256 *digest)
{
    digest->crypto.EVP_DigestInit_ex(digest->context,
                                     digest->crypto.EVP_sha256(), NULL);
}

static bool
is_hex(struct str text, size_t n_digits)
{
    if (text.n != n_digits)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = (char)(text.p[i] | 0x20);
        if (!((text.p[i] >= '0' && text.p[i] <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

bool
sha256_is_hex(struct str text)
{
    return is_hex(text, SHA256_HEX_BYTES - 1);
}

bool
git_blob_is_hex(struct str text)
{
    return is_hex(text, GIT_BLOB_HEX_BYTES - 1);
}

/* -1 also when the file is shorter. */
static int
add_file(struct sha256 *digest, const char *path, uint64_t n_bytes,
         struct error *error)
{
    enum { STEP_BYTES = 64 * 1024 };
    char *bytes = malloc(STEP_BYTES);
    if (bytes == NULL)
        return error_set(error, ERR_NO_MEMORY,
                         "there is no memory for a digest");
    ptrdiff_t n = 1;
    for (uint64_t at = 0; n > 0 && at < n_bytes; at += (uint64_t)n) {
        uint64_t left = n_bytes - at;
        n = file_read_part(path, at, bytes,
                           left < STEP_BYTES ? (size_t)left : STEP_BYTES,
                           error);
        if (n > 0)
            sha256_add(digest, bytes, (size_t)n);
    }
    free(bytes);
    if (n == 0)
        return error_set(error, ERR_IO, "%s is shorter than it was", path);
    return n < 0 ? -1 : 0;
}

int
git_blob_of_file(const char *path, uint64_t n_bytes,
                 char ret_hex[GIT_BLOB_HEX_BYTES], struct error *error)
{
    char head[32];
    struct sha256 *digest = digest_new(true, error);
    if (digest == NULL)
        return -1;
    int n =
        snprintf(head, sizeof head, "blob %llu", (unsigned long long)n_bytes);
    sha256_add(digest, head, (size_t)n + 1); /* with its zero */
    int result = add_file(digest, path, n_bytes, error);
    if (result == 0 && digest_hex(digest, ret_hex, GIT_BLOB_HEX_BYTES) < 0)
        result =
            error_set(error, ERR_NO_MEMORY, "there is no memory for a digest");
    sha256_free(digest);
    return result;
}

enum { KEY_TEXT_BYTES = 24, KEY_BYTES = 16 };

static int
refuse_key(struct error *error)
{
    return error_set(error, ERR_BAD_REQUEST,
                     "Sec-WebSocket-Key: 16 bytes in base64 are expected");
}

int
websocket_accept(struct str key, char ret_accept[WEBSOCKET_ACCEPT_BYTES],
                 struct error *error)
{
    static const char fixed[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    struct crypto crypto;
    unsigned char raw[EVP_MAX_MD_SIZE], decoded[KEY_TEXT_BYTES];
    unsigned n = 0;
    char text[KEY_TEXT_BYTES + sizeof fixed];
    if (key.n != KEY_TEXT_BYTES || key.p[KEY_TEXT_BYTES - 1] != '=' ||
        key.p[KEY_TEXT_BYTES - 2] != '=' || key.p[KEY_TEXT_BYTES - 3] == '=')
        return refuse_key(error);
    if (load(&crypto, error) < 0)
        return -1;
    if (crypto.EVP_DecodeBlock(decoded, (const unsigned char *)key.p,
                               KEY_TEXT_BYTES) != KEY_BYTES + 2)
        return refuse_key(error);
    snprintf(text, sizeof text, "%.*s%s", STR_ARG(key), fixed);
    if (crypto.EVP_Digest(text, strlen(text), raw, &n, crypto.EVP_sha1(),
                          NULL) != 1)
        return error_set(error, ERR_NO_MEMORY, "there is no memory for this");
    crypto.EVP_EncodeBlock((unsigned char *)ret_accept, raw, (int)n);
    return 0;
}
