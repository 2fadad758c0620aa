/* Members of JSON objects, one line each. */
#include "api/handlers.h"

void
member_text(struct json_writer *out, const char *key, const char *text)
{
    json_key(out, key);
    json_text(out, text);
}

void
member_int(struct json_writer *out, const char *key, int64_t value)
{
    json_key(out, key);
    json_int(out, value);
}

void
member_bool(struct json_writer *out, const char *key, bool value)
{
    json_key(out, key);
    json_bool(out, value);
}

void
member_int_if(struct json_writer *out, const char *key, bool is_known,
              int64_t value)
{
    json_key(out, key);
    if (is_known)
        json_int(out, value);
    else
        json_null(out);
}

void
member_real_if(struct json_writer *out, const char *key, bool is_known,
               double value)
{
    json_key(out, key);
    if (is_known)
        json_real(out, value);
    else
        json_null(out);
}
