/* Changing stored settings: checked as a whole, stored, then in force.
 *
 * The store takes one key at a time, but commits what arrives together in
 * one transaction. Only when the last key's commit is told does any of them
 * act; if one fails, none does. */
#include <stdlib.h>

#include "base/units.h"
#include "core/settings/settings_internal.h"

struct change_item {
    enum setting_id id;
    bool is_reset;
    struct stored_value stored;
    char *json; /* NULL when is_reset */
};

struct change {
    struct list node;
    struct settings *settings; /* NULL: gone before the store answered */
    struct change_item items[SETTING_COUNT];
    size_t n;
    size_t n_waiting;
    struct error error;
    void (*on_done)(void *ctx, const struct error *error);
    void *ctx;
};

static void
change_free(struct change *change)
{
    for (size_t i = 0; i < change->n; i++) {
        arena_release(&change->items[i].stored.memory);
        free(change->items[i].json);
    }
    free(change);
}

void
settings_drop_changes(struct settings *settings)
{
    LIST_FOR_SAFE(node, &settings->changes)
    {
        LIST_ENTRY(node, struct change, node)->settings = NULL;
        list_remove(node);
    }
}

/* ---- checking ---- */

static int
check_allowed(const struct settings *settings, enum setting_id id,
              bool may_execute, struct error *error)
{
    const struct setting_row *row = &setting_rows[id];
    struct error inner;
    if ((row->flags & SETTING_EXECUTES) != 0 && !may_execute)
        error_set(&inner, ERR_FORBIDDEN,
                  "%s decides what is read: changing it needs an admin key",
                  row->key);
    else if (settings_origin(settings, id) > ORIGIN_DATABASE)
        error_set(&inner, ERR_PINNED, "%s is set by %s", row->key,
                  settings_origin_text(settings, id));
    else if ((row->flags & SETTING_FILE_ONLY) != 0)
        error_set(&inner, ERR_INVALID,
                  "it is set by a flag, the environment or hearth.yaml only");
    else
        return 0;
    snprintf(inner.field, sizeof inner.field, "%s", row->key);
    if (error != NULL)
        *error = inner;
    return -1;
}

static int
add_item(struct change *change, enum setting_id id, const struct json *value,
         struct error *error)
{
    struct change_item *item = &change->items[change->n++];
    item->id = id;
    arena_init(&item->stored.memory, STORED_VALUE_BYTES);
    if (json_type(value) == JSON_NULL) {
        item->is_reset = true;
        return 0;
    }
    if (setting_value_from_json(&setting_rows[id], value, &item->stored.memory,
                                &item->stored.value, error) != 0)
        return -1;
    item->stored.is_set = true;
    item->json = json_to_text(value);
    return item->json != NULL
               ? 0
               : error_set(error, ERR_NO_MEMORY, "no memory for the settings");
}

static int
read_member(struct change *change, const struct json_iter *iter,
            bool may_execute, struct error *error)
{
    enum setting_id id = setting_find(iter->key);
    if (id == SETTING_COUNT) {
        char key[ERROR_FIELD_MAX];
        snprintf(key, sizeof key, "%.*s",
                 iter->key.n > 60 ? 60 : (int)iter->key.n, iter->key.p);
        return error_field(error, key, "there is no such setting");
    }
    if (check_allowed(change->settings, id, may_execute, error) != 0)
        return -1;
    return add_item(change, id, iter->value, error);
}

static void
note_problem(struct field_problems *problems, const struct error *error)
{
    if (problems->n == FIELD_PROBLEMS_MAX)
        return;
    struct field_problem *problem = &problems->at[problems->n++];
    snprintf(problem->field, sizeof problem->field, "%s", error->field);
    snprintf(problem->message, sizeof problem->message, "%.255s",
             error->message);
}

/* A key that the caller may not touch hides what else is wrong. */
static int
read_patch(struct change *change, const struct json *patch, bool may_execute,
           struct field_problems *problems, struct error *error)
{
    struct json_iter iter;
    struct error first = { .code = ERR_OK };
    problems->n = 0;
    if (json_type(patch) != JSON_OBJECT || json_count(patch) == 0)
        return error_set(error, ERR_INVALID,
                         "an object of settings is expected");
    for (json_iter_init(&iter, patch); json_iter_next(&iter);) {
        struct error problem = { .code = ERR_OK };
        if (read_member(change, &iter, may_execute, &problem) == 0)
            continue;
        note_problem(problems, &problem);
        if (problem.code == ERR_FORBIDDEN || problem.code == ERR_NO_MEMORY) {
            problems->n = 0;
            first = problem;
            break;
        }
        if (first.code == ERR_OK)
            first = problem;
    }
    if (first.code == ERR_OK)
        return 0;
    if (error != NULL)
        *error = first;
    return -1;
}

/* ---- acting ---- */

static void
apply_item(struct settings *settings, struct change_item *item)
{
    struct stored_value *stored = &settings->stored[item->id];
    const struct setting_row *row = &setting_rows[item->id];
    struct stored_value old = *stored;
    /* `old` keeps its memory until the two have been compared. */
    const struct setting_value before = *settings_value(settings, item->id);
    *stored = item->stored;
    arena_init(&item->stored.memory, STORED_VALUE_BYTES);
    bool is_same =
        setting_value_eq(row, &before, settings_value(settings, item->id));
    arena_release(&old.memory);
    if (!is_same)
        events_publish(settings->events, EVENT_SETTINGS_CHANGED, row->key,
                       row->key);
}

static void
on_stored(void *ctx, const struct error *error)
{
    struct change *change = ctx;
    if (error != NULL && change->error.code == ERR_OK)
        change->error = *error;
    if (--change->n_waiting > 0)
        return;
    bool has_failed = change->error.code != ERR_OK;
    if (change->settings != NULL) {
        list_remove(&change->node);
        for (size_t i = 0; i < change->n && !has_failed; i++)
            apply_item(change->settings, &change->items[i]);
        change->on_done(change->ctx, has_failed ? &change->error : NULL);
    }
    change_free(change);
}

int
settings_update(struct settings *settings, const struct json *patch,
                bool may_execute, struct field_problems *problems,
                void (*on_done)(void *ctx, const struct error *error),
                void *ctx, struct error *error)
{
    struct change *change = calloc(1, sizeof *change);
    if (change == NULL)
        return error_set(error, ERR_NO_MEMORY, "no memory for the settings");
    change->settings = settings;
    change->on_done = on_done;
    change->ctx = ctx;
    if (read_patch(change, patch, may_execute, problems, error) != 0) {
        change_free(change);
        return -1;
    }
    list_push_back(&settings->changes, &change->node);
    /* The answers come on a later turn, never from inside this loop. */
    size_t n = change->n_waiting = change->n;
    for (size_t i = 0; i < n; i++)
        store_put_setting(settings->store,
                          setting_rows[change->items[i].id].key,
                          change->items[i].json, on_stored, change);
    return 0;
}
