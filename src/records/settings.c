/* The settings' rows: see settings.h. */
#include "records/settings.h"

#include <ctype.h>

const struct setting_row setting_rows[SETTING_COUNT] = {
#define X(id, key, type, min, max, def, flags, choices, help) \
    [SETTING_ID_##id] = { key, type, min, max, def, flags, choices, help },
    SETTINGS(X)
#undef X
};

enum { DISTANCE_MAX_BYTES = 63, NEAR = 3 };

const char *
setting_origin_name(enum setting_origin origin)
{
    static const char *const names[] = {
        [ORIGIN_DEFAULT] = "default", [ORIGIN_DATABASE] = "database",
        [ORIGIN_FILE] = "file",       [ORIGIN_ENVIRONMENT] = "environment",
        [ORIGIN_FLAG] = "flag",
    };
    return names[origin];
}

enum setting_id
setting_find(struct str key)
{
    for (int id = 0; id < SETTING_COUNT; id++)
        if (str_is(key, setting_rows[id].key))
            return (enum setting_id)id;
    return SETTING_COUNT;
}

/* Levenshtein's distance, one row of the table at a time. */
unsigned
text_distance(struct str a, struct str b)
{
    unsigned row[DISTANCE_MAX_BYTES + 1];
    if (a.n > DISTANCE_MAX_BYTES || b.n > DISTANCE_MAX_BYTES)
        return DISTANCE_MAX_BYTES + 1;
    for (unsigned j = 0; j <= b.n; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned change = diagonal + (a.p[i - 1] != b.p[j - 1]);
            unsigned add = row[j - 1] + 1, drop = row[j] + 1;
            diagonal = row[j];
            row[j] = change < add ? change : add;
            row[j] = row[j] < drop ? row[j] : drop;
        }
    }
    return row[b.n];
}

const char *
setting_nearest(struct str key)
{
    const char *nearest = NULL;
    unsigned best = NEAR + 1;
    for (int id = 0; id < SETTING_COUNT; id++) {
        unsigned distance = text_distance(key, str_from(setting_rows[id].key));
        if (distance < best && distance * 2 < key.n + 1) {
            best = distance;
            nearest = setting_rows[id].key;
        }
    }
    return nearest;
}

static void
name_of(const char *prefix, const char *key, bool is_environment,
        char ret_name[SETTING_NAME_BYTES])
{
    size_t n = 0;
    for (const char *p = prefix; *p != '\0' && n + 1 < SETTING_NAME_BYTES;)
        ret_name[n++] = *p++;
    for (const char *p = key; *p != '\0' && n + 1 < SETTING_NAME_BYTES; p++) {
        bool is_word = isalnum((unsigned char)*p) != 0;
        if (is_environment)
            ret_name[n++] = is_word ? (char)toupper((unsigned char)*p) : '_';
        else
            ret_name[n++] = *p == '_' ? '-' : *p;
    }
    ret_name[n] = '\0';
}

void
setting_environment_name(const char *key, char ret_name[SETTING_NAME_BYTES])
{
    name_of("HEARTH_", key, true, ret_name);
}

void
setting_flag_name(const char *key, char ret_name[SETTING_NAME_BYTES])
{
    name_of("--", key, false, ret_name);
}

void
setting_expectation(const struct setting_row *row, struct strbuf *out)
{
    struct str rest = str_from(row->choices);
    switch (row->type) {
    case SETTING_BOOL: strbuf_add_text(out, "true or false"); return;
    case SETTING_INT:
        strbuf_addf(out, "a whole number from %lld to %lld",
                    (long long)row->min, (long long)row->max);
        return;
    case SETTING_TEXT:
        strbuf_addf(out, "one line of text of at most %lld bytes",
                    (long long)row->max);
        return;
    case SETTING_PATH: strbuf_add_text(out, "a path"); return;
    case SETTING_HOURS:
        strbuf_add_text(out, "hours of the day like 08:00-22:30, or nothing");
        return;
    case SETTING_LIST:
        strbuf_addf(out, "a list of at most %lld texts", (long long)row->max);
        return;
    case SETTING_PATHS:
        strbuf_addf(out, "a list of at most %lld paths", (long long)row->max);
        return;
    case SETTING_CHOICE:
        strbuf_add_text(out, "one of ");
        while (rest.p != NULL) {
            struct str choice = str_split(&rest, '|');
            strbuf_add_str(out, choice);
            if (rest.p != NULL)
                strbuf_add_text(out, ", ");
        }
        return;
    }
}
