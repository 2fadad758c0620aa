/* ComfyUI's extra paths and folders: see comfy_paths.h. */
#include "formats/comfy_paths.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/strbuf.h"
#include "formats/yaml.h"

struct walk {
    const struct comfy_reader *reader;
    struct comfy_path path; /* the section's members */
    struct strbuf base;     /* the section's; empty: none */
    struct strbuf joined, tidy;
    size_t n_lines;
    bool is_out_of_memory;
};

static void
ignore(const struct walk *walk, int line, const char *why)
{
    walk->reader->on_ignored(walk->reader->ctx, line, why);
}

static bool
fits(struct walk *walk, const struct strbuf *text)
{
    walk->is_out_of_memory |= text->state == STRBUF_NO_MEMORY;
    return !strbuf_failed(text);
}

/* ---- paths ---- */

/* As ComfyUI does: join, and resolve "." and ".." in the text alone. */
static void
tidy_path(struct str path, struct strbuf *out)
{
    strbuf_clear(out);
    while (path.n > 0) {
        struct str part = str_split(&path, '/');
        if (str_is(part, "..")) {
            while (out->n > 0 && out->p[out->n - 1] != '/')
                strbuf_truncate(out, out->n - 1);
            strbuf_truncate(out, out->n > 0 ? out->n - 1 : 0);
        } else if (part.n > 0 && !str_is(part, ".")) {
            strbuf_add_byte(out, '/');
            strbuf_add_str(out, part);
        }
    }
}

static void
join(struct strbuf *out, struct str base, struct str path)
{
    strbuf_clear(out);
    if (!str_starts_with(path, STR("/"))) {
        strbuf_add_str(out, base);
        strbuf_add_byte(out, '/');
    }
    strbuf_add_str(out, path);
}

static bool
is_clean(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7F)
            return false;
    return true;
}

/* ---- the base ---- */

static bool
is_of_name(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || c == '_';
}

/* "$NAME" or "${NAME}" at the front: its value, and how long it is; one that
 * is not set stays as it stands. 0: it is none. */
static size_t
add_variable(const struct walk *walk, struct str text, struct strbuf *out)
{
    enum { NAME_BYTES = 128 };
    char name[NAME_BYTES];
    bool has_braces = text.n > 1 && text.p[1] == '{';
    size_t start = has_braces ? 2 : 1, n = 0;
    while (start + n < text.n && is_of_name(text.p[start + n]))
        n++;
    size_t end = start + n + has_braces;
    if (text.p[0] != '$' || n == 0 || n >= NAME_BYTES || end > text.n ||
        (has_braces && text.p[end - 1] != '}'))
        return 0;
    snprintf(name, sizeof name, "%.*s", (int)n, text.p + start);
    const char *value = walk->reader->variable(walk->reader->ctx, name);
    if (value[0] != '\0')
        strbuf_add_text(out, value);
    else
        strbuf_add(out, text.p, end);
    return end;
}

static void
expand(const struct walk *walk, struct str text, struct strbuf *out)
{
    strbuf_clear(out);
    if (str_is(text, "~") || str_starts_with(text, STR("~/"))) {
        strbuf_add_text(out, walk->reader->variable(walk->reader->ctx, "HOME"));
        text = (struct str){ text.p + 1, text.n - 1 };
    }
    while (text.n > 0) {
        size_t n = add_variable(walk, text, out);
        if (n == 0) {
            strbuf_add_byte(out, text.p[0]);
            n = 1;
        }
        text = (struct str){ text.p + n, text.n - n };
    }
}

/* False: the section cannot be read. */
static bool
take_base(struct walk *walk, const struct yaml *section)
{
    const struct yaml *node = yaml_get(section, "base_path");
    struct strbuf expanded = STRBUF_INIT(LIMIT_PATH_BYTES - 1);
    struct str folder = str_from(walk->reader->folder);
    strbuf_clear(&walk->base);
    if (node == NULL || yaml_is_null(node)) {
        strbuf_add_str(&walk->base, folder);
        return true;
    }
    if (node->type != YAML_SCALAR) {
        ignore(walk, node->line,
               "base_path is no text: the section is left out");
        return false;
    }
    expand(walk, str_trim(node->text), &expanded);
    join(&walk->base, folder, strbuf_view(&expanded));
    bool is_fine = fits(walk, &expanded) && fits(walk, &walk->base);
    if (!is_fine)
        ignore(walk, node->line,
               "base_path is too long: the section is left out");
    strbuf_release(&expanded);
    return is_fine;
}

/* ---- sections ---- */

static void
tell_line(struct walk *walk, int line, struct str text)
{
    join(&walk->joined, strbuf_view(&walk->base), text);
    tidy_path(strbuf_view(&walk->joined), &walk->tidy);
    walk->path.path = strbuf_text(&walk->tidy);
    if (!fits(walk, &walk->joined) || !fits(walk, &walk->tidy))
        ignore(walk, line, "a path is too long: it is left out");
    else if (!is_clean(strbuf_view(&walk->tidy)))
        ignore(walk, line, "a path has control characters: it is left out");
    else if (walk->tidy.n == 0)
        ignore(walk, line, "a path is the root of all: it is left out");
    else
        walk->reader->on_path(walk->reader->ctx, &walk->path);
}

/* ComfyUI's older names of two of its folders. */
static struct str
folder_name(struct str key)
{
    if (str_is(key, "unet"))
        return STR("diffusion_models");
    if (str_is(key, "clip"))
        return STR("text_encoders");
    return key;
}

static int
tell_folder(struct walk *walk, const struct yaml_item *item,
            struct error *error)
{
    struct str lines = item->value->text;
    walk->path.folder = folder_name(item->key);
    if (item->value->type != YAML_SCALAR) {
        ignore(walk, item->line, "a folder is no text: it is left out");
        return 0;
    }
    while (lines.n > 0) {
        struct str line = str_trim(str_split(&lines, '\n'));
        if (walk->n_lines++ == COMFY_LINES_MAX)
            return error_set(error, ERR_TOO_LARGE,
                             "line %d: more than %d paths", item->line,
                             COMFY_LINES_MAX);
        if (line.n > 0)
            tell_line(walk, item->line, line);
    }
    return 0;
}

static bool
is_true(const struct yaml *node)
{
    return node != NULL && node->type == YAML_SCALAR && node->is_plain &&
           (str_eq_nocase(node->text, STR("true")) ||
            str_eq_nocase(node->text, STR("yes")) ||
            str_eq_nocase(node->text, STR("on")));
}

static bool
is_folder_key(struct str key)
{
    static const char *const others[] = { "base_path", "is_default",
                                          "custom_nodes", "configs" };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (str_is(key, others[i]))
            return false;
    return true;
}

static int
read_section(struct walk *walk, const struct yaml_item *section,
             struct error *error)
{
    if (yaml_is_null(section->value))
        return 0;
    if (section->value->type != YAML_MAPPING) {
        ignore(walk, section->line, "a section is no mapping: it is left out");
        return 0;
    }
    walk->path = (struct comfy_path){
        .section = section->key,
        .is_default = is_true(yaml_get(section->value, "is_default")),
    };
    if (!take_base(walk, section->value))
        return 0;
    for (const struct yaml_item *item = section->value->items; item != NULL;
         item = item->next)
        if (is_folder_key(item->key) && !yaml_is_null(item->value) &&
            tell_folder(walk, item, error) < 0)
            return -1;
    return 0;
}

int
comfy_paths_read(const struct comfy_reader *reader, struct str text,
                 struct error *error)
{
    struct yaml_doc *doc = yaml_parse(text, error);
    struct walk walk = { .reader = reader,
                         .base = STRBUF_INIT(LIMIT_PATH_BYTES - 1),
                         .joined = STRBUF_INIT(2 * LIMIT_PATH_BYTES),
                         .tidy = STRBUF_INIT(LIMIT_PATH_BYTES - 1) };
    const struct yaml *root = doc == NULL ? NULL : yaml_root(doc);
    int result = doc == NULL ? -1 : 0;
    if (root != NULL && !yaml_is_null(root) && root->type != YAML_MAPPING)
        result = error_set(error, ERR_INVALID, "line %d: sections are expected",
                           root->line);
    else if (root != NULL)
        for (const struct yaml_item *item = root->items;
             result == 0 && item != NULL; item = item->next)
            result = read_section(&walk, item, error);
    if (walk.is_out_of_memory)
        result = error_set(error, ERR_NO_MEMORY, "out of memory");
    strbuf_release(&walk.base);
    strbuf_release(&walk.joined);
    strbuf_release(&walk.tidy);
    yaml_doc_free(doc);
    return result;
}

/* ---- folders ---- */

enum model_kind
comfy_folder_kind(struct str folder)
{
    static const struct {
        const char *folder;
        enum model_kind kind;
    } rows[] = {
        { "checkpoints", MODEL_KIND_CHECKPOINT },
        { "diffusion_models", MODEL_KIND_CHECKPOINT },
        { "unet", MODEL_KIND_CHECKPOINT },
        { "loras", MODEL_KIND_LORA },
        { "vae", MODEL_KIND_VAE },
        { "vae_approx", MODEL_KIND_VAE },
        { "text_encoders", MODEL_KIND_TEXT_ENCODER },
        { "clip", MODEL_KIND_TEXT_ENCODER },
        { "controlnet", MODEL_KIND_CONTROLNET },
        { "t2i_adapter", MODEL_KIND_CONTROLNET },
        { "embeddings", MODEL_KIND_EMBEDDING_SD },
        { "upscale_models", MODEL_KIND_UPSCALER },
        { "latent_upscale_models", MODEL_KIND_UPSCALER },
        { "audio_encoders", MODEL_KIND_AUDIO },
        /* none of our kinds: clip_vision, style_models, hypernetworks,
         * gligen, photomaker, classifiers, model_patches */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_eq_nocase(folder, str_from(rows[i].folder)))
            return rows[i].kind;
    return MODEL_KIND_UNKNOWN;
}
