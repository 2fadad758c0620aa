/* An API key as it is stored: never the secret itself, only the digest of
 * 256 random bits (a fast digest will do: it is no password). */
#ifndef RECORDS_API_KEY_H
#define RECORDS_API_KEY_H

#include <stdint.h>

#include "base/id.h"
#include "base/str.h"

enum key_scope { KEY_SCOPE_ADMIN, KEY_SCOPE_INFERENCE, KEY_SCOPE_READ };

const char *key_scope_name(enum key_scope scope);
int key_scope_from(struct str text, enum key_scope *ret_scope);

enum { KEY_DIGEST_BYTES = 32 };

struct api_key {
    char id[ID_BYTES];
    char name[128];
    enum key_scope scope;
    uint8_t digest[KEY_DIGEST_BYTES];
    int64_t created_at_ms;
    int64_t revoked_at_ms; /* 0: in force */
};

#endif
