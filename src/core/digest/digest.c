/* SHA-256 by OpenSSL's EVP: see digest.h. */
#include "core/digest/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct sha256 {
    EVP_MD_CTX *context;
};

struct sha256 *
sha256_new(void)
{
    struct sha256 *digest = calloc(1, sizeof *digest);
    if (digest == NULL)
        return NULL;
    digest->context = EVP_MD_CTX_new();
    if (digest->context == NULL ||
        EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1) {
        sha256_free(digest);
        return NULL;
    }
    return digest;
}

void
sha256_free(struct sha256 *digest)
{
    if (digest == NULL)
        return;
    EVP_MD_CTX_free(digest->context);
    free(digest);
}

void
sha256_add(struct sha256 *digest, const void *bytes, size_t n)
{
    if (n > 0)
        EVP_DigestUpdate(digest->context, bytes, n);
}

int
sha256_hex(const struct sha256 *digest, char ret_hex[SHA256_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    bool is_done = copy != NULL &&
                   EVP_MD_CTX_copy_ex(copy, digest->context) == 1 &&
                   EVP_DigestFinal_ex(copy, raw, &n) == 1;
    EVP_MD_CTX_free(copy);
    if (!is_done || n != (SHA256_HEX_BYTES - 1) / 2)
        return -1;
    for (unsigned i = 0; i < n; i++) {
        ret_hex[2 * i] = digits[raw[i] >> 4];
        ret_hex[2 * i + 1] = digits[raw[i] & 15];
    }
    ret_hex[2 * n] = '\0';
    return 0;
}

void
sha256_reset(struct sha256 *digest)
{
    EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL);
}

bool
sha256_is_hex(struct str text)
{
    if (text.n != SHA256_HEX_BYTES - 1)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = (char)(text.p[i] | 0x20);
        if (!((text.p[i] >= '0' && text.p[i] <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}
