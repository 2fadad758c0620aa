/* SHA-256 by OpenSSL's EVP: see digest.h. */
#include "core/digest/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
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

enum { KEY_TEXT_BYTES = 24, KEY_BYTES = 16 };

int
websocket_accept(struct str key, char ret_accept[WEBSOCKET_ACCEPT_BYTES])
{
    static const char fixed[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char raw[EVP_MAX_MD_SIZE], decoded[KEY_TEXT_BYTES];
    unsigned n = 0;
    char text[KEY_TEXT_BYTES + sizeof fixed];
    if (key.n != KEY_TEXT_BYTES || key.p[KEY_TEXT_BYTES - 1] != '=' ||
        key.p[KEY_TEXT_BYTES - 2] != '=' || key.p[KEY_TEXT_BYTES - 3] == '=')
        return -1;
    if (EVP_DecodeBlock(decoded, (const unsigned char *)key.p,
                        KEY_TEXT_BYTES) != KEY_BYTES + 2)
        return -1;
    snprintf(text, sizeof text, "%.*s%s", STR_ARG(key), fixed);
    if (EVP_Digest(text, strlen(text), raw, &n, EVP_sha1(), NULL) != 1)
        return -1;
    EVP_EncodeBlock((unsigned char *)ret_accept, raw, (int)n);
    return 0;
}
