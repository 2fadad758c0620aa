/* /api/settings: every key with its value and where that comes from. */
#include "api/handlers.h"

void
settings_show(struct call *call)
{
    settings_to_json(call->api->options.settings, reply_begin(call));
    reply_end(call, 200);
}

static void
on_updated(void *ctx, const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL)
        reply_error(call, error);
    else if (call_is_open(call))
        settings_show(call);
    call_unref(call);
}

void
settings_change(struct call *call)
{
    struct field_problems problems = { .n = 0 };
    struct error error = { .code = ERR_OK };
    call_ref(call);
    if (settings_update(call->api->options.settings, call->input,
                        call->who.may_execute, &problems, on_updated, call,
                        &error) < 0) {
        reply_problems(call, &problems, &error);
        call_unref(call);
    }
}
