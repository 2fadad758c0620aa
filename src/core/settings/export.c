/* What is stored, to be taken elsewhere or put back. */
#include "base/units.h"
#include "core/settings/settings_internal.h"

void
settings_export(const struct settings *settings, bool with_secrets,
                void (*on_secret)(void *ctx, const char *key), void *ctx,
                struct json_writer *out)
{
    json_object_begin(out);
    for (int id = 0; id < SETTING_COUNT; id++) {
        const struct setting_row *row = &setting_rows[id];
        const struct stored_value *stored = &settings->stored[id];
        bool is_secret = (row->flags & SETTING_SECRET) != 0;
        if (!stored->is_set)
            continue;
        if (is_secret && !with_secrets) {
            on_secret(ctx, row->key);
            continue;
        }
        json_key(out, row->key);
        if (is_secret)
            json_text(out, stored->value.text);
        else
            setting_value_to_json(row, &stored->value, out);
    }
    json_object_end(out);
}

bool
settings_has(const struct settings *settings, struct str key,
             const struct json *value)
{
    enum setting_id id = setting_find(key);
    struct setting_value given;
    struct arena memory;
    if (id == SETTING_COUNT)
        return false;
    arena_init(&memory, STORED_VALUE_BYTES);
    bool is_same = setting_value_from_json(&setting_rows[id], value, &memory,
                                           &given, NULL) == 0 &&
                   setting_value_eq(&setting_rows[id], &given,
                                    settings_value(settings, id));
    arena_release(&memory);
    return is_same;
}
