/* POST /api/profiles/preview: what a start would run, for who is still
 * writing the profile. Wrong values are no refusal here: they are told beside
 * what the right ones give. */
#include "api/handlers.h"
#include "core/instances/start_preview.h"

struct preview {
    struct call *call;
    struct field_problems problems;
};

static void
on_problem(void *ctx, const char *field, const char *message)
{
    struct preview *preview = ctx;
    for (size_t i = 0; i < preview->problems.n; i++)
        if (strcmp(preview->problems.at[i].field, field) == 0)
            return; /* the first one is told */
    problem_add(&preview->problems, str_from(field), "%s", message);
}

static void
write_env(char **env, struct json_writer *w)
{
    json_object_begin(w);
    for (; env != NULL && *env != NULL; env++) {
        struct str value = str_from(*env);
        struct str name = str_split(&value, '=');
        json_key_str(w, name);
        json_str(w, value);
    }
    json_object_end(w);
}

static void
write_problems(const struct field_problems *problems, struct json_writer *w)
{
    json_array_begin(w);
    for (size_t i = 0; i < problems->n; i++) {
        json_object_begin(w);
        member_text(w, "field", problems->at[i].field);
        member_text(w, "message", problems->at[i].message);
        json_object_end(w);
    }
    json_array_end(w);
}

static void
on_preview(void *ctx, const char *program, const struct engine_command *command)
{
    struct preview *preview = ctx;
    struct call *call = preview->call;
    if (call_is_open(call)) {
        struct json_writer *w = reply_begin(call);
        json_object_begin(w);
        member_text(w, "program", program);
        json_key(w, "argv");
        json_array_begin(w);
        for (size_t i = 0; i < command->argc; i++)
            json_text(w, command->argv[i]);
        json_array_end(w);
        json_key(w, "fields");
        json_array_begin(w);
        for (size_t i = 0; i < command->argc; i++)
            json_text(w, command->fields[i]);
        json_array_end(w);
        json_key(w, "env");
        write_env(command->env, w);
        json_key(w, "problems");
        write_problems(&preview->problems, w);
        json_object_end(w);
        reply_end(call, 200);
    }
    call_unref(call);
}

void
profiles_do_preview(struct call *call)
{
    struct error error = { .code = ERR_OK };
    struct preview *preview = arena_alloc(&call->arena, sizeof *preview);
    if (preview == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    preview->call = call;
    struct profile *profile = profiles_draft(
        call->api->options.profiles, input_text(call, "id"), call->input,
        call->who.may_execute, &preview->problems, &error);
    if (profile == NULL) {
        reply_problems(call, &preview->problems, &error);
        return;
    }
    call_ref(call);
    start_preview(call->api->options.instances,
                  &(struct start_preview_options){ .profile = profile,
                                                   .on_problem = on_problem,
                                                   .on_done = on_preview,
                                                   .ctx = preview });
    profile_unref(profile);
}
