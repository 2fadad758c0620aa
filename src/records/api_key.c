/* The API key record: see api_key.h. */
#include "records/api_key.h"

static const char *const scope_names[] = { "admin", "inference", "read" };

const char *
key_scope_name(enum key_scope scope)
{
    return scope_names[scope];
}

int
key_scope_from(struct str text, enum key_scope *ret_scope)
{
    for (int i = 0; i < 3; i++) {
        if (str_is(text, scope_names[i])) {
            *ret_scope = (enum key_scope)i;
            return 0;
        }
    }
    return -1;
}
