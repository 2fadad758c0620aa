/* What the hubs have: searching, and the files of a repository. */
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

static enum hub_source
source_of(struct call *call)
{
    return str_is(query_text(call, "source"), "civitai") ? HUB_CIVITAI
                                                         : HUB_HUGGINGFACE;
}

void
hub_do_search(struct call *call)
{
    struct error error;
    struct str text = query_text(call, "q");
    int64_t most = query_int(call, "max_size_bytes", 0);
    if (most == 0)
        most = query_int(call, "max_size_gb", 0) * (int64_t)BYTES_PER_GB;
    const struct hub_search search = {
        .source = source_of(call),
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
    };
    call_ref(call);
    if (hub_search(call->api->options.hub, &search, on_data, call, &error) == 0)
        return;
    reply_error(call, &error);
    call_unref(call);
}

void
hub_do_files(struct call *call)
{
    struct error error;
    const struct hub_request request = {
        .source = HUB_HUGGINGFACE,
        .model_id = call->params[0],
        .revision = query_text(call, "revision"),
    };
    call_ref(call);
    if (hub_files(call->api->options.hub, &request, on_data, call, &error) == 0)
        return;
    reply_error(call, &error);
    call_unref(call);
}
