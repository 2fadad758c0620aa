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

static void
write_status(struct gateway *gateway, const struct profile *profile,
             struct json_writer *w)
{
    struct instance_view view = { .state = INSTANCE_STOPPED };
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

static void
write_model(struct gateway *gateway, const struct profile *profile,
            const char *name, struct json_writer *w)
{
    json_object_begin(w);
    json_key(w, "id");
    json_text(w, name);
    json_key(w, "object");
    json_text(w, "model");
    json_key(w, "type");
    json_text(w, "model");
    json_key(w, "created");
    json_int(w, profile->created_at_ms / 1000);
    json_key(w, "created_at");
    write_moment(w, profile->created_at_ms);
    json_key(w, "owned_by");
    json_text(w, "hearth");
    json_key(w, "display_name");
    json_text(w, name);
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
    const char *first;
    const char *last;
};

static void
list_one(struct listing *listing, const struct profile *profile,
         const char *name)
{
    write_model(listing->gateway, profile, name, listing->w);
    if (listing->first == NULL)
        listing->first = name;
    listing->last = name;
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
    json_text(&w, listing.first);
    json_key(&w, "last_id");
    json_text(&w, listing.last);
    json_object_end(&w);
    if (strbuf_failed(&body))
        answer_status(exchange, 503, ERR_NO_MEMORY, "out of memory",
                      allow_origin, NULL);
    else
        answer_json(exchange, 200, allow_origin, strbuf_view(&body));
    strbuf_release(&body);
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
    struct auth_answer who; /* for its allow_origin */
};

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
    if (apply_change(change, &error) != 0)
        answer_error(exchange, &error, change->who.allow_origin, 0);
    else
        answer_json(exchange, 200, change->who.allow_origin,
                    STR("{\"success\":true}"));
}

static void
on_change_close(struct http_exchange *exchange, bool is_client_gone)
{
    struct change *change = http_ctx(exchange);
    (void)is_client_gone;
    strbuf_release(&change->body);
    free(change);
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
