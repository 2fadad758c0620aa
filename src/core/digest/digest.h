/* SHA-256 (FIPS 180-4) of files and streams, and what others still want SHA-1
 * for. Any thread; a struct is used by one at a time. */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include "base/error.h"
#include "base/str.h"

enum { SHA256_HEX_BYTES = 65 }; /* lower case and the zero */

struct sha256; /* a running digest */

/* NULL with `error`: no memory, or libcrypto is not installed. */
struct sha256 *sha256_new(struct error *error);
void sha256_free(struct sha256 *digest); /* accepts NULL */
void sha256_add(struct sha256 *digest, const void *bytes, size_t n);
/* The digest so far; more may be added after it. 0, or -1: no memory. */
int sha256_hex(const struct sha256 *digest, char ret_hex[SHA256_HEX_BYTES]);
void sha256_reset(struct sha256 *digest);

/* What Git calls a blob of a file's first `n_bytes`: SHA-1 of "blob <size>", a zero,
 * and them (Git's documentation, "Git Internals - Git Objects"). Blocks. 0, or
 * -1 with `error`. */
enum { GIT_BLOB_HEX_BYTES = 41 };
int git_blob_of_file(const char *path, uint64_t n_bytes,
                     char ret_hex[GIT_BLOB_HEX_BYTES], struct error *error);
/* True for 40 hexadecimal digits. */
bool git_blob_is_hex(struct str text);

/* The answer to a client's Sec-WebSocket-Key (RFC 6455, 4.2.2): SHA-1 of the
 * key and a fixed text, in base64, with its zero. 0, or -1 with ERR_BAD_REQUEST
 * when the key is not 16 bytes in base64. */
enum { WEBSOCKET_ACCEPT_BYTES = 29 };
int websocket_accept(struct str key, char ret_accept[WEBSOCKET_ACCEPT_BYTES],
                     struct error *error);

/* True for 64 hexadecimal digits, upper or lower case. */
bool sha256_is_hex(struct str text);

#endif
