/* What is answered without an engine: the lists of models, loading and
 * unloading by hand.
 *
 * One list serves three kinds of clients: its objects carry the members of
 * OpenAI's (id, object, created, owned_by), Anthropic's (type, display_name,
 * created_at; has_more, first_id, last_id around them) and of llama.cpp's
 * router (aliases, tags, status{value, failed, exit_code}). Each profile and
 * each library model that no profile of the same name hides is in it once, by
 * the name of each place that holds its bytes. */
#include <stdlib.h>

#include "base/limits.h"
#include "core/instances/instances.h"
#include "core/library/library.h"
#include "core/profiles/profiles.h"
#include "gateway/gateway_internal.h"
#include "gateway/headers.h"

enum {
    LIST_BYTES = 64 * 1024 * 1024,
    CHANGE_BODY_BYTES = 64 * 1024,
    NAME_BYTES = 1024,
};

/* ---- one model ---- */

static const char *
status_value(enum instance_state state)
{
    switch (state) {
    case INSTANCE_ATTACHING:
    case INSTANCE_STARTING:
    case INSTANCE_LOADING: return "loading";
    case INSTANCE_READY:
    case INSTANCE_UNHEALTHY:
    case INSTANCE_DRAINING:
    case INSTANCE_STOPPING: /* its memory is still taken */ return "loaded";
    default: return "unloaded";
    }
}

/* Of a model that an engine for many has, if this name is one. */
static const struct llama_model *
find_elsewhere(struct gateway *gateway, const struct profile *profile)
{
    const struct llama_model *model = NULL;
    if (gateway->options.llama != NULL)
        (void)llama_resolve(gateway->options.llama, str_from(profile->name),
                            profile, &model);
    return model;
}

/* As that engine has it, in its own words. */
static void
write_llama_status(const struct llama_model *model, struct json_writer *w)
{
    bool has_failed = model->state == LLAMA_FAILED;
    json_key(w, "status");
    json_object_begin(w);
    json_key(w, "value");
    json_text(w, has_failed ? "unloaded" : llama_state_name(model->state));
    if (has_failed) {
        json_key(w, "failed");
        json_bool(w, true);
        json_key(w, "exit_code");
        if (model->exit_code >= 0)
            json_int(w, model->exit_code);
        else
            json_null(w);
    }
    json_object_end(w);
}

static void
write_status(struct gateway *gateway, const struct profile *profile,
             struct json_writer *w)
{
    struct instance_view view = { .state = INSTANCE_STOPPED };
    const struct llama_model *elsewhere = find_elsewhere(gateway, profile);
    if (elsewhere != NULL) {
        write_llama_status(elsewhere, w);
        return;
    }
    instances_view(gateway->options.instances, profile->id, &view);
    bool has_failed =
        view.state == INSTANCE_FAILED || view.state == INSTANCE_BACKOFF;
    json_key(w, "status");
    json_object_begin(w);
    json_key(w, "value");
    json_text(w, status_value(view.state));
    if (has_failed) {
        json_key(w, "failed");
        json_bool(w, true);
        json_key(w, "exit_code");
        if (view.exit.has_exited && view.exit.exit_code >= 0)
            json_int(w, view.exit.exit_code);
        else
            json_null(w);
    }
    json_object_end(w);
}

static void
write_moment(struct json_writer *w, int64_t at_ms)
{
    time_t at_s = (time_t)(at_ms / 1000);
    struct tm parts;
    char text[32] = "";
    if (gmtime_r(&at_s, &parts) != NULL)
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    json_text(w, text);
}

/* The members that every model has, but aliases, tags and status. */
static void
write_names(const char *name, int64_t created_at_ms, struct json_writer *w)
{
    json_key(w, "id");
    json_text(w, name);
    json_key(w, "object");
    json_text(w, "model");
    json_key(w, "type");
    json_text(w, "model");
    json_key(w, "created");
    json_int(w, created_at_ms / 1000);
    json_key(w, "created_at");
    write_moment(w, created_at_ms);
    json_key(w, "owned_by");
    json_text(w, "hearth");
    json_key(w, "display_name");
    json_text(w, name);
}

static void
write_model(struct gateway *gateway, const struct profile *profile,
            const char *name, struct json_writer *w)
{
    json_object_begin(w);
    write_names(name, profile->created_at_ms, w);
    json_key(w, "aliases");
    json_array_begin(w);
    for (size_t i = 0; i < profile->n_aliases; i++)
        json_text(w, profile->aliases[i]);
    json_array_end(w);
    json_key(w, "tags");
    json_array_begin(w);
    json_array_end(w);
    write_status(gateway, profile, w);
    json_object_end(w);
}

/* ---- lists ---- */

struct listing {
    struct gateway *gateway;
    struct json_writer *w;
    char first[NAME_BYTES];
    char last[NAME_BYTES];
};

static void
note_listed(struct listing *listing, const char *name)
{
    if (listing->first[0] == '\0')
        snprintf(listing->first, sizeof listing->first, "%s", name);
    snprintf(listing->last, sizeof listing->last, "%s", name);
}

static void
list_one(struct listing *listing, const struct profile *profile,
         const char *name)
{
    write_model(listing->gateway, profile, name, listing->w);
    note_listed(listing, name);
}

static void
list_places(struct listing *listing, const struct model *model)
{
    const struct gateway_options *options = &listing->gateway->options;
    const struct model *place;
    for (size_t i = 0;
         (place = library_location(options->library, model, i)) != NULL; i++) {
        const struct profile *profile =
            profiles_resolve(options->profiles, str_from(place->name));
        /* Another profile may have taken the name: it is listed above. */
        if (profile != NULL && profile->source == PROFILE_SOURCE_LIBRARY)
            list_one(listing, profile, place->name);
    }
}

/* A model that an engine for many has, under a name that leads to it. */
static void
list_llama_model(struct listing *listing, const char *name,
                 const struct profile *server, const struct llama_model *model)
{
    struct json_writer *w = listing->w;
    struct str rest = str_from(model->aliases);
    json_object_begin(w);
    write_names(name, server->created_at_ms, w);
    json_key(w, "aliases");
    json_array_begin(w);
    while (rest.n > 0)
        json_str(w, str_split(&rest, '\n'));
    json_array_end(w);
    json_key(w, "tags");
    json_array_begin(w);
    json_array_end(w);
    write_llama_status(model, w);
    json_object_end(w);
    note_listed(listing, name);
}

/* Those of the managed one go by their own name. What the library has, too,
 * is listed there; what another profile has the name of, by both names. */
static void
list_llama(struct listing *listing, struct profile *server)
{
    struct llama *llama = listing->gateway->options.llama;
    for (size_t i = 0; i < llama_count(llama, server->id); i++) {
        const struct llama_model *model = llama_at(llama, server->id, i), *own;
        struct str bare = str_from(model->name);
        const struct profile *known =
            profiles_resolve(listing->gateway->options.profiles, bare);
        bool is_own =
            llama_resolve(llama, bare, known, &own) == server && own == model;
        char name[NAME_BYTES];
        if (is_own && known != NULL)
            continue;
        snprintf(name, sizeof name, "%s%s%s", is_own ? "" : server->name,
                 is_own ? "" : "/", model->name);
        list_llama_model(listing, name, server, model);
    }
}

static void
write_all(struct listing *listing)
{
    struct profiles *profiles = listing->gateway->options.profiles;
    struct library *library = listing->gateway->options.library;
    for (size_t i = 0; i < profiles_count(profiles); i++) {
        const struct profile *profile = profiles_at(profiles, i);
        list_one(listing, profile, profile->name);
    }
    for (size_t i = 0; i < library_count(library); i++)
        list_places(listing, library_at(library, i));
    for (size_t i = 0; i < profiles_count(profiles) &&
                       listing->gateway->options.llama != NULL;
         i++)
        list_llama(listing, profiles_at(profiles, i));
}

void
models_answer_list(struct gateway *gateway, struct http_exchange *exchange,
                   const char *allow_origin)
{
    struct strbuf body = STRBUF_INIT(LIST_BYTES);
    struct json_writer w;
    struct listing listing = { .gateway = gateway, .w = &w };
    json_writer_init(&w, &body);
    json_object_begin(&w);
    json_key(&w, "object");
    json_text(&w, "list");
    json_key(&w, "data");
    json_array_begin(&w);
    write_all(&listing);
    json_array_end(&w);
    json_key(&w, "has_more");
    json_bool(&w, false);
    json_key(&w, "first_id");
    json_text(&w, listing.first[0] == '\0' ? NULL : listing.first);
    json_key(&w, "last_id");
    json_text(&w, listing.last[0] == '\0' ? NULL : listing.last);
    json_object_end(&w);
    if (strbuf_failed(&body))
        answer_status(exchange, 503, ERR_NO_MEMORY, "out of memory",
                      allow_origin, NULL);
    else
        answer_json(exchange, 200, allow_origin, strbuf_view(&body));
    strbuf_release(&body);
}

/* False: there is no such. */
static bool
answer_llama_model(struct gateway *gateway, struct http_exchange *exchange,
                   const char *allow_origin, struct str name)
{
    struct router_model found;
    struct error error;
    if (gateway->options.llama == NULL ||
        router_resolve(gateway->options.router, name, &found, &error) != 0)
        return false;
    const struct llama_model *model = llama_find(
        gateway->options.llama, found.profile->id, found.engine_model);
    if (model == NULL)
        return false;
    struct strbuf body = STRBUF_INIT(LIST_BYTES);
    struct json_writer w;
    struct listing listing = { .gateway = gateway, .w = &w };
    char text[NAME_BYTES];
    snprintf(text, sizeof text, "%.*s", STR_ARG(name));
    json_writer_init(&w, &body);
    list_llama_model(&listing, text, found.profile, model);
    answer_json(exchange, 200, allow_origin, strbuf_view(&body));
    strbuf_release(&body);
    return true;
}

void
models_answer_one(struct gateway *gateway, struct http_exchange *exchange,
                  const char *allow_origin)
{
    struct str path = http_request(exchange)->path;
    size_t skip = sizeof "/v1/models/" - 1;
    char name[NAME_BYTES];
    ptrdiff_t n = path_decode((struct str){ path.p + skip, path.n - skip },
                              name, sizeof name);
    const struct profile *profile =
        n < 0 ? NULL
              : profiles_resolve(gateway->options.profiles,
                                 (struct str){ name, (size_t)n });
    if (profile == NULL && n >= 0 &&
        answer_llama_model(gateway, exchange, allow_origin,
                           (struct str){ name, (size_t)n }))
        return;
    if (profile == NULL) {
        struct error error;
        error_set(&error, ERR_NOT_FOUND, "model '%.*s' not found",
                  n < 0 ? 0 : (int)(n > 200 ? 200 : n), name);
        answer_error(exchange, &error, allow_origin, 0);
        return;
    }
    struct strbuf body = STRBUF_INIT(LIST_BYTES);
    struct json_writer w;
    json_writer_init(&w, &body);
    write_model(gateway, profile, profile->name, &w);
    answer_json(exchange, 200, allow_origin, strbuf_view(&body));
    strbuf_release(&body);
}

/* As llama.cpp's router answers without a model. */
void
models_answer_props(struct gateway *gateway, struct http_exchange *exchange,
                    const char *allow_origin)
{
    struct strbuf body = STRBUF_INIT(4096);
    struct json_writer w;
    json_writer_init(&w, &body);
    json_object_begin(&w);
    json_key(&w, "role");
    json_text(&w, "router");
    json_key(&w, "max_instances");
    json_int(&w, gateway->options.models_max);
    json_key(&w, "models_autoload");
    json_bool(&w, true);
    json_object_end(&w);
    answer_json(exchange, 200, allow_origin, strbuf_view(&body));
    strbuf_release(&body);
}

/* ---- load and unload ---- */

struct change {
    struct gateway *gateway;
    enum path_kind kind;
    struct strbuf body;
    struct auth_answer who;         /* for its allow_origin */
    struct http_exchange *exchange; /* NULL: closed */
    bool is_waiting;                /* for an engine for many models */
};

static void
answer_change(struct change *change, const struct error *error)
{
    if (error != NULL)
        answer_error(change->exchange, error, change->who.allow_origin, 0);
    else
        answer_json(change->exchange, 200, change->who.allow_origin,
                    STR("{\"success\":true}"));
}

static void
change_free(struct change *change)
{
    strbuf_release(&change->body);
    free(change);
}

static void
on_told(void *ctx, const struct error *error)
{
    struct change *change = ctx;
    struct error ours;
    change->is_waiting = false;
    if (change->exchange == NULL) {
        change_free(change);
        return;
    }
    /* As llama.cpp answers it: what does not suit the state is a bad request. */
    if (error != NULL) {
        ours = *error;
        if (ours.code == ERR_CONFLICT)
            ours.code = ERR_BAD_REQUEST;
    }
    answer_change(change, error == NULL ? NULL : &ours);
}

/* 1: the engine for many models is asked. 0: it is not its. */
static int
change_elsewhere(struct change *change, const struct router_model *model,
                 struct error *error)
{
    struct llama *llama = change->gateway->options.llama;
    if (llama == NULL ||
        llama_find(llama, model->profile->id, model->engine_model) == NULL)
        return 0;
    int failed =
        change->kind == PATH_LOAD
            ? llama_load(llama, model->profile->id, model->engine_model,
                         on_told, change, error)
            : llama_unload(llama, model->profile->id, model->engine_model,
                           on_told, change, error);
    if (failed != 0) {
        error->code =
            error->code == ERR_CONFLICT ? ERR_BAD_REQUEST : error->code;
        return -1;
    }
    change->is_waiting = true;
    return 1;
}

static int
load(struct gateway *gateway, struct profile *profile, struct error *error)
{
    struct instance_view view;
    if (instances_view(gateway->options.instances, profile->id, &view) == 0 &&
        view.state != INSTANCE_STOPPED && view.state != INSTANCE_FAILED &&
        view.state != INSTANCE_BACKOFF && view.state != INSTANCE_STOPPING)
        return error_set(error, ERR_BAD_REQUEST, "model is already running");
    return router_load(gateway->options.router, profile, error);
}

static int
unload(struct gateway *gateway, struct profile *profile, struct error *error)
{
    struct instance_view view;
    if (instances_view(gateway->options.instances, profile->id, &view) != 0 ||
        view.state == INSTANCE_STOPPED || view.state == INSTANCE_FAILED)
        return error_set(error, ERR_BAD_REQUEST, "model is not running");
    return router_unload(gateway->options.router, profile->id, false, error);
}

static int
apply_change(struct change *change, struct error *error)
{
    struct json_doc *doc = json_parse(strbuf_view(&change->body), error);
    if (doc == NULL) {
        error->code = ERR_BAD_REQUEST;
        return -1;
    }
    struct str name;
    struct router_model model;
    int status = -1;
    if (!json_as_text(json_get(json_root(doc), "model"), &name))
        error_set(error, ERR_BAD_REQUEST,
                  "model name is missing from the request");
    else if (router_resolve(change->gateway->options.router, name, &model,
                            error) == 0)
        status = change_elsewhere(change, &model, error);
    if (status == 0)
        status = change->kind == PATH_LOAD
                     ? load(change->gateway, model.profile, error)
                     : unload(change->gateway, model.profile, error);
    json_doc_free(doc);
    return status;
}

static void
on_change_body(struct http_exchange *exchange, struct str bytes)
{
    struct change *change = http_ctx(exchange);
    strbuf_add_str(&change->body, bytes);
}

static void
on_change_end(struct http_exchange *exchange)
{
    struct change *change = http_ctx(exchange);
    struct error error;
    change->exchange = exchange;
    int status = apply_change(change, &error);
    if (status <= 0)
        answer_change(change, status < 0 ? &error : NULL);
}

static void
on_change_close(struct http_exchange *exchange, bool is_client_gone)
{
    struct change *change = http_ctx(exchange);
    (void)is_client_gone;
    change->exchange = NULL;
    if (!change->is_waiting)
        change_free(change);
}

static const struct http_exchange_ops change_ops = {
    .on_body = on_change_body,
    .on_body_end = on_change_end,
    .on_close = on_change_close,
};

void
models_change(struct gateway *gateway, struct http_exchange *exchange,
              enum path_kind kind, const char *allow_origin)
{
    struct change *change = calloc(1, sizeof *change);
    if (change == NULL) {
        answer_status(exchange, 503, ERR_NO_MEMORY, "out of memory",
                      allow_origin, NULL);
        return;
    }
    change->gateway = gateway;
    change->kind = kind;
    snprintf(change->who.allow_origin, sizeof change->who.allow_origin, "%s",
             allow_origin);
    strbuf_init(&change->body, CHANGE_BODY_BYTES);
    http_set_ops(exchange, &change_ops, change);
    http_limit_body(exchange, CHANGE_BODY_BYTES);
    if (http_request(exchange)->has_body)
        http_want_body(exchange);
    else
        on_change_end(exchange);
}
