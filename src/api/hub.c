/* What the hubs have: searching, the files of a repository, small questions. */
#include <stdio.h>

#include "api/handlers.h"

enum { BYTES_PER_GB = 1024 * 1024 * 1024 };

static void
on_data(void *ctx, const struct strbuf *data, const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL) {
        reply_error(call, error);
    } else {
        json_raw(reply_begin(call), strbuf_view(data));
        reply_end(call, 200);
    }
    call_unref(call);
}

/* After what was asked of the hub: `rc` of the question. */
static void
await(struct call *call, int rc, const struct error *error)
{
    if (rc == 0)
        return;
    reply_error(call, error);
    call_unref(call);
}

static enum hub_source
source_named(struct str name)
{
    return str_is(name, "civitai") ? HUB_CIVITAI : HUB_HUGGINGFACE;
}

/* ---- what is here already ---- */

/* "org/name" or "org/name/file", whatever the case. */
static bool
is_of_repository(struct str text, struct str id)
{
    struct str start = { text.p, id.n };
    return text.n >= id.n && str_eq_nocase(start, id) &&
           (text.n == id.n || text.p[id.n] == '/');
}

static bool
is_model_of(const struct model *model, enum hub_source source, struct str id)
{
    int64_t number;
    if (source == HUB_CIVITAI)
        return str_to_i64(id, &number) == 0 && number > 0 &&
               model->civitai_model_id == number;
    struct str path = str_from(model->path), root = str_from(model->root);
    if (is_of_repository(str_from(model->label), id))
        return true;
    if (!str_starts_with(path, root) || path.n <= root.n + 1)
        return false;
    path = (struct str){ path.p + root.n + 1, path.n - root.n - 1 };
    return is_of_repository(path, id);
}

bool
hub_model_is_here(struct api *api, enum hub_source source, struct str id)
{
    const struct library *library = api->options.library;
    if (api->is_closed || id.n == 0)
        return false;
    for (size_t i = 0; i < library_count(library); i++) {
        const struct model *model = library_at(library, i), *place;
        for (size_t k = 0;
             (place = library_location(library, model, k)) != NULL; k++)
            if (is_model_of(place, source, id))
                return true;
    }
    return false;
}

static bool
is_here(void *ctx, enum hub_source source, struct str id)
{
    return hub_model_is_here(((struct call *)ctx)->api, source, id);
}

/* ---- the routes ---- */

void
hub_do_search(struct call *call)
{
    struct error error;
    struct str text = query_text(call, "q");
    int64_t most = query_int(call, "max_size_bytes", 0);
    if (most == 0)
        most = query_int(call, "max_size_gb", 0) * (int64_t)BYTES_PER_GB;
    const struct hub_search search = {
        .source = source_named(query_text(call, "source")),
        .text = text.n > 0 ? text : query_text(call, "query"),
        .author = query_text(call, "author"),
        .library = query_text(call, "library"),
        .kind = query_text(call, "kind"),
        .sort = query_text(call, "sort"),
        .cursor = query_text(call, "cursor"),
        .max_size_bytes = most,
        .gated = query_text(call, "gated").n == 0
                     ? -1
                     : query_bool(call, "gated", false),
        .limit = (int)query_int(call, "limit", 20),
        .is_here = is_here,
        .here_ctx = call,
    };
    call_ref(call);
    await(call,
          hub_search(call->api->options.hub, &search, on_data, call, &error),
          &error);
}

void
hub_do_files(struct call *call)
{
    struct error error;
    const struct hub_request request = {
        .source = source_named(query_text(call, "source")),
        .model_id = call->params[0],
        .revision = query_text(call, "revision"),
        .version_id = query_text(call, "version_id"),
    };
    call_ref(call);
    await(call,
          hub_files(call->api->options.hub, &request, on_data, call, &error),
          &error);
}

void
hub_do_hash(struct call *call)
{
    struct error error;
    call_ref(call);
    await(call,
          hub_find_hash(call->api->options.hub, call->params[0], on_data, call,
                        &error),
          &error);
}

/* ---- tokens ---- */

/* That a token is refused is an answer. */
static void
on_checked(void *ctx, const struct strbuf *data, const struct error *error)
{
    struct call *call = ctx;
    if (error == NULL || error->code != ERR_UNAUTHORIZED) {
        on_data(call, data, error);
        return;
    }
    enum hub_source source = source_named(input_text(call, "source"));
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    member_text(w, "source", source == HUB_CIVITAI ? "civitai" : "huggingface");
    member_bool(w, "is_valid", false);
    member_text(w, "name", NULL);
    member_text(w, "message", error->message);
    json_object_end(w);
    reply_end(call, 200);
    call_unref(call);
}

void
hub_do_check_token(struct call *call)
{
    struct error error;
    call_ref(call);
    await(call,
          hub_check_token(call->api->options.hub,
                          source_named(input_text(call, "source")),
                          input_text(call, "token"), on_checked, call, &error),
          &error);
}
