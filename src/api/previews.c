/* GET /api/models/{id}/preview: the picture that lies beside a model's file.
 * Shown in pages of ours by <img>, and good for nothing else: the headers say
 * that it is a picture of the type that its bytes are of, and no document. */
#include <stdio.h>

#include "api/handlers.h"

static void
send_preview(struct call *call, const struct library_preview *preview)
{
    struct http_header headers[REPLY_HEADERS_MAX + 1];
    char etag[80];
    if (call->exchange == NULL || http_has_responded(call->exchange))
        return;
    size_t n = reply_headers(&call->who, REPLY_PICTURE, headers);
    snprintf(etag, sizeof etag, "W/\"%s\"", preview->version);
    headers[n++] = (struct http_header){ STR("ETag"), str_from(etag) };
    bool is_known = etag_is_known(http_request(call->exchange)->headers, etag);
    call->is_answered = true;
    http_respond(call->exchange, is_known ? 304 : 200,
                 (struct http_headers){ headers, n },
                 is_known ? NULL : preview->type,
                 is_known ? STR("") : preview->bytes);
}

static void
on_read(void *ctx, const struct library_preview *preview,
        const struct error *error)
{
    struct call *call = ctx;
    if (call_is_open(call) && !call->api->is_closed) {
        if (error != NULL)
            reply_error(call, error);
        else
            send_preview(call, preview);
    }
    call_unref(call);
}

void
models_show_preview(struct call *call)
{
    const struct model *model = call_model(call);
    if (model != NULL)
        library_preview(call->api->options.library, model, on_read,
                        call_ref(call));
}
