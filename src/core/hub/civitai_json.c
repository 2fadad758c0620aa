/* What Civitai's JSON says of a version: which of its files is meant, and how
 * a version or a found model is shown. */
#include <stdio.h>
#include <stdlib.h>

#include "core/hub/hub_internal.h"
#include "formats/file_name.h"
#include "formats/sidecar.h"

static const struct {
    const char *type, *kind;
} kinds[] = {
    { "Checkpoint", "checkpoint" },
    { "LORA", "lora" },
    { "LoCon", "lora" },
    { "DoRA", "lora" },
    { "VAE", "vae" },
    { "TextualInversion", "embedding-sd" },
    { "Controlnet", "controlnet" },
    { "Upscaler", "upscaler" },
    { "TextEncoder", "text-encoder" },
};

static const char *
kind_of(struct str type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (str_eq_nocase(type, str_from(kinds[i].type)))
            return kinds[i].kind;
    return "";
}

static struct str
text_of(const struct json *object, const char *key)
{
    struct str text = STR("");
    json_as_text(json_get(object, key), &text);
    return text;
}

/* ---- which file ---- */

static bool
is_told(const struct json *file, const char *key, struct str wanted)
{
    return wanted.n == 0 ||
           str_eq_nocase(text_of(json_get(file, "metadata"), key), wanted);
}

static bool
matches(const struct hub_job *job, const struct json *file)
{
    const struct hub_request *r = &job->request;
    int64_t id = 0, wanted = 0;
    if (r->file_id.n > 0)
        return json_as_int(json_get(file, "id"), &id) &&
               str_to_i64(r->file_id, &wanted) == 0 && id == wanted;
    if (r->type.n > 0 && !str_eq_nocase(text_of(file, "type"), r->type))
        return false;
    return is_told(file, "format", r->format) &&
           is_told(file, "size", job->file_size) &&
           is_told(file, "fp", job->file_precision);
}

/* The primary one of type Model, unless something else was asked for. */
static const struct json *
choose_file(const struct hub_job *job, const struct json *files)
{
    const struct hub_request *r = &job->request;
    const struct json *first = NULL, *model = NULL;
    for (size_t i = 0; i < json_count(files); i++) {
        const struct json *file = json_at(files, i);
        bool is_primary = false;
        if (!matches(job, file))
            continue;
        if (first == NULL)
            first = file;
        json_as_bool(json_get(file, "primary"), &is_primary);
        bool is_model = str_is(text_of(file, "type"), "Model");
        if (is_primary && (is_model || r->type.n > 0))
            return file;
        if (model == NULL && is_model)
            model = file;
    }
    return model != NULL && r->type.n == 0 && r->file_id.n == 0 ? model : first;
}

static const char *
preview_of(struct hub_job *job, const struct json *version)
{
    const struct json *images = json_get(version, "images");
    for (size_t i = 0; i < json_count(images); i++) {
        const struct json *image = json_at(images, i);
        struct str type = text_of(image, "type");
        struct str url = text_of(image, "url");
        if ((type.n == 0 || str_is(type, "image")) &&
            str_starts_with(url, STR("http")))
            return hub_str(job, url);
    }
    return "";
}

const char *
civitai_number(struct hub_job *job, const struct json *value)
{
    int64_t number;
    if (!json_as_int(value, &number))
        return "";
    const char *text = arena_printf(&job->arena, "%lld", (long long)number);
    return text == NULL ? "" : text;
}

static int
fill_file(struct hub_job *job, const struct json *from, struct hub_file *file,
          struct error *error)
{
    struct str name = text_of(from, "name"), url = text_of(from, "downloadUrl");
    if (file_name_check(name, error) < 0)
        return -1;
    if (!hub_is_at(url, job->hub->options.civitai_endpoint))
        return error_set(error, ERR_BAD_GATEWAY,
                         "Civitai names an address elsewhere for %.*s",
                         STR_ARG(name));
    *file = (struct hub_file){
        .path = (char *)(uintptr_t)hub_str(job, name),
        .url = (char *)(uintptr_t)hub_str(job, url),
        .size_bytes = -1,
    };
    hub_hex(text_of(json_get(from, "hashes"), "SHA256"), 64, file->sha256);
    return 0;
}

/* The version, with what is known of its model, as it is kept beside the
 * file: on the heap, NULL when out of memory. One that is too long to be
 * read again is not kept. */
static char *
sidecar_of(const struct json *version)
{
    struct strbuf text = STRBUF_INIT(SIDECAR_BYTES);
    struct json_writer writer;
    json_writer_init(&writer, &text);
    sidecar_write(version, &writer);
    if (text.state == STRBUF_FULL)
        strbuf_clear(&text);
    char *sidecar = strbuf_detach(&text, NULL);
    strbuf_release(&text);
    return sidecar;
}

static struct hub_plan *
make_plan(struct hub_job *job, const struct json *version,
          struct hub_file *file)
{
    const struct json *model = json_get(version, "model");
    struct str name = text_of(model, "name");
    char *sidecar = sidecar_of(version);
    if (sidecar == NULL)
        return NULL;
    const struct hub_plan plan = {
        .source = HUB_CIVITAI,
        .model_id = (char *)(uintptr_t)civitai_number(
            job, json_get(version, "modelId")),
        .revision =
            (char *)(uintptr_t)civitai_number(job, json_get(version, "id")),
        .display_name =
            (char *)(uintptr_t)(name.n > 0 ? hub_str(job, name) : file->path),
        .kind = (char *)(uintptr_t)kind_of(text_of(model, "type")),
        .token = (char *)(uintptr_t)job->token,
        .sidecar = sidecar,
        .preview_url = (char *)(uintptr_t)preview_of(job, version),
        .files = file,
        .n_files = 1,
    };
    struct hub_plan *copy = hub_plan_copy(&plan);
    free(sidecar);
    return copy;
}

struct hub_plan *
civitai_plan(struct hub_job *job, const struct json *version,
             struct error *error)
{
    struct hub_file file;
    const struct hub_request *r = &job->request;
    const struct json *chosen = choose_file(job, json_get(version, "files"));
    bool is_choosy = r->file_id.n + r->type.n + r->format.n + job->file_size.n +
                         job->file_precision.n >
                     0;
    if (chosen == NULL) {
        error_set(error, ERR_NOT_FOUND, "this version has no file%s",
                  is_choosy ? " of that id, type, format, size or precision"
                            : "");
        return NULL;
    }
    if (fill_file(job, chosen, &file, error) < 0)
        return NULL;
    struct hub_plan *plan = make_plan(job, version, &file);
    if (plan == NULL)
        error_set(error, ERR_NO_MEMORY, "out of memory");
    return plan;
}

/* ---- showing a version ---- */

static void
write_number(const struct json *value, const char *key, struct json_writer *out)
{
    int64_t number;
    char text[32] = "";
    if (json_as_int(value, &number))
        snprintf(text, sizeof text, "%lld", (long long)number);
    json_key(out, key);
    json_text(out, text);
}

static void
write_size(const struct json *file, const char *key, struct json_writer *out)
{
    double kb = -1;
    json_as_real(json_get(file, "sizeKB"), &kb);
    json_key(out, key);
    if (kb < 0 || kb > 1e12)
        json_null(out);
    else
        json_int(out, (int64_t)(kb * 1024 + 0.5));
}

static void
write_file(const struct json *file, struct json_writer *out)
{
    char sha256[65];
    bool is_primary = false;
    const struct json *metadata = json_get(file, "metadata");
    hub_hex(text_of(json_get(file, "hashes"), "SHA256"), 64, sha256);
    json_as_bool(json_get(file, "primary"), &is_primary);
    json_object_begin(out);
    json_key(out, "path");
    json_str(out, text_of(file, "name"));
    write_size(file, "size", out);
    json_key(out, "sha256");
    json_text(out, sha256[0] == '\0' ? NULL : sha256);
    write_number(json_get(file, "id"), "file_id", out);
    json_key(out, "type");
    json_str(out, text_of(file, "type"));
    json_key(out, "format");
    json_str(out, text_of(metadata, "format"));
    json_key(out, "precision");
    json_str(out, text_of(metadata, "fp"));
    json_key(out, "is_primary");
    json_bool(out, is_primary);
    json_object_end(out);
}

void
civitai_write_version(const struct json *version, struct json_writer *out)
{
    const struct json *model = json_get(version, "model");
    const struct json *files = json_get(version, "files");
    const struct json *words = json_get(version, "trainedWords");
    json_object_begin(out);
    json_key(out, "source");
    json_text(out, "civitai");
    write_number(json_get(version, "modelId"), "model_id", out);
    write_number(json_get(version, "id"), "revision", out);
    json_key(out, "gated");
    json_bool(out, str_is(text_of(version, "availability"), "EarlyAccess"));
    json_key(out, "name");
    json_str(out, text_of(model, "name"));
    json_key(out, "version");
    json_str(out, text_of(version, "name"));
    json_key(out, "kind");
    json_text(out, kind_of(text_of(model, "type")));
    json_key(out, "base_model");
    json_str(out, text_of(version, "baseModel"));
    json_key(out, "trigger_words");
    json_array_begin(out);
    for (size_t i = 0; i < json_count(words); i++) {
        struct str word;
        if (json_as_text(json_at(words, i), &word))
            json_str(out, word);
    }
    json_array_end(out);
    json_key(out, "variants");
    json_array_begin(out);
    json_array_end(out);
    json_key(out, "projectors");
    json_array_begin(out);
    json_array_end(out);
    json_key(out, "files");
    json_array_begin(out);
    for (size_t i = 0; i < json_count(files); i++)
        write_file(json_at(files, i), out);
    json_array_end(out);
    json_object_end(out);
}

/* ---- showing a found model ---- */

void
civitai_write_found(struct hub_job *job, const struct json *model,
                    struct json_writer *out)
{
    const char *id = civitai_number(job, json_get(model, "id"));
    const struct json *version = json_at(json_get(model, "modelVersions"), 0);
    const struct json *stats = json_get(model, "stats");
    const struct json *file = choose_file(job, json_get(version, "files"));
    json_object_begin(out);
    json_key(out, "source");
    json_text(out, "civitai");
    json_key(out, "model_id");
    json_text(out, id);
    json_key(out, "name");
    json_str(out, text_of(model, "name"));
    json_key(out, "author");
    json_str(out, text_of(json_get(model, "creator"), "username"));
    json_key(out, "downloads");
    json_value(out, json_get(stats, "downloadCount"));
    json_key(out, "likes");
    json_value(out, json_get(stats, "thumbsUpCount"));
    json_key(out, "tags");
    json_value(out, json_get(model, "tags"));
    json_key(out, "gated");
    json_bool(out, str_is(text_of(version, "availability"), "EarlyAccess"));
    json_key(out, "library");
    json_str(out, text_of(version, "baseModel"));
    json_key(out, "kind");
    json_text(out, kind_of(text_of(model, "type")));
    json_key(out, "last_modified");
    json_value(out, json_get(version, "publishedAt"));
    write_size(file, "size_bytes", out);
    hub_write_here(job, str_from(id), out);
    json_object_end(out);
}
