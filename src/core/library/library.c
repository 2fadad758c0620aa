/* The owner of the catalog: what was known at the last end, asking, and what
 * every change of a model needs. */
#include "core/library/library.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "core/library/library_internal.h"
#include "store/store.h"

#define ID_KEY_PREFIX "model_id:"

/* ---- opening and closing ---- */

static int
on_legacy_id(void *ctx, const char *key, const char *value)
{
    struct library *library = ctx;
    if (strlen(value) >= ID_BYTES)
        return 0;
    char *copy = str_dup(str_from(value));
    if (copy == NULL ||
        map_put(&library->legacy_ids, str_from(key + strlen(ID_KEY_PREFIX)),
                copy) < 0) {
        free(copy);
        return -1;
    }
    return 0;
}

struct loading {
    struct library *library;
    struct model **models; /* those that are there */
    size_t n;
    bool is_out_of_memory;
};

static bool
is_still_there(const struct library *library, const struct model *model)
{
    struct folder_facts facts;
    if (model->gone_at_ms != 0)
        return false;
    for (size_t i = 0; i < library->n_roots; i++)
        if (strcmp(library->roots[i].path, model->root) == 0)
            return folder_facts(model->path, &facts) == 0;
    return false;
}

static int
on_stored_model(void *ctx, struct model *model)
{
    struct loading *loading = ctx;
    struct library *library = loading->library;
    if (!is_still_there(library, model)) {
        if (gone_add(library, model) == 0)
            return 0;
    } else {
        if ((loading->n & (loading->n - 1)) == 0) {
            size_t room = loading->n == 0 ? 1 : loading->n * 2;
            struct model **grown =
                realloc_checked(loading->models, room, sizeof *grown);
            if (grown == NULL)
                goto no_memory;
            loading->models = grown;
        }
        loading->models[loading->n++] = model;
        return 0;
    }
no_memory:
    loading->is_out_of_memory = true;
    model_free(model);
    return -1;
}

/* The models of the last run whose files are there: enough to serve before
 * the first scan has ended. */
static int
load_known(struct library *library, struct error *error)
{
    struct loading loading = { .library = library };
    int result = store_load_metadata(library->store, ID_KEY_PREFIX,
                                     on_legacy_id, library, error);
    if (result == 0)
        result =
            store_load_models(library->store, on_stored_model, &loading, error);
    if (result == 0 &&
        catalog_init(&library->catalog, loading.models, loading.n) == 0) {
        free(loading.models);
        return 0;
    }
    if (result == 0 || loading.is_out_of_memory)
        error_set(error, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < loading.n; i++)
        model_free(loading.models[i]);
    free(loading.models);
    return -1;
}

int
library_new(const struct library_options *options, struct library **ret_library,
            struct error *error)
{
    struct library *library = calloc(1, sizeof *library);
    if (library == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    library->loop = options->loop;
    library->events = options->events;
    library->store = options->store;
    map_init(&library->legacy_ids);
    map_init(&library->unhashable);
    list_init(&library->gone);
    list_init(&library->manage_jobs);
    walks_init(library);
    if (library_configure(library, options, error) < 0 ||
        load_known(library, error) < 0) {
        library_free(library);
        return -1;
    }
    *ret_library = library;
    return 0;
}

void
library_free(struct library *library)
{
    if (library == NULL)
        return;
    watch_free(library->watch);
    walks_detach(library);
    hashes_detach(library);
    manage_detach(library);
    LIST_FOR_SAFE(node, &library->gone)
    gone_drop(library, LIST_ENTRY(node, struct gone, node));
    size_t at = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&library->legacy_ids, &at)) != NULL)
        free(slot->value);
    map_release(&library->legacy_ids);
    map_release(&library->unhashable);
    catalog_release(&library->catalog);
    roots_free(library->roots, library->n_roots);
    free(library->archive_dir);
    free(library);
}

/* ---- asking ---- */

size_t
library_count(const struct library *library)
{
    return library->catalog.n_records;
}

const struct model *
library_at(const struct library *library, size_t i)
{
    return i < library->catalog.n_records ? library->catalog.records[i] : NULL;
}

/* The record that lives on after this place of it went. */
static struct model *
find_after(const struct library *library, struct str id)
{
    LIST_FOR(node, &library->gone)
    {
        const struct model *model = LIST_ENTRY(node, struct gone, node)->model;
        if (str_is(id, model->id))
            return catalog_same(&library->catalog, model);
    }
    return NULL;
}

const struct model *
library_find(const struct library *library, struct str id_or_name)
{
    struct model *model = map_get(&library->catalog.by_id, id_or_name);
    if (model == NULL)
        model = map_get(&library->catalog.by_name, id_or_name);
    if (model == NULL && str_starts_with(id_or_name, STR("model_")))
        model = find_after(library, id_or_name);
    if (model == NULL)
        model = catalog_find_origin(&library->catalog, id_or_name);
    return model == NULL ? NULL : catalog_record(&library->catalog, model);
}

const struct model *
library_find_path(const struct library *library, const char *path)
{
    for (size_t i = 0; i < library->catalog.n; i++) {
        struct model *model = library->catalog.models[i];
        if (strcmp(model->path, path) == 0 ||
            text_list_has(&model->other_paths, str_from(path)))
            return catalog_record(&library->catalog, model);
    }
    return NULL;
}

/* ---- for the files that change models ---- */

void
library_log_problem(struct library *library, const char *message)
{
    events_log(library->events, LOG_WARN, "library", "%s", message);
}

struct model *
library_get(struct library *library, const char *id)
{
    return map_get(&library->catalog.by_id, str_from(id));
}

void
library_changed(struct library *library, const struct model *const *models,
                size_t n)
{
    store_put_models(library->store, models, n, NULL, NULL);
    events_publish(library->events, EVENT_LIBRARY_CHANGED, "", NULL);
}

void
library_add_origin(struct library *library, const char *id, struct str origin)
{
    struct model *model = library_get(library, id);
    if (model == NULL || text_list_has(&model->origins, origin) ||
        model->origins.n >= ORIGINS_MAX ||
        text_list_add(&model->origins, origin) < 0)
        return; /* no memory: it goes by its name */
    const struct model *changed = model;
    library_changed(library, &changed, 1);
}

int
library_rename_all(struct library *library)
{
    struct catalog catalog;
    if (catalog_init(&catalog, library->catalog.models, library->catalog.n) < 0)
        return -1;
    library->catalog.n = 0; /* the models are the new catalog's */
    catalog_release(&library->catalog);
    library->catalog = catalog;
    return 0;
}

/* The record lives on at another place: its id goes there. The id that the
 * place had leads to it, as that of a place that is gone. */
static void
hand_on(struct library *library, const struct model *forgotten,
        struct model *heir)
{
    struct model *gone = model_copy(heir);
    memcpy(heir->id, forgotten->id, sizeof heir->id);
    heir->created_at_ms = forgotten->created_at_ms;
    (void)copies_adopt(heir, forgotten);
    const struct model *changed[] = { heir, gone };
    if (gone != NULL)
        gone->gone_at_ms = loop_wall_ms();
    store_put_models(library->store, changed, gone == NULL ? 1 : 2, NULL, NULL);
    if (gone != NULL && gone_add(library, gone) < 0)
        model_free(gone);
}

void
library_forget(struct library *library, const char *id)
{
    struct catalog catalog, before = library->catalog;
    struct model **models = calloc(before.n + 1, sizeof *models);
    struct model *forgotten = library_get(library, id);
    const struct model *next =
        forgotten == NULL ? NULL : catalog_location(&before, forgotten, 1);
    size_t n = 0;
    for (size_t i = 0; models != NULL && i < before.n; i++)
        if (before.models[i] != forgotten)
            models[n++] = before.models[i];
    if (next != NULL && catalog_record(&before, forgotten) == forgotten)
        hand_on(library, forgotten, library_get(library, next->id));
    else
        store_delete_model(library->store, id, NULL, NULL);
    bool is_done = forgotten != NULL && models != NULL &&
                   catalog_init(&catalog, models, n) == 0;
    free(models);
    if (!is_done)
        return; /* the next scan finds that it is gone */
    library->catalog = catalog;
    events_publish(library->events, EVENT_LIBRARY_CHANGED, "", NULL);
    before.n = 0; /* the others are the new catalog's */
    catalog_release(&before);
    model_free(forgotten);
}
