/* Profiles: one column for each row of the field table, so that a field that
 * is added there and in a migration is stored without a change here. The
 * field `source` is no column: what is stored here is of source database. */
#include <stdlib.h>

#include "base/strbuf.h"
#include "formats/json.h"
#include "store/sqlite/sqlite_internal.h"

enum { SQL_BYTES_MAX = 8192 };

struct profile_job {
    struct job job;
    struct profile *profile;
};

struct profile_id_job {
    struct job job;
    char id[ID_BYTES];
};

static bool
is_column(const struct field *field)
{
    return field->offset != offsetof(struct profile, source);
}

static bool
is_id(const struct field *field)
{
    return field->offset == offsetof(struct profile, id);
}

/* Adds `text` for each column, its name in place of '@', with commas. */
static void
add_columns(struct strbuf *sql, const char *text, bool with_id)
{
    bool has_one = false;
    for (size_t i = 0; i < n_profile_fields; i++) {
        const struct field *field = &profile_fields[i];
        if (!is_column(field) || (!with_id && is_id(field)))
            continue;
        strbuf_add_text(sql, has_one ? ", " : "");
        has_one = true;
        for (const char *p = text; *p != '\0'; p++) {
            if (*p == '@')
                strbuf_add_text(sql, field->name);
            else
                strbuf_add_byte(sql, *p);
        }
    }
}

/* ---- storing ---- */

static const void *
member(const struct profile *profile, const struct field *field)
{
    return (const char *)profile + field->offset;
}

static int
bind_aliases(struct sql *sql, const struct profile *profile,
             struct error *error)
{
    struct strbuf text = STRBUF_INIT(LIMIT_API_BODY_BYTES);
    struct json_writer w;
    json_writer_init(&w, &text);
    json_array_begin(&w);
    for (size_t i = 0; i < profile->n_aliases; i++)
        json_text(&w, profile->aliases[i]);
    json_array_end(&w);
    int result = 0;
    if (strbuf_failed(&text)) {
        result = error_field(error, "aliases", "the aliases are too long");
        if (error != NULL && text.state == STRBUF_NO_MEMORY)
            error->code = ERR_NO_MEMORY;
    }
    sql_bind_str(sql, strbuf_view(&text));
    strbuf_release(&text);
    return result;
}

static int
bind_field(struct sql *sql, const struct profile *profile,
           const struct field *field, struct error *error)
{
    const void *at = member(profile, field);
    switch (field->type) {
    case FIELD_TEXT:
        /* the id alone is an array and not a pointer */
        sql_bind_text(sql,
                      is_id(field) ? profile->id : *(const char *const *)at);
        return 0;
    case FIELD_JSON_OBJECT:
    case FIELD_JSON_ARRAY:
        sql_bind_text(sql, *(const char *const *)at);
        return 0;
    case FIELD_INT: sql_bind_int(sql, *(const int *)at); return 0;
    case FIELD_INT64: sql_bind_int(sql, *(const int64_t *)at); return 0;
    case FIELD_BOOL: sql_bind_int(sql, *(const bool *)at); return 0;
    case FIELD_ENUM:
        sql_bind_text(sql, field->choices[*(const unsigned *)at]);
        return 0;
    case FIELD_TEXT_LIST: return bind_aliases(sql, profile, error);
    }
    return 0;
}

static int
put_profile(struct db *db, struct job *job, struct error *error)
{
    const struct profile *profile = ((struct profile_job *)job)->profile;
    struct strbuf text = STRBUF_INIT(SQL_BYTES_MAX);
    strbuf_add_text(&text, "INSERT INTO profiles (");
    add_columns(&text, "@", true);
    strbuf_add_text(&text, ") VALUES (");
    add_columns(&text, "?", true);
    strbuf_add_text(&text, ") ON CONFLICT (id) DO UPDATE SET ");
    add_columns(&text, "@ = excluded.@", false);
    if (strbuf_failed(&text)) {
        strbuf_release(&text);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    struct sql sql;
    sql_init(&sql, db, strbuf_text(&text));
    strbuf_release(&text);
    for (size_t i = 0; i < n_profile_fields; i++) {
        const struct field *field = &profile_fields[i];
        if (!is_column(field))
            continue;
        if (bind_field(&sql, profile, field, error) < 0) {
            sql_end(&sql, NULL);
            return -1;
        }
    }
    return sql_run(&sql, error);
}

static int
delete_profile(struct db *db, struct job *job, struct error *error)
{
    struct sql sql;
    sql_init(&sql, db, "DELETE FROM profiles WHERE id = ?");
    sql_bind_text(&sql, ((struct profile_id_job *)job)->id);
    return sql_run(&sql, error);
}

static void
release_profile(struct job *job)
{
    profile_unref(((struct profile_job *)job)->profile);
}

void
store_put_profile(struct store *store, const struct profile *profile,
                  store_done_fn *on_done, void *ctx)
{
    struct profile_job *change =
        job_new(sizeof *change, put_profile, on_done, ctx);
    if (change == NULL)
        return;
    change->job.release = release_profile;
    change->profile = profile_copy(profile);
    if (change->profile == NULL)
        job_fail_no_memory(&change->job);
    else
        store_submit(store, &change->job);
}

void
store_delete_profile(struct store *store, const char *id,
                     store_done_fn *on_done, void *ctx)
{
    struct profile_id_job *change =
        job_new(sizeof *change, delete_profile, on_done, ctx);
    if (change == NULL)
        return;
    snprintf(change->id, sizeof change->id, "%s", id);
    store_submit(store, &change->job);
}

/* ---- loading ---- */

static int
bad_field(struct sql *sql, const struct profile *profile,
          const struct field *field, struct error *error)
{
    char what[96];
    snprintf(what, sizeof what, "column %s cannot be read", field->name);
    return db_row_error(sql->db, error, "profiles", profile->id, what);
}

static int
read_aliases(struct sql *sql, struct profile *profile,
             const struct field *field, struct error *error)
{
    struct json_doc *doc = json_parse(sql_text(sql), NULL);
    const struct json *list = json_root(doc);
    if (doc == NULL || json_type(list) != JSON_ARRAY) {
        json_doc_free(doc);
        return bad_field(sql, profile, field, error);
    }
    size_t n = json_count(list);
    struct str *aliases = calloc(n + 1, sizeof *aliases);
    int result = -1;
    if (aliases == NULL) {
        error_set(error, ERR_NO_MEMORY, "out of memory");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        if (!json_as_text(json_at(list, i), &aliases[i])) {
            bad_field(sql, profile, field, error);
            goto out;
        }
    }
    result = profile_set_aliases(profile, aliases, n);
    if (result < 0)
        error_set(error, ERR_NO_MEMORY, "out of memory");
out:
    free(aliases);
    json_doc_free(doc);
    return result;
}

static int
read_enum(struct sql *sql, struct profile *profile, const struct field *field,
          struct error *error)
{
    struct str name = sql_text(sql);
    for (unsigned i = 0; field->choices[i] != NULL; i++) {
        if (str_is(name, field->choices[i])) {
            unsigned *at = (void *)((char *)profile + field->offset);
            *at = i;
            return 0;
        }
    }
    return bad_field(sql, profile, field, error);
}

static int
read_int(struct sql *sql, struct profile *profile, const struct field *field,
         struct error *error)
{
    int64_t value = sql_int(sql);
    if (value != (int)value)
        return bad_field(sql, profile, field, error);
    int *at = (void *)((char *)profile + field->offset);
    *at = (int)value;
    return 0;
}

static int
read_field(struct sql *sql, struct profile *profile, const struct field *field,
           struct error *error)
{
    void *at = (char *)profile + field->offset;
    switch (field->type) {
    case FIELD_TEXT:
        if (is_id(field))
            return sql_copy_text(sql, profile->id, sizeof profile->id, error);
        __attribute__((fallthrough));
    case FIELD_JSON_OBJECT:
    case FIELD_JSON_ARRAY:
        if (profile_set_text(at, sql_text(sql)) < 0)
            return error_set(error, ERR_NO_MEMORY, "out of memory");
        return 0;
    case FIELD_INT: return read_int(sql, profile, field, error);
    case FIELD_INT64: *(int64_t *)at = sql_int(sql); return 0;
    case FIELD_BOOL: *(bool *)at = sql_int(sql) != 0; return 0;
    case FIELD_ENUM: return read_enum(sql, profile, field, error);
    case FIELD_TEXT_LIST: return read_aliases(sql, profile, field, error);
    }
    return 0;
}

static struct profile *
read_profile(struct sql *sql, struct error *error)
{
    struct profile *profile = profile_new();
    if (profile == NULL) {
        error_set(error, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    profile->source = PROFILE_SOURCE_DATABASE;
    for (size_t i = 0; i < n_profile_fields; i++) {
        if (is_column(&profile_fields[i]) &&
            read_field(sql, profile, &profile_fields[i], error) < 0) {
            profile_unref(profile);
            return NULL;
        }
    }
    return profile;
}

int
store_load_profiles(struct store *store,
                    int (*fn)(void *ctx, struct profile *profile), void *ctx,
                    struct error *error)
{
    struct strbuf text = STRBUF_INIT(SQL_BYTES_MAX);
    strbuf_add_text(&text, "SELECT ");
    add_columns(&text, "@", true);
    strbuf_add_text(&text, " FROM profiles ORDER BY id");
    if (strbuf_failed(&text)) {
        strbuf_release(&text);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    struct rows rows;
    rows_begin(&rows, store, "profiles", strbuf_text(&text));
    strbuf_release(&text);
    while (rows_next(&rows)) {
        struct profile *profile = read_profile(&rows.sql, error);
        rows.result = profile == NULL ? -1 : 0;
        rows.is_stopped = profile != NULL && fn(ctx, profile) != 0;
        profile_unref(profile);
    }
    return rows_end(&rows, error);
}
