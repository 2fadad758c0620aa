/* /api/profiles: what is stored of models and how they are served.
 *
 * core/profiles validates, stores and publishes; here stand the order of a
 * deletion (the profile first, so that nothing can start it anew, then its
 * server and its log) and what an edit means for a running server. */
#include "api/handlers.h"

/* ---- finding and showing ---- */

struct profile *
call_profile(struct call *call)
{
    struct profiles *profiles = call->api->options.profiles;
    struct str id = call->params[0];
    struct profile *profile = profiles_get(profiles, id);
    if (profile == NULL)
        profile = profiles_resolve(profiles, id);
    if (profile == NULL)
        reply_errorf(call, ERR_NOT_FOUND,
                     "there is no profile or model \"%.*s\"",
                     (int)(id.n > 200 ? 200 : id.n), id.p);
    return profile;
}

void
profile_write(struct api *api, struct profile *profile, struct json_writer *out)
{
    struct instance_view view;
    server_view(api, profile, &view);
    struct strbuf text = STRBUF_INIT(8 * MIB);
    struct json_writer w;
    json_writer_init(&w, &text);
    profile_to_json(api->options.engines, profile, false, &w);
    struct json_doc *doc = json_parse(strbuf_view(&text), NULL);
    json_object_begin(out);
    struct json_iter iter;
    json_iter_init(&iter, json_root(doc));
    while (doc != NULL && json_iter_next(&iter)) {
        json_key_str(out, iter.key);
        json_value(out, iter.value);
    }
    member_text(out, "state", instance_state_name(view.state));
    member_bool(out, "restart_required", view.restart_required);
    json_object_end(out);
    if (doc == NULL)
        out->out->state = STRBUF_NO_MEMORY;
    json_doc_free(doc);
    strbuf_release(&text);
}

static void
reply_profile(struct call *call, struct profile *profile, int status)
{
    profile_write(call->api, profile, reply_begin(call));
    reply_end(call, status);
}

void
profiles_list(struct call *call)
{
    struct profiles *profiles = call->api->options.profiles;
    struct json_writer *w = reply_begin(call);
    json_array_begin(w);
    for (size_t i = 0; i < profiles_count(profiles); i++)
        profile_write(call->api, profiles_at(profiles, i), w);
    json_array_end(w);
    reply_end(call, 200);
}

void
profiles_show(struct call *call)
{
    struct profile *profile = call_profile(call);
    if (profile != NULL)
        reply_profile(call, profile, 200);
}

void
profiles_show_next_port(struct call *call)
{
    struct error error = { .code = ERR_OK };
    int port = profiles_next_port(call->api->options.profiles, &error);
    if (port < 0) {
        reply_error(call, &error);
        return;
    }
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    member_int(w, "port", port);
    json_object_end(w);
    reply_end(call, 200);
}

void
profiles_show_defaults(struct call *call)
{
    struct profile *fresh = profile_new();
    if (fresh == NULL)
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
    else
        reply_profile(call, fresh, 200);
    profile_unref(fresh);
}

/* ---- making and changing ---- */

/* Refuses to change what is declared elsewhere: true when it may go on. */
static bool
is_editable(struct call *call, const struct profile *profile, const char *verb)
{
    const char *path = settings_file_path(call->api->options.settings);
    if (profile->source == PROFILE_SOURCE_DATABASE)
        return true;
    if (profile->source == PROFILE_SOURCE_FILE)
        reply_errorf(call, ERR_CONFLICT,
                     "\"%s\" is declared in %s and can only be %s there",
                     profile->name, path == NULL ? "hearth.yaml" : path, verb);
    else
        reply_errorf(call, ERR_CONFLICT,
                     "\"%s\" is a library model's own profile and can not be "
                     "%s; duplicate it to make one that can",
                     profile->name, verb);
    return false;
}

static void
on_created(void *ctx, struct profile *profile, const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL)
        reply_error(call, error);
    else if (call_is_open(call))
        reply_profile(call, profile, 201);
    call_unref(call);
}

void
profiles_add(struct call *call)
{
    struct field_problems problems = { .n = 0 };
    struct error error = { .code = ERR_OK };
    call_ref(call);
    if (profiles_create(call->api->options.profiles, call->input,
                        call->who.may_execute, &problems, on_created, call,
                        &error) < 0) {
        reply_problems(call, &problems, &error);
        call_unref(call);
    }
}

static void
on_updated(void *ctx, struct profile *profile, const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL) {
        reply_error(call, error);
    } else if (!call->api->is_closed) {
        instances_profile_changed(call->api->options.instances, profile);
        reply_profile(call, profile, 200);
    }
    call_unref(call);
}

void
profiles_change(struct call *call)
{
    struct profile *profile = call_profile(call);
    if (profile == NULL || !is_editable(call, profile, "changed"))
        return;
    struct field_problems problems = { .n = 0 };
    struct error error = { .code = ERR_OK };
    call_ref(call);
    if (profiles_update(call->api->options.profiles, str_from(profile->id),
                        call->input, call->who.may_execute, &problems,
                        on_updated, call, &error) < 0) {
        reply_problems(call, &problems, &error);
        call_unref(call);
    }
}

void
profiles_copy(struct call *call)
{
    struct profile *profile = call_profile(call);
    if (profile == NULL)
        return;
    struct str name = query_text(call, "new_name");
    if (name.n == 0)
        name = input_text(call, "new_name");
    if (name.n == 0)
        name = input_text(call, "name");
    struct error error = { .code = ERR_OK };
    if (name.n == 0) {
        error_field(&error, "name",
                    "a copy needs a name: ?new_name= or {\"new_name\": ...}");
        reply_error(call, &error);
        return;
    }
    call_ref(call);
    if (profiles_duplicate(call->api->options.profiles, str_from(profile->id),
                           name, on_created, call, &error) < 0) {
        reply_error(call, &error);
        call_unref(call);
    }
}

/* ---- deleting ---- */

struct removal {
    struct call *call;
    struct profile *profile;   /* one reference */
    struct instance_view view; /* before */
    bool is_waited_for;
};

static void
removal_end(struct removal *removal)
{
    profile_unref(removal->profile);
    call_unref(removal->call);
}

static void
on_forgotten(void *ctx)
{
    struct removal *removal = ctx;
    reply_empty(removal->call); /* nothing when 202 was said */
    removal_end(removal);
}

static void
on_deleted(void *ctx, struct profile *profile, const struct error *error)
{
    struct removal *removal = ctx;
    struct call *call = removal->call;
    if (error != NULL || call->api->is_closed) {
        if (error != NULL)
            reply_error(call, error);
        removal_end(removal);
        return;
    }
    if (server_is_running(&removal->view) && !removal->is_waited_for) {
        removal->view.state = INSTANCE_STOPPING;
        removal->view.profile = removal->profile;
        change_write(&removal->view, reply_begin(call));
        reply_end(call, 202);
    }
    instances_forget(call->api->options.instances, removal->profile->id,
                     on_forgotten, removal);
}

void
profiles_remove(struct call *call)
{
    struct profile *profile = call_profile(call);
    if (profile == NULL || !is_editable(call, profile, "deleted"))
        return;
    struct removal *removal = arena_alloc(&call->arena, sizeof *removal);
    if (removal == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    removal->call = call_ref(call);
    removal->is_waited_for = query_bool(call, "wait", false);
    server_view(call->api, profile, &removal->view);
    removal->profile = profile_ref(profile);
    struct error error = { .code = ERR_OK };
    if (profiles_delete(call->api->options.profiles, str_from(profile->id),
                        on_deleted, removal, &error) < 0) {
        reply_error(call, &error);
        removal_end(removal);
    }
}
