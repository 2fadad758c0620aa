/* /api/models: the files of the library. */
#include "api/handlers.h"

void
model_write(struct api *api, const struct model *model, struct json_writer *out)
{
    struct instance_view view = { .state = INSTANCE_STOPPED };
    struct profile *profile =
        profiles_get(api->options.profiles, str_from(model->id));
    if (profile != NULL)
        server_view(api, profile, &view);
    json_object_begin(out);
    member_text(out, "id", model->id);
    member_text(out, "name", model->name);
    member_text(out, "path", model->path);
    member_int(out, "size_bytes", model->size_bytes);
    member_int(out, "modified_at_ms", model->modified_at_ms);
    member_text(out, "state", instance_state_name(view.state));
    json_object_end(out);
}

void
models_list(struct call *call)
{
    struct library *library = call->api->options.library;
    struct json_writer *w = reply_begin(call);
    json_array_begin(w);
    for (size_t i = 0; i < library_count(library); i++)
        model_write(call->api, library_at(library, i), w);
    json_array_end(w);
    reply_end(call, 200);
}

void
models_show(struct call *call)
{
    struct str id = call->params[0];
    const struct model *model = library_find(call->api->options.library, id);
    if (model == NULL) {
        reply_errorf(call, ERR_NOT_FOUND,
                     "there is no model \"%.*s\" in the library",
                     (int)(id.n > 200 ? 200 : id.n), id.p);
        return;
    }
    model_write(call->api, model, reply_begin(call));
    reply_end(call, 200);
}

static void
on_scanned(void *ctx)
{
    struct call *call = ctx;
    if (call->exchange != NULL) {
        struct json_writer *w = reply_begin(call);
        json_object_begin(w);
        member_int(w, "n_models",
                   (int64_t)library_count(call->api->options.library));
        json_object_end(w);
        reply_end(call, 200);
    }
    call_unref(call);
}

void
models_scan(struct call *call)
{
    library_scan(call->api->options.library, on_scanned, call_ref(call));
}
