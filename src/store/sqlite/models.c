/* Models: one column for each row of the field table, as for profiles. */
#include <stdlib.h>

#include "base/strbuf.h"
#include "formats/json.h"
#include "store/sqlite/sqlite_internal.h"

enum { SQL_BYTES_MAX = 16384 };

struct models_job {
    struct job job;
    struct model **models;
    size_t n;
};

struct model_id_job {
    struct job job;
    char id[ID_BYTES];
};

/* Adds `text` for the id and each column, its name in place of '@'. */
static void
add_columns(struct strbuf *sql, const char *text, bool with_id)
{
    for (size_t i = 0; i <= n_model_fields; i++) {
        const char *name = i == 0 ? "id" : model_fields[i - 1].name;
        if (i == 0 && !with_id)
            continue;
        strbuf_add_text(sql, i == (with_id ? 0 : 1) ? "" : ", ");
        for (const char *p = text; *p != '\0'; p++) {
            if (*p == '@')
                strbuf_add_text(sql, name);
            else
                strbuf_add_byte(sql, *p);
        }
    }
}

/* ---- storing ---- */

static int
bind_list(struct sql *sql, const struct text_list *list, struct error *error)
{
    struct strbuf text = STRBUF_INIT(LIMIT_API_BODY_BYTES);
    struct json_writer w;
    json_writer_init(&w, &text);
    json_array_begin(&w);
    for (size_t i = 0; i < list->n; i++)
        json_text(&w, list->at[i]);
    json_array_end(&w);
    int result = 0;
    if (strbuf_failed(&text))
        result = error_set(error, ERR_NO_MEMORY, "out of memory for a list");
    sql_bind_str(sql, strbuf_view(&text));
    strbuf_release(&text);
    return result;
}

static int
bind_field(struct sql *sql, const struct model *model,
           const struct model_field *field, struct error *error)
{
    const void *at = (const char *)model + field->offset;
    switch (field->type) {
    case MODEL_TEXT: sql_bind_text(sql, *(char *const *)at); return 0;
    case MODEL_INT: sql_bind_int(sql, *(const int64_t *)at); return 0;
    case MODEL_BOOL: sql_bind_int(sql, *(const bool *)at); return 0;
    case MODEL_CHOICE:
        sql_bind_text(sql, field->choices[*(const unsigned *)at]);
        return 0;
    case MODEL_LIST: return bind_list(sql, at, error);
    }
    return 0;
}

static int
put_model(struct db *db, const char *text, const struct model *model,
          struct error *error)
{
    struct sql sql;
    sql_init(&sql, db, text);
    sql_bind_text(&sql, model->id);
    for (size_t i = 0; i < n_model_fields; i++) {
        if (bind_field(&sql, model, &model_fields[i], error) < 0) {
            sql_end(&sql, NULL);
            return -1;
        }
    }
    return sql_run(&sql, error);
}

static int
put_models(struct db *db, struct job *job, struct error *error)
{
    const struct models_job *change = (const struct models_job *)job;
    struct strbuf text = STRBUF_INIT(SQL_BYTES_MAX);
    strbuf_add_text(&text, "INSERT INTO models (");
    add_columns(&text, "@", true);
    strbuf_add_text(&text, ") VALUES (");
    add_columns(&text, "?", true);
    strbuf_add_text(&text, ") ON CONFLICT (id) DO UPDATE SET ");
    add_columns(&text, "@ = excluded.@", false);
    int result = 0;
    if (strbuf_failed(&text))
        result = error_set(error, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; result == 0 && i < change->n; i++)
        result = put_model(db, strbuf_text(&text), change->models[i], error);
    strbuf_release(&text);
    return result;
}

static void
release_models(struct job *job)
{
    struct models_job *change = (struct models_job *)job;
    for (size_t i = 0; change->models != NULL && i < change->n; i++)
        model_free(change->models[i]);
    free(change->models);
}

void
store_put_models(struct store *store, const struct model *const *models,
                 size_t n, store_done_fn *on_done, void *ctx)
{
    struct models_job *change =
        job_new(sizeof *change, put_models, on_done, ctx);
    if (change == NULL)
        return;
    change->job.release = release_models;
    change->models = calloc(n + 1, sizeof *change->models);
    change->n = change->models == NULL ? 0 : n;
    bool is_whole = change->models != NULL;
    for (size_t i = 0; i < change->n; i++) {
        change->models[i] = model_copy(models[i]);
        is_whole = is_whole && change->models[i] != NULL;
    }
    if (is_whole)
        store_submit(store, &change->job);
    else
        job_fail_no_memory(&change->job);
}

static int
delete_model(struct db *db, struct job *job, struct error *error)
{
    struct sql sql;
    sql_init(&sql, db, "DELETE FROM models WHERE id = ?");
    sql_bind_text(&sql, ((struct model_id_job *)job)->id);
    return sql_run(&sql, error);
}

void
store_delete_model(struct store *store, const char *id, store_done_fn *on_done,
                   void *ctx)
{
    struct model_id_job *change =
        job_new(sizeof *change, delete_model, on_done, ctx);
    if (change == NULL)
        return;
    snprintf(change->id, sizeof change->id, "%s", id);
    store_submit(store, &change->job);
}

/* ---- loading ---- */

static int
bad_field(struct sql *sql, const struct model *model,
          const struct model_field *field, struct error *error)
{
    char what[96];
    snprintf(what, sizeof what, "column %s cannot be read", field->name);
    return db_row_error(sql->db, error, "models", model->id, what);
}

static int
read_list(struct sql *sql, const struct model *model,
          const struct model_field *field, struct text_list *list,
          struct error *error)
{
    struct str text = sql_text(sql);
    if (str_is(text, "[]"))
        return 0;
    struct json_doc *doc = json_parse(text, NULL);
    const struct json *array = json_root(doc);
    int result = 0;
    if (doc == NULL || json_type(array) != JSON_ARRAY)
        result = bad_field(sql, model, field, error);
    for (size_t i = 0; result == 0 && i < json_count(array); i++) {
        struct str item;
        if (!json_as_text(json_at(array, i), &item))
            result = bad_field(sql, model, field, error);
        else if (text_list_add(list, item) < 0)
            result = error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    json_doc_free(doc);
    return result;
}

static int
read_field(struct sql *sql, struct model *model,
           const struct model_field *field, struct error *error)
{
    void *at = (char *)model + field->offset;
    int choice;
    switch (field->type) {
    case MODEL_TEXT:
        if (model_set_text(at, sql_text(sql)) < 0)
            return error_set(error, ERR_NO_MEMORY, "out of memory");
        return 0;
    case MODEL_INT: *(int64_t *)at = sql_int(sql); return 0;
    case MODEL_BOOL: *(bool *)at = sql_int(sql) != 0; return 0;
    case MODEL_CHOICE:
        choice = model_choice(field->choices, sql_text(sql));
        if (choice < 0)
            return bad_field(sql, model, field, error);
        *(unsigned *)at = (unsigned)choice;
        return 0;
    case MODEL_LIST: return read_list(sql, model, field, at, error);
    }
    return 0;
}

static struct model *
read_model(struct sql *sql, struct error *error)
{
    struct model *model = model_new();
    if (model == NULL) {
        error_set(error, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    int result = sql_copy_text(sql, model->id, sizeof model->id, error);
    for (size_t i = 0; result == 0 && i < n_model_fields; i++)
        result = read_field(sql, model, &model_fields[i], error);
    if (result == 0)
        return model;
    model_free(model);
    return NULL;
}

int
store_load_models(struct store *store,
                  int (*fn)(void *ctx, struct model *model), void *ctx,
                  struct error *error)
{
    struct strbuf text = STRBUF_INIT(SQL_BYTES_MAX);
    strbuf_add_text(&text, "SELECT ");
    add_columns(&text, "@", true);
    strbuf_add_text(&text, " FROM models ORDER BY id");
    if (strbuf_failed(&text)) {
        strbuf_release(&text);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    struct rows rows;
    rows_begin(&rows, store, "models", strbuf_text(&text));
    strbuf_release(&text);
    while (rows_next(&rows)) {
        struct model *model = read_model(&rows.sql, error);
        rows.result = model == NULL ? -1 : 0;
        rows.is_stopped = model != NULL && fn(ctx, model) != 0;
    }
    return rows_end(&rows, error);
}
