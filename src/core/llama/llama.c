/* Which servers are followed, and what models they have. */
#include "core/llama/llama.h"

#include <stdlib.h>

#include "core/llama/llama_internal.h"
#include "engines/engines.h"

const char *
llama_state_name(enum llama_state state)
{
    static const char *const names[] = {
#define X(name, wire) [LLAMA_##name] = wire,
        LLAMA_STATES(X)
#undef X
    };
    return names[state];
}

/* ---- a list ---- */

struct llama_link *
llama_link_find(const struct llama *llama, const char *profile_id)
{
    LIST_FOR(node, &llama->links)
    {
        struct llama_link *link = LIST_ENTRY(node, struct llama_link, node);
        if (strcmp(link->profile_id, profile_id) == 0)
            return link;
    }
    return NULL;
}

static bool
has_alias(const struct llama_model *model, struct str name)
{
    struct str rest = str_from(model->aliases);
    while (rest.n > 0)
        if (str_eq(str_split(&rest, '\n'), name))
            return true;
    return false;
}

struct llama_model *
link_find(const struct llama_link *link, struct str name)
{
    for (size_t i = 0; i < link->n; i++)
        if (str_is(name, link->models[i].name))
            return &link->models[i];
    for (size_t i = 0; i < link->n; i++)
        if (has_alias(&link->models[i], name))
            return &link->models[i];
    return NULL;
}

static int
grow(struct llama_link *link)
{
    size_t room = link->room == 0 ? 16 : link->room * 2;
    struct llama_model *models =
        realloc(link->models, room * sizeof *link->models);
    if (models == NULL)
        return -1;
    link->models = models;
    uint64_t *told_at = realloc(link->told_at, room * sizeof *link->told_at);
    if (told_at == NULL)
        return -1;
    link->told_at = told_at;
    link->room = room;
    return 0;
}

struct llama_model *
link_add(struct llama_link *link, struct str name)
{
    if (name.n == 0 || name.n >= LLAMA_NAME_BYTES || link->n == MODELS_MAX ||
        (link->n == link->room && grow(link) < 0))
        return NULL;
    char *aliases = str_dup(STR("")), *path = str_dup(STR(""));
    if (aliases == NULL || path == NULL) {
        free(aliases);
        free(path);
        return NULL;
    }
    link->told_at[link->n] = 0;
    struct llama_model *model = &link->models[link->n++];
    *model = (struct llama_model){
        .aliases = aliases, .path = path, .exit_code = -1, .progress = -1
    };
    snprintf(model->name, sizeof model->name, "%.*s", STR_ARG(name));
    return model;
}

static void
model_release(struct llama_model *model)
{
    free(model->aliases);
    free(model->path);
}

void
link_remove(struct llama_link *link, size_t i)
{
    model_release(&link->models[i]);
    link->n--;
    memmove(&link->models[i], &link->models[i + 1],
            (link->n - i) * sizeof *link->models);
    memmove(&link->told_at[i], &link->told_at[i + 1],
            (link->n - i) * sizeof *link->told_at);
}

void
link_set_state(struct llama_link *link, struct llama_model *model,
               enum llama_state state, double progress, int exit_code)
{
    struct llama_change change = { .profile_id = link->profile_id,
                                   .model = model,
                                   .from = model->state };
    bool is_news = model->state != state ||
                   (state == LLAMA_LOADING && progress > model->progress);
    model->state = state;
    model->progress = state == LLAMA_LOADING ? progress : -1;
    model->exit_code = state == LLAMA_FAILED ? exit_code : -1;
    if (is_news)
        events_publish(link->llama->options.events, EVENT_LLAMA_MODEL,
                       link->profile_id, &change);
}

/* ---- which are followed ---- */

static void
follow(struct llama *llama, const struct instance_view *view)
{
    struct llama_link *link = llama_link_find(llama, view->profile->id);
    if (link != NULL)
        return;
    link = calloc(1, sizeof *link);
    if (link == NULL)
        return;
    link->llama = llama;
    link->is_external = view->manifest->is_external;
    snprintf(link->profile_id, sizeof link->profile_id, "%s",
             view->profile->id);
    snprintf(link->api_key, sizeof link->api_key, "%s", view->api_key);
    list_init(&link->orders);
    link->pool = http_pool_new(llama->options.loop, &view->address);
    list_push_back(&llama->links, &link->node);
    link_open(link);
}

/* Whoever is told of this looks for the server in vain. */
static void
unfollow(struct llama_link *link, bool is_told)
{
    list_remove(&link->node);
    link_close(link);
    for (size_t i = 0; i < link->n && is_told; i++)
        link_set_state(link, &link->models[i], LLAMA_UNLOADED, -1, -1);
    if (is_told)
        events_publish(link->llama->options.events, EVENT_LLAMA_MODELS,
                       link->profile_id, NULL);
    for (size_t i = 0; i < link->n; i++)
        model_release(&link->models[i]);
    free(link->models);
    free(link->told_at);
    free(link);
}

static bool
is_up(enum instance_state state)
{
    return state == INSTANCE_READY || state == INSTANCE_DRAINING ||
           state == INSTANCE_UNHEALTHY;
}

/* Something was changed that servers read. */
static void
note_change(struct llama *llama, const struct event *event)
{
    LIST_FOR(node, &llama->links)
    {
        struct llama_link *link = LIST_ENTRY(node, struct llama_link, node);
        const struct profile *server =
            profiles_get(llama->options.profiles, str_from(link->profile_id));
        char preset[PRESET_NAME_BYTES + 1];
        if (server == NULL || link->is_external || link->is_stale)
            continue;
        llama_preset_name(server, preset, sizeof preset);
        link->is_stale = event->type == EVENT_PRESETS_CHANGED
                             ? strcmp(preset, event->subject) == 0
                             : llama_reads(llama, server, event->payload);
        if (link->is_stale)
            events_publish(llama->options.events, EVENT_LLAMA_MODELS,
                           link->profile_id, NULL);
    }
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct llama *llama = LIST_ENTRY(subscription, struct llama, subscription);
    const struct instance_change *change = event->payload;
    struct instance_view view;
    if (event->type != EVENT_INSTANCE_STATE) {
        note_change(llama, event);
        return;
    }
    struct llama_link *link = llama_link_find(llama, change->profile_id);
    if (link != NULL && !is_up(change->to))
        unfollow(link, true);
    else if (change->to == INSTANCE_READY &&
             instances_view(llama->options.instances, change->profile_id,
                            &view) == 0 &&
             view.manifest != NULL && view.manifest->is_router)
        follow(llama, &view);
}

int
llama_new(const struct llama_options *options, struct llama **ret_llama,
          struct error *error)
{
    struct llama *llama = calloc(1, sizeof *llama);
    if (llama == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    llama->options = *options;
    list_init(&llama->links);
    events_subscribe(options->events, &llama->subscription,
                     EVENT_BIT(INSTANCE_STATE) | EVENT_BIT(PRESETS_CHANGED) |
                         EVENT_BIT(PROFILE_CREATED) |
                         EVENT_BIT(PROFILE_UPDATED) |
                         EVENT_BIT(PROFILE_DELETED),
                     on_event);
    *ret_llama = llama;
    return 0;
}

void
llama_free(struct llama *llama)
{
    if (llama == NULL)
        return;
    events_unsubscribe(&llama->subscription);
    LIST_FOR_SAFE(node, &llama->links)
    unfollow(LIST_ENTRY(node, struct llama_link, node), false);
    free(llama);
}

/* ---- what they serve ---- */

bool
llama_is_known(const struct llama *llama, const char *profile_id)
{
    const struct llama_link *link = llama_link_find(llama, profile_id);
    return link != NULL && link->is_known;
}

bool
llama_is_stale(const struct llama *llama, const char *profile_id)
{
    const struct llama_link *link = llama_link_find(llama, profile_id);
    return link != NULL && link->is_stale;
}

size_t
llama_count(const struct llama *llama, const char *profile_id)
{
    const struct llama_link *link = llama_link_find(llama, profile_id);
    return link == NULL ? 0 : link->n;
}

const struct llama_model *
llama_at(const struct llama *llama, const char *profile_id, size_t i)
{
    return &llama_link_find(llama, profile_id)->models[i];
}

const struct llama_model *
llama_find(const struct llama *llama, const char *profile_id, struct str name)
{
    const struct llama_link *link = llama_link_find(llama, profile_id);
    return link == NULL ? NULL : link_find(link, name);
}
