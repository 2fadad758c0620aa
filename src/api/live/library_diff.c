/* The bus says that the library changed; clients want to hear which model.
 * While somebody is here, a digest of each model's record is kept, by which the
 * next look tells what is new, changed or gone. More than a few at once are told
 * as one list. A large library is looked at seldom; what a user changed in one
 * model is told at once, for the bus says which one that is. */
#include <stdlib.h>

#include "api/live/live_internal.h"

enum {
    ONE_BY_ONE_MAX = 100,
    /* A look at all takes time: it waits for more to look at, so that it takes
     * a few hundredths of it at most. */
    MODELS_PER_MS = 10
};

static int
by_id(const void *a, const void *b)
{
    return strcmp(((const struct live_model *)a)->id,
                  ((const struct live_model *)b)->id);
}

static struct live_model *
find(struct live_model *models, size_t n, const char *id)
{
    struct live_model key;
    snprintf(key.id, sizeof key.id, "%s", id);
    return n == 0 ? NULL : bsearch(&key, models, n, sizeof key, by_id);
}

/* Without its state, which is told by another event. */
static uint64_t
digest(struct api *api, const struct model *model, struct strbuf *text)
{
    struct json_writer w;
    strbuf_clear(text);
    json_writer_init(&w, text);
    model_write(api, model, &w);
    struct str all = strbuf_view(text), state = STR(",\"state\":");
    for (size_t n = all.n; n > state.n; n--)
        if (str_ends_with((struct str){ all.p, n }, state)) {
            all.n = n;
            break;
        }
    return str_hash(all);
}

/* -1: no memory. */
static int
look(struct live *live, struct live_model **ret_models, size_t *ret_n)
{
    const struct library *library = live->api->options.library;
    struct strbuf text = STRBUF_INIT(4 * MIB);
    size_t n = library_count(library);
    struct live_model *models = calloc(n + 1, sizeof *models);
    if (models == NULL)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct model *model = library_at(library, i);
        snprintf(models[i].id, sizeof models[i].id, "%s", model->id);
        models[i].hash = digest(live->api, model, &text);
    }
    strbuf_release(&text);
    qsort(models, n, sizeof *models, by_id);
    *ret_models = models;
    *ret_n = n;
    return 0;
}

void
library_diff_start(struct live *live)
{
    if (!live->has_models && look(live, &live->models, &live->n_models) == 0)
        live->has_models = true;
}

static void
tell_model(struct live *live, const char *event, const char *id)
{
    struct live_message message;
    const struct model *model =
        library_find(live->api->options.library, str_from(id));
    if (model == NULL)
        return;
    struct json_writer *w =
        broadcast_begin(live, &message, event, MESSAGE_KEPT);
    json_object_begin(w);
    json_key(w, "model");
    model_write(live->api, model, w);
    json_object_end(w);
    broadcast_end(live, &message);
}

static void
tell_gone(struct live *live, const char *id)
{
    struct live_message message;
    struct json_writer *w =
        broadcast_begin(live, &message, "models:deleted", MESSAGE_KEPT);
    json_object_begin(w);
    member_text(w, "modelId", id);
    json_object_end(w);
    broadcast_end(live, &message);
}

static void
tell_list(struct live *live)
{
    const struct library *library = live->api->options.library;
    struct live_message message;
    struct json_writer *w =
        broadcast_begin(live, &message, "models:list", MESSAGE_KEPT);
    json_object_begin(w);
    json_key(w, "models");
    json_array_begin(w);
    for (size_t i = 0; i < library_count(library); i++)
        model_write(live->api, library_at(library, i), w);
    json_array_end(w);
    json_object_end(w);
    broadcast_end(live, &message);
}

/* How many differ; `is_told` tells them, too. */
static size_t
compare(struct live *live, const struct live_model *now, size_t n_now,
        bool is_told)
{
    size_t n_different = 0;
    for (size_t i = 0; i < live->n_models; i++)
        live->models[i].is_seen = false;
    for (size_t i = 0; i < n_now; i++) {
        struct live_model *before =
            find(live->models, live->n_models, now[i].id);
        if (before != NULL)
            before->is_seen = true;
        if (before != NULL && before->hash == now[i].hash)
            continue;
        n_different++;
        if (is_told)
            tell_model(live,
                       before == NULL ? "models:created" : "models:updated",
                       now[i].id);
    }
    for (size_t i = 0; i < live->n_models; i++) {
        if (live->models[i].is_seen)
            continue;
        n_different++;
        if (is_told)
            tell_gone(live, live->models[i].id);
    }
    return n_different;
}

static void
on_timer(struct timer *timer)
{
    struct live *live = LIST_ENTRY(timer, struct live, library_changed);
    struct live_model *now;
    size_t n_now;
    if (look(live, &now, &n_now) < 0)
        return; /* the next change will tell */
    if (!live->has_models || compare(live, now, n_now, false) > ONE_BY_ONE_MAX)
        tell_list(live);
    else
        compare(live, now, n_now, true);
    free(live->models);
    live->models = now;
    live->n_models = n_now;
    live->has_models = true;
}

bool
library_diff_tell(struct live *live, const char *id)
{
    const struct model *model =
        library_find(live->api->options.library, str_from(id));
    struct live_model *before = find(live->models, live->n_models, id);
    struct strbuf text = STRBUF_INIT(4 * MIB);
    if (!live->has_models || before == NULL || model == NULL)
        return false;
    uint64_t hash = digest(live->api, model, &text);
    strbuf_release(&text);
    if (hash != before->hash)
        tell_model(live, "models:updated", id);
    before->hash = hash;
    return true;
}

size_t
library_diff_count_gone(const struct live *live)
{
    size_t n = 0;
    for (size_t i = 0; i < live->n_models; i++) {
        const char *id = live->models[i].id;
        const struct model *model =
            library_find(live->api->options.library, str_from(id));
        n += model == NULL || strcmp(model->id, id) != 0;
    }
    return n;
}

void
library_diff_init(struct live *live)
{
    timer_init(&live->library_changed, on_timer);
}

void
library_diff_await(struct live *live)
{
    if (!timer_is_armed(&live->library_changed))
        timer_start(live->api->options.loop, &live->library_changed,
                    (int64_t)live->n_models / MODELS_PER_MS);
}

void
library_diff_release(struct live *live)
{
    free(live->models);
    live->models = NULL;
    live->n_models = 0;
    live->has_models = false;
}
