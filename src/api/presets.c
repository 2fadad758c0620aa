/* /api/presets: the INI files that llama.cpp's router starts with. */
#include "core/presets/presets.h"
#include "api/handlers.h"

/* ---- showing ---- */

static void
write_problems(const struct preset_problems *problems, struct json_writer *w)
{
    json_array_begin(w);
    for (size_t i = 0; i < problems->n; i++) {
        const struct preset_problem *problem = &problems->at[i];
        json_object_begin(w);
        member_int_if(w, "line", problem->line > 0, problem->line);
        member_text(w, "key", problem->key[0] == '\0' ? NULL : problem->key);
        member_text(w, "message", problem->message);
        json_object_end(w);
    }
    json_array_end(w);
}

static void
write_models(const struct preset *preset, struct json_writer *w)
{
    json_array_begin(w);
    for (size_t i = 0; i < ini_count(preset->ini); i++) {
        const struct ini_line *line = ini_at(preset->ini, i);
        if (line->kind == INI_SECTION && !str_is(line->section, "*"))
            json_str(w, line->section);
    }
    json_array_end(w);
}

static void
preset_write(struct api *api, const struct preset *preset,
             struct json_writer *w)
{
    char path[512];
    struct strbuf text = STRBUF_INIT(2 * INI_BYTES_MAX);
    preset_path(api->options.presets, preset->name, path);
    ini_write(preset->ini, &text);
    json_object_begin(w);
    member_text(w, "name", preset->name);
    member_text(w, "path", path);
    member_bool(w, "is_builtin", strcmp(preset->name, PRESET_BUILT_IN) == 0);
    member_int(w, "size_bytes", (int64_t)preset->n_bytes);
    member_int(w, "line_count", (int64_t)ini_count(preset->ini));
    member_int(w, "modified_at_ms", preset->modified_at_ms);
    member_bool(w, "is_valid", preset->problems.n == 0);
    json_key(w, "problems");
    write_problems(&preset->problems, w);
    json_key(w, "models");
    write_models(preset, w);
    json_key(w, "parameters");
    preset_parameters_write(preset, w);
    json_key(w, "text");
    json_str(w, strbuf_view(&text));
    json_object_end(w);
    if (strbuf_failed(&text))
        w->out->state = STRBUF_NO_MEMORY;
    strbuf_release(&text);
}

void
presets_write(struct api *api, struct json_writer *w)
{
    json_array_begin(w);
    for (size_t i = 0; i < presets_count(api->options.presets); i++)
        preset_write(api, presets_at(api->options.presets, i), w);
    json_array_end(w);
}

void
presets_list(struct call *call)
{
    presets_write(call->api, reply_begin(call));
    reply_end(call, 200);
}

/* The preset of the path, or NULL when it has answered. */
static const struct preset *
call_preset(struct call *call)
{
    struct str name = call->params[0];
    const struct preset *preset = presets_get(call->api->options.presets, name);
    if (preset == NULL)
        reply_errorf(call, ERR_NOT_FOUND, "there is no preset \"%.*s\"",
                     (int)(name.n > 100 ? 100 : name.n), name.p);
    return preset;
}

void
presets_show(struct call *call)
{
    const struct preset *preset = call_preset(call);
    if (preset == NULL)
        return;
    preset_write(call->api, preset, reply_begin(call));
    reply_end(call, 200);
}

void
presets_show_file(struct call *call)
{
    const struct preset *preset = call_preset(call);
    if (preset == NULL)
        return;
    char disposition[PRESET_NAME_BYTES + 40];
    snprintf(disposition, sizeof disposition, "attachment; filename=\"%s.ini\"",
             preset->name);
    const struct http_header extra = { STR("Content-Disposition"),
                                       str_from(disposition) };
    struct strbuf text = STRBUF_INIT(2 * INI_BYTES_MAX);
    ini_write(preset->ini, &text);
    if (strbuf_failed(&text))
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
    else
        reply_raw(call, 200, "text/plain; charset=utf-8", strbuf_view(&text),
                  &extra);
    strbuf_release(&text);
}

/* ---- what may stand in one ---- */

static void
write_option(const struct engine_option *row, struct json_writer *w)
{
    char key[PRESET_KEY_BYTES];
    preset_key_of(row, key);
    bool has_bounds = row->type == OPTION_INT || row->type == OPTION_REAL;
    json_object_begin(w);
    member_text(w, "key", key);
    member_text(w, "type", option_type_name(row->type));
    member_real_if(w, "min", has_bounds, row->min);
    member_real_if(w, "max", has_bounds, row->max);
    member_text(w, "default", row->default_text);
    json_key(w, "choices");
    json_array_begin(w);
    for (size_t i = 0; row->choices != NULL && row->choices[i] != NULL; i++)
        json_text(w, row->values != NULL ? row->values[i] : row->choices[i]);
    json_array_end(w);
    member_text(w, "group", row->group);
    member_text(w, "help", row->help);
    json_object_end(w);
}

void
presets_show_options(struct call *call)
{
    const struct engine_manifest *rows =
        presets_rows(call->api->options.presets);
    struct json_writer *w = reply_begin(call);
    json_array_begin(w);
    for (size_t i = 0; i < rows->n_options; i++)
        write_option(&rows->options[i], w);
    json_array_end(w);
    reply_end(call, 200);
}

void
presets_do_check(struct call *call)
{
    struct preset_problems problems = { .n = 0 };
    struct error error;
    struct ini *ini = ini_parse(input_text(call, "text"), &error);
    if (ini == NULL) {
        reply_error(call, &error);
        return;
    }
    presets_check(call->api->options.presets, ini, &problems);
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    member_bool(w, "is_valid", problems.n == 0);
    member_int(w, "line_count", (int64_t)ini_count(ini));
    json_key(w, "problems");
    write_problems(&problems, w);
    json_object_end(w);
    reply_end(call, 200);
    ini_free(ini);
}

/* ---- changes ---- */

static void
reply_preset_problems(struct call *call, const struct preset_problems *found,
                      const struct error *error)
{
    struct field_problems problems = { .n = 0 };
    for (size_t i = 0; found != NULL && i < found->n; i++) {
        const struct preset_problem *problem = &found->at[i];
        char field[ERROR_FIELD_MAX];
        if (problem->line > 0)
            snprintf(field, sizeof field, "line %d", problem->line);
        else
            snprintf(field, sizeof field, "%.60s", problem->key);
        problem_add(&problems, str_from(field), "%s%s%s",
                    problem->line > 0 ? problem->key : "",
                    problem->line > 0 && problem->key[0] != '\0' ? ": " : "",
                    problem->message);
    }
    reply_problems(call, &problems, error);
}

static void
on_changed(void *ctx, const struct preset *preset,
           const struct preset_problems *problems, const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL) {
        reply_preset_problems(call, problems, error);
    } else if (preset == NULL) {
        reply_empty(call);
    } else if (call_is_open(call)) {
        preset_write(call->api, preset, reply_begin(call));
        reply_end(call, call->row->handle == presets_create ? 201 : 200);
    }
    call_unref(call);
}

static void
change(struct call *call, const struct preset_change *what)
{
    presets_change(call->api->options.presets, what, on_changed,
                   call_ref(call));
}

/* What the sources' dashboard offers to begin with. */
static const struct {
    const char *name;
    const char *options;
} templates[] = {
    { "fast-chatbot", "ctx-size = 4096\nbatch-size = 512\n"
                      "temp = 0.7\ntop-p = 0.9\n" },
    { "creative-writing", "ctx-size = 8192\nbatch-size = 512\n"
                          "temp = 0.9\ntop-p = 0.95\n" },
    { "code-generation", "ctx-size = 4096\nbatch-size = 512\n"
                         "temp = 0.2\ntop-p = 0.95\n" },
    { "minimal-ram", "ctx-size = 2048\nbatch-size = 256\n"
                     "temp = 0.7\ntop-p = 0.9\n" },
};

const char *const preset_template_names[] = {
    "fast-chatbot", "creative-writing", "code-generation", "minimal-ram", NULL
};
_Static_assert(sizeof templates / sizeof *templates + 1 ==
                   sizeof preset_template_names / sizeof *preset_template_names,
               "every template has its name");

static void
write_new_text(struct call *call, struct strbuf *out)
{
    struct str description = input_text(call, "description");
    struct str template = input_text(call, "template");
    strbuf_add_text(out, "LLAMA_CONFIG_VERSION = 1\n");
    while (description.n > 0) {
        struct str line = str_split(&description, '\n');
        if (str_ends_with(line, STR("\r")))
            line.n--;
        strbuf_addf(out, "; %.*s\n", STR_ARG(line));
    }
    strbuf_add_text(out, "\n[*]\n");
    for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
        if (str_is(template, templates[i].name))
            strbuf_add_text(out, templates[i].options);
}

void
presets_create(struct call *call)
{
    struct strbuf text = STRBUF_INIT(2 * INI_BYTES_MAX);
    struct error error;
    bool has_text = json_get(call->input, "text") != NULL;
    if (has_text && (json_get(call->input, "template") != NULL ||
                     json_get(call->input, "description") != NULL)) {
        error_field(&error, "text",
                    "is the whole preset: neither template nor description "
                    "go with it");
        reply_error(call, &error);
        return;
    }
    if (!has_text)
        write_new_text(call, &text);
    change(call,
           &(struct preset_change){ .kind = PRESET_CREATE,
                                    .name = input_text(call, "name"),
                                    .text = has_text ? input_text(call, "text")
                                                     : strbuf_view(&text) });
    strbuf_release(&text);
}

void
presets_put(struct call *call)
{
    struct error error;
    const struct json *sections = json_get(call->input, "sections");
    bool has_text = json_get(call->input, "text") != NULL;
    if (has_text == (sections != NULL)) {
        error_field(&error, "text", "either `text` or `sections` is expected");
        reply_error(call, &error);
        return;
    }
    change(call, &(struct preset_change){
                     .kind = has_text ? PRESET_PUT : PRESET_SET_SECTIONS,
                     .name = call->params[0],
                     .text = input_text(call, "text"),
                     .values = sections });
}

void
presets_remove(struct call *call)
{
    change(call, &(struct preset_change){ .kind = PRESET_DELETE,
                                          .name = call->params[0] });
}

void
presets_put_section(struct call *call)
{
    bool is_new = query_bool(call, "create", false);
    change(call,
           &(struct preset_change){
               .kind = is_new ? PRESET_ADD_SECTION : PRESET_CHANGE_SECTION,
               .name = call->params[0],
               .section = call->params[1],
               .values = json_get(call->input, "options") });
}

void
presets_remove_section(struct call *call)
{
    change(call, &(struct preset_change){ .kind = PRESET_REMOVE_SECTION,
                                          .name = call->params[0],
                                          .section = call->params[1] });
}
