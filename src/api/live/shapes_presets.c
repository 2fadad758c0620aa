/* Presets as this wire has them: files under `filename`, options under the
 * names of the file or in camel case. */
#include "api/live/live_internal.h"

/* ---- bodies ---- */

/* "ctxSize" and "ctx_size" as "ctx-size". */
static void
write_option_key(struct str key, struct json_writer *w)
{
    struct strbuf name = STRBUF_INIT(4 * KIB);
    for (size_t i = 0; i < key.n; i++) {
        char byte = key.p[i];
        bool is_capital = byte >= 'A' && byte <= 'Z';
        if (is_capital && i > 0)
            strbuf_add_byte(&name, '-');
        if (is_capital)
            byte = (char)(byte - 'A' + 'a');
        strbuf_add_byte(&name, byte == '_' ? '-' : byte);
    }
    json_key_str(w, strbuf_view(&name));
    strbuf_release(&name);
}

/* What is no object goes on as it is, to be refused by its name. */
static void
write_options(const struct json *config, struct json_writer *w)
{
    struct json_iter iter;
    if (config != NULL && json_type(config) != JSON_OBJECT) {
        json_value(w, config);
        return;
    }
    json_object_begin(w);
    if (config != NULL)
        for (json_iter_init(&iter, config); json_iter_next(&iter);) {
            write_option_key(iter.key, w);
            json_value(w, iter.value);
        }
    json_object_end(w);
}

void
body_section(const struct json *request, struct json_writer *w)
{
    json_object_begin(w);
    json_key(w, "options");
    write_options(json_get(request, "config"), w);
    json_object_end(w);
}

void
body_preset_text(const struct json *request, struct json_writer *w)
{
    const struct json *text = json_get(request, "content");
    json_object_begin(w);
    if (text != NULL) {
        json_key(w, "text");
        json_value(w, text);
    }
    json_object_end(w);
}

/* The version stands among the sections of such a `config`. */
static void
write_sections(const struct json *config, struct json_writer *w)
{
    struct json_iter iter;
    json_object_begin(w);
    for (json_iter_init(&iter, config); json_iter_next(&iter);) {
        if (json_type(iter.value) != JSON_OBJECT &&
            str_is(iter.key, "LLAMA_CONFIG_VERSION"))
            continue;
        json_key_str(w, iter.key);
        write_options(iter.value, w);
    }
    json_object_end(w);
}

/* They replace all that there are: without a `config` nothing is saved. */
void
body_sections(const struct json *request, struct json_writer *w)
{
    const struct json *config = json_get(request, "config");
    json_object_begin(w);
    if (config != NULL) {
        json_key(w, "sections");
        if (json_type(config) == JSON_OBJECT)
            write_sections(config, w);
        else
            json_value(w, config);
    }
    json_object_end(w);
}

void
body_new_preset(const struct json *request, struct json_writer *w)
{
    static const char *const members[] = { "description", "template", "text" };
    struct str name;
    json_object_begin(w);
    if (json_as_text(json_get(request, "filename"), &name) ||
        json_as_text(json_get(request, "name"), &name)) {
        json_key(w, "name");
        json_str(w, name);
    }
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const struct json *value = json_get(request, members[i]);
        if (value != NULL) {
            json_key(w, members[i]);
            json_value(w, value);
        }
    }
    json_object_end(w);
}

/* ---- answers ---- */

static void
write_file_name(const struct json *preset, const char *member,
                struct json_writer *w)
{
    struct str name = STR("");
    struct strbuf file = STRBUF_INIT(4 * KIB);
    json_as_text(json_get(preset, "name"), &name);
    strbuf_addf(&file, "%.*s.ini", STR_ARG(name));
    json_key(w, member);
    json_str(w, strbuf_view(&file));
    strbuf_release(&file);
}

static void
write_preset(const struct json *preset, struct json_writer *w)
{
    json_object_begin(w);
    copy_member(preset, "name", "name", w);
    copy_member(preset, "name", "filename", w);
    write_file_name(preset, "path", w);
    copy_member(preset, "path", "file", w);
    copy_member(preset, "parameters", "parameters", w);
    copy_member(preset, "text", "raw", w);
    copy_member(preset, "is_builtin", "builtin", w);
    copy_member(preset, "is_valid", "valid", w);
    copy_member(preset, "problems", "errors", w);
    copy_member(preset, "size_bytes", "size", w);
    copy_member(preset, "modified_at_ms", "lastModified", w);
    json_object_end(w);
}

void
write_presets(const struct json *presets, struct json_writer *w)
{
    json_object_begin(w);
    json_key(w, "presets");
    json_array_begin(w);
    for (size_t i = 0; i < json_count(presets); i++)
        write_preset(json_at(presets, i), w);
    json_array_end(w);
    json_object_end(w);
}

void
shape_presets(const struct shape_input *input, struct json_writer *w)
{
    write_presets(input->data, w);
}

void
shape_preset(const struct shape_input *input, struct json_writer *w)
{
    json_object_begin(w);
    json_key(w, "preset");
    write_preset(input->data, w);
    copy_member(input->data, "name", "filename", w);
    json_object_end(w);
}

void
shape_preset_deleted(const struct shape_input *input, struct json_writer *w)
{
    json_object_begin(w);
    json_key(w, "filename");
    json_str(w, input->subject);
    member_bool(w, "deleted", true);
    json_object_end(w);
}

void
shape_preset_models(const struct shape_input *input, struct json_writer *w)
{
    struct json_iter iter;
    const struct json *sections = json_get(input->data, "parameters");
    json_object_begin(w);
    json_key(w, "models");
    json_object_begin(w);
    if (json_type(sections) == JSON_OBJECT)
        for (json_iter_init(&iter, sections); json_iter_next(&iter);)
            if (!str_is(iter.key, "*")) {
                json_key_str(w, iter.key);
                json_value(w, iter.value);
            }
    json_object_end(w);
    json_object_end(w);
}

void
shape_preset_defaults(const struct shape_input *input, struct json_writer *w)
{
    const struct json *sections = json_get(input->data, "parameters");
    const struct json *defaults = json_get(sections, "*");
    json_object_begin(w);
    copy_member(input->data, "name", "filename", w);
    json_key(w, "defaults");
    if (defaults != NULL) {
        json_value(w, defaults);
    } else {
        json_object_begin(w);
        json_object_end(w);
    }
    json_object_end(w);
}

void
shape_preset_checked(const struct shape_input *input, struct json_writer *w)
{
    json_object_begin(w);
    copy_member(input->data, "is_valid", "valid", w);
    copy_member(input->data, "problems", "errors", w);
    copy_member(input->data, "line_count", "lineCount", w);
    json_object_end(w);
}

/* Of each option the engine's own default. */
void
shape_preset_options(const struct shape_input *input, struct json_writer *w)
{
    json_object_begin(w);
    json_key(w, "defaults");
    json_object_begin(w);
    for (size_t i = 0; i < json_count(input->data); i++) {
        const struct json *row = json_at(input->data, i);
        struct str key = STR("");
        json_as_text(json_get(row, "key"), &key);
        json_key_str(w, key);
        json_value(w, json_get(row, "default"));
    }
    json_object_end(w);
    json_key(w, "options");
    json_value(w, input->data);
    json_object_end(w);
}
