/* What a walk found becomes what is known: found models take over the records
 * that they are, records without a file are kept for when it comes back, and
 * what differs is stored and told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/library/library_internal.h"
#include "platform/system.h"
#include "store/store.h"

enum {
    GONE_MAX = 20000, /* records of files that are no more */
    STORE_CHUNK = 256,
};

/* ---- records that are gone ---- */

int
gone_add(struct library *library, struct model *model)
{
    struct gone *gone = malloc(sizeof *gone);
    if (gone == NULL)
        return -1;
    gone->model = model;
    list_push_back(&library->gone, &gone->node);
    library->n_gone++;
    return 0;
}

void
gone_drop(struct library *library, struct gone *gone)
{
    list_remove(&gone->node);
    library->n_gone--;
    model_free(gone->model);
    free(gone);
}

/* ---- taking over what was found ---- */

struct takeover {
    struct library *library;
    struct scan *scan;
    struct model **records; /* the catalog's, then the gone ones */
    size_t n_records;
    struct model **matches; /* by found model */
    struct model **models;  /* the new catalog's */
    size_t n_models;
    struct map used;       /* ids of records that live on */
    struct model *nothing; /* every field empty */
};

/* The id that an earlier version gave this path, else a new one. */
static void
mint_id(struct library *library, struct model *model)
{
    const char *legacy = map_get(&library->legacy_ids, str_from(model->path));
    if (legacy != NULL &&
        map_get(&library->catalog.by_id, str_from(legacy)) == NULL) {
        snprintf(model->id, sizeof model->id, "%s", legacy);
        return;
    }
    uint8_t random[10];
    system_random(random, sizeof random);
    id_format(model->id, "model", loop_wall_ms(), random);
}

static bool
is_same_file(const struct model *a, const struct model *b)
{
    return a->device == b->device && a->inode == b->inode &&
           a->size_bytes == b->size_bytes &&
           a->modified_at_ms == b->modified_at_ms;
}

/* Whether the record's value goes before what the scan found. */
static bool
is_inherited(const struct found_model *found, const struct model *record,
             const struct model *nothing, const struct model_field *field)
{
    bool is_empty = model_field_equals(nothing, record, field);
    if ((field->flags & MODEL_DIGEST) != 0)
        return !is_empty &&
               (found->is_known || is_same_file(found->model, record));
    if ((field->flags & MODEL_FACT) != 0)
        return found->is_known;
    if ((field->flags & MODEL_KEPT) != 0)
        return !is_empty && model_field_equals(nothing, found->model, field);
    return !is_empty && (field->flags & MODEL_PLACE) == 0;
}

/* What the scan cannot know, or did not read, comes from the record; where
 * that has nothing, what a sidecar says stays. */
static int
inherit(struct found_model *found, const struct model *record,
        const struct model *nothing)
{
    struct model *model = found->model;
    memcpy(model->id, record->id, sizeof model->id);
    for (size_t i = 0; i < n_model_fields; i++)
        if (is_inherited(found, record, nothing, &model_fields[i]) &&
            model_copy_field(model, record, &model_fields[i]) < 0)
            return -1;
    model->gone_at_ms = 0;
    return 0;
}

static int
takeover_init(struct takeover *t)
{
    struct library *library = t->library;
    size_t room = library->catalog.n + library->n_gone + 1;
    map_init(&t->used);
    t->records = calloc(room, sizeof *t->records);
    t->matches = calloc(t->scan->n_models + 1, sizeof *t->matches);
    t->models = calloc(t->scan->n_models + room, sizeof *t->models);
    t->nothing = model_new();
    if (t->records == NULL || t->matches == NULL || t->models == NULL ||
        t->nothing == NULL)
        return -1;
    for (size_t i = 0; i < library->catalog.n; i++)
        t->records[t->n_records++] = library->catalog.models[i];
    LIST_FOR(node, &library->gone)
    t->records[t->n_records++] = LIST_ENTRY(node, struct gone, node)->model;
    return identity_match(t->scan->models, t->scan->n_models, t->records,
                          t->n_records, t->matches);
}

/* Whether the record was found under a folder that could not be read whole:
 * a disk that was unplugged must not end engines. */
static bool
is_out_of_sight(const struct scan *scan, const struct model *record)
{
    for (size_t i = 0; i < scan->n_roots; i++)
        if (strcmp(scan->roots[i].path, record->root) == 0)
            return scan->roots[i].is_incomplete &&
                   (!scan->roots[i].is_optional ||
                    scan->roots[i].resolved != NULL);
    return false;
}

/* ---- records that live on at a copy ---- */

/* The record that this place belongs to, when the place that stands for it is
 * gone: then it is the record from now on. NULL: nothing changes. */
static struct model *
inheritance(const struct takeover *t, const struct map *matched, size_t i)
{
    const struct found_model *found = &t->scan->models[i];
    struct model *place = t->matches[i];
    if (place == NULL || place->gone_at_ms != 0 ||
        (!found->is_known && !is_same_file(found->model, place)))
        return NULL;
    struct model *record = catalog_record(&t->library->catalog, place);
    return record == place || is_out_of_sight(t->scan, record) ||
                   map_get(matched, str_from(record->id)) != NULL
               ? NULL
               : record;
}

static int
pass_on_records(struct takeover *t)
{
    const struct catalog *catalog = &t->library->catalog;
    struct map matched;
    int result = 0;
    if (catalog->n_records == catalog->n)
        return 0; /* there is no copy */
    map_init(&matched);
    for (size_t i = 0; result == 0 && i < t->scan->n_models; i++)
        if (t->matches[i] != NULL)
            result =
                map_put(&matched, str_from(t->matches[i]->id), t->matches[i]);
    for (size_t i = 0; result == 0 && i < t->scan->n_models; i++) {
        struct model *record = inheritance(t, &matched, i);
        if (record == NULL)
            continue;
        t->matches[i] = record;
        result = map_put(&matched, str_from(record->id), record);
    }
    map_release(&matched);
    return result;
}

static int
take_found(struct takeover *t)
{
    for (size_t i = 0; i < t->scan->n_models; i++) {
        struct found_model *found = &t->scan->models[i];
        const struct model *record = t->matches[i];
        if (record != NULL) {
            if (inherit(found, record, t->nothing) < 0 ||
                map_put(&t->used, str_from(record->id), found->model) < 0)
                return -1;
        } else {
            mint_id(t->library, found->model);
            found->model->created_at_ms = loop_wall_ms();
        }
        t->models[t->n_models++] = found->model;
        found->model = NULL;
    }
    return 0;
}

static int
keep_out_of_sight(struct takeover *t)
{
    struct catalog *catalog = &t->library->catalog;
    for (size_t i = 0; i < catalog->n; i++) {
        const struct model *record = catalog->models[i];
        if (map_get(&t->used, str_from(record->id)) != NULL ||
            !is_out_of_sight(t->scan, record))
            continue;
        struct model *copy = model_copy(record);
        if (copy == NULL)
            return -1;
        t->models[t->n_models++] = copy;
        if (map_put(&t->used, str_from(copy->id), copy) < 0)
            return -1;
    }
    return 0;
}

static void
takeover_release(struct takeover *t)
{
    for (size_t i = 0; i < t->n_models; i++)
        model_free(t->models[i]);
    model_free(t->nothing);
    free(t->records);
    free(t->matches);
    free(t->models);
    map_release(&t->used);
}

/* What differs is stored; whether anything that is seen differs. */
static bool
store_changes(struct library *library, const struct catalog *before)
{
    const struct catalog *catalog = &library->catalog;
    const struct model *chunk[STORE_CHUNK];
    size_t n = 0;
    bool has_changed = before->n != catalog->n;
    for (size_t i = 0; i < catalog->n; i++) {
        const struct model *model = catalog->models[i];
        const struct model *old = map_get(&before->by_id, str_from(model->id));
        if (old != NULL && model_equals(old, model))
            continue;
        has_changed = true;
        chunk[n++] = model;
        if (n == STORE_CHUNK) {
            store_put_models(library->store, chunk, n, NULL, NULL);
            n = 0;
        }
    }
    if (n > 0)
        store_put_models(library->store, chunk, n, NULL, NULL);
    return has_changed;
}

/* Models of before that are no more become gone; gone ones that are back
 * leave the list. */
static void
sort_out_gone(struct library *library, struct catalog *before)
{
    LIST_FOR_SAFE(node, &library->gone)
    {
        struct gone *gone = LIST_ENTRY(node, struct gone, node);
        if (map_get(&library->catalog.by_id, str_from(gone->model->id)) != NULL)
            gone_drop(library, gone);
    }
    for (size_t i = 0; i < before->n; i++) {
        struct model *model = before->models[i];
        if (map_get(&library->catalog.by_id, str_from(model->id)) != NULL)
            continue;
        struct model *copy = model_copy(model);
        if (copy == NULL)
            continue; /* the row of the database still has it */
        copy->gone_at_ms = loop_wall_ms();
        const struct model *changed = copy;
        store_put_models(library->store, &changed, 1, NULL, NULL);
        if (gone_add(library, copy) < 0)
            model_free(copy);
    }
    while (library->n_gone > GONE_MAX) {
        struct gone *oldest =
            LIST_ENTRY(list_first(&library->gone), struct gone, node);
        store_delete_model(library->store, oldest->model->id, NULL, NULL);
        gone_drop(library, oldest);
    }
}

static void
replace_catalog(struct library *library, const struct catalog *catalog)
{
    struct catalog before = library->catalog;
    library->catalog = *catalog;
    bool has_changed = store_changes(library, &before);
    sort_out_gone(library, &before);
    if (has_changed)
        events_publish(library->events, EVENT_LIBRARY_CHANGED, "", NULL);
    catalog_release(&before);
}

void
takeover_apply(struct library *library, struct scan *scan)
{
    struct takeover t = { .library = library, .scan = scan };
    struct catalog catalog;
    bool is_done = !scan->is_out_of_memory && takeover_init(&t) == 0 &&
                   pass_on_records(&t) == 0 && take_found(&t) == 0 &&
                   keep_out_of_sight(&t) == 0 &&
                   catalog_init(&catalog, t.models, t.n_models) == 0;
    if (is_done)
        t.n_models = 0; /* the catalog's now */
    takeover_release(&t);
    if (!is_done) {
        library_log_problem(library,
                            "no memory for a scan; the models that were "
                            "known are kept");
        return;
    }
    bool is_told = scan->n_left_out == library->n_left_out &&
                   strcmp(scan->problem, library->problem) == 0;
    library->n_left_out = scan->n_left_out;
    memcpy(library->problem, scan->problem, sizeof library->problem);
    if (scan->n_left_out > 0 && !is_told)
        events_log(library->events, LOG_WARN, "library",
                   "%zu left out of the scan; the first: %s", scan->n_left_out,
                   scan->problem);
    replace_catalog(library, &catalog);
}
