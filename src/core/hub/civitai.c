/* Civitai over its REST API (documented at developer.civitai.com).
 *
 *   GET /api/v1/models?query=...             searching
 *   GET /api/v1/models/N                     a model with its versions
 *   GET /api/v1/model-versions/V             one version with its files
 *   GET /api/v1/model-versions/by-hash/H     the same, found by a digest
 *
 * A file is asked for at its downloadUrl, which leads to a signed address
 * elsewhere (core/downloads does that). Its size is told in rounded
 * kilobytes, so the length that counts is the one of the answer. */
#include <stdio.h>
#include <stdlib.h>

#include "core/hub/hub_internal.h"
#include "formats/file_name.h"
#include "formats/http_fields.h"

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

/* ---- errors ---- */

void
civitai_error(const struct hub_job *job, const struct fetch_answer *answer,
              struct error *error)
{
    struct json_doc *doc = json_parse(answer->body, NULL);
    struct str words = text_of(json_root(doc), "message");
    char shown[256];
    (void)job;
    if (words.n == 0)
        words = text_of(json_root(doc), "error");
    snprintf(shown, sizeof shown, "%s%.*s", words.n == 0 ? "" : ": ",
             (int)(words.n > 200 ? 200 : words.n), words.n == 0 ? "" : words.p);
    json_doc_free(doc);
    switch (answer->status) {
    case 401:
        error_set(error, ERR_UNAUTHORIZED,
                  "Civitai wants an API key (civitai.token or "
                  "CIVITAI_API_KEY)%s",
                  shown);
        break;
    case 403:
        error_set(error, ERR_FORBIDDEN,
                  "Civitai does not let this account have it: early access, "
                  "or no permission%s",
                  shown);
        break;
    case 404:
    case 410:
        error_set(error, ERR_NOT_FOUND,
                  "Civitai has no such model or version"
                  "%s",
                  shown);
        break;
    case 429:
        error_set(error, ERR_TOO_MANY_REQUESTS,
                  "Civitai has had too many requests from here%s", shown);
        break;
    default:
        error_set(error,
                  answer->status >= 500 ? ERR_UNAVAILABLE : ERR_BAD_GATEWAY,
                  "Civitai answers %d%s", answer->status, shown);
    }
}

static void
odd(struct hub_job *job, const char *what)
{
    struct error error;
    error_set(&error, ERR_BAD_GATEWAY, "Civitai's answer is odd: %s", what);
    hub_job_fail(job, &error);
}

/* ---- which file ---- */

static bool
is_number(struct str text)
{
    if (text.n == 0 || text.n > 18)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    return true;
}

static bool
matches(const struct json *file, const struct hub_request *r)
{
    int64_t id = 0, wanted = 0;
    if (r->file_id.n > 0)
        return json_as_int(json_get(file, "id"), &id) &&
               str_to_i64(r->file_id, &wanted) == 0 && id == wanted;
    if (r->type.n > 0 && !str_eq_nocase(text_of(file, "type"), r->type))
        return false;
    return r->format.n == 0 ||
           str_eq_nocase(text_of(json_get(file, "metadata"), "format"),
                         r->format);
}

/* The primary one of type Model, unless something else was asked for. */
static const struct json *
choose_file(const struct json *files, const struct hub_request *r)
{
    const struct json *first = NULL, *model = NULL;
    for (size_t i = 0; i < json_count(files); i++) {
        const struct json *file = json_at(files, i);
        bool is_primary = false;
        if (!matches(file, r))
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

static void
lower_digest(struct str text, char ret_hex[65])
{
    ret_hex[0] = '\0';
    if (text.n != 64)
        return;
    for (size_t i = 0; i < 64; i++) {
        char c = text.p[i];
        bool is_hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
                      (c >= 'A' && c <= 'F');
        if (!is_hex) {
            ret_hex[0] = '\0';
            return;
        }
        ret_hex[i] = c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c;
    }
    ret_hex[64] = '\0';
}

static bool
is_own(const struct hub_job *job, struct str url)
{
    struct str endpoint = str_from(job->hub->options.civitai_endpoint);
    return str_starts_with(url, endpoint) && url.n > endpoint.n &&
           url.p[endpoint.n] == '/';
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

static const char *
number_of(struct hub_job *job, const struct json *value)
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
    if (!is_own(job, url))
        return error_set(error, ERR_BAD_GATEWAY,
                         "Civitai names an address elsewhere for %.*s",
                         STR_ARG(name));
    *file = (struct hub_file){
        .path = (char *)(uintptr_t)hub_str(job, name),
        .url = (char *)(uintptr_t)hub_str(job, url),
        .size_bytes = -1,
    };
    lower_digest(text_of(json_get(from, "hashes"), "SHA256"), file->sha256);
    return 0;
}

static void
take_version(struct hub_job *job, const struct json *version,
             const struct json *model)
{
    struct error error;
    struct hub_file file;
    const struct json *chosen =
        choose_file(json_get(version, "files"), &job->request);
    if (chosen == NULL) {
        error_set(&error, ERR_NOT_FOUND, "this version has no file%s",
                  job->request.file_id.n + job->request.type.n +
                              job->request.format.n >
                          0
                      ? " of that id, type or format"
                      : "");
        hub_job_fail(job, &error);
        return;
    }
    if (fill_file(job, chosen, &file, &error) < 0) {
        hub_job_fail(job, &error);
        return;
    }
    char *sidecar = json_to_text(version);
    struct str name = text_of(model, "name");
    const char *model_id = number_of(job, json_get(version, "modelId"));
    const struct hub_plan plan = {
        .source = HUB_CIVITAI,
        .model_id =
            (char *)(uintptr_t)(*model_id != '\0'
                                    ? model_id
                                    : number_of(job, json_get(model, "id"))),
        .revision = (char *)(uintptr_t)number_of(job, json_get(version, "id")),
        .display_name = (char *)(uintptr_t)hub_str(
            job, name.n > 0 ? name : text_of(chosen, "name")),
        .kind = (char *)(uintptr_t)kind_of(text_of(model, "type")),
        .token = (char *)(uintptr_t)job->token,
        .sidecar = sidecar,
        .preview_url = (char *)(uintptr_t)preview_of(job, version),
        .files = &file,
        .n_files = 1,
    };
    struct hub_plan *copy = hub_plan_copy(&plan);
    bool has_sidecar = sidecar != NULL;
    free(sidecar);
    if (copy != NULL && has_sidecar) {
        hub_job_plan(job, copy);
        return;
    }
    hub_plan_free(copy);
    error_set(&error, ERR_NO_MEMORY, "out of memory");
    hub_job_fail(job, &error);
}

/* ---- resolving ---- */

static void
on_version(struct hub_job *job, const struct fetch_answer *answer,
           const struct json *root)
{
    (void)answer;
    if (json_type(root) != JSON_OBJECT)
        odd(job, "a version is no object");
    else
        take_version(job, root, json_get(root, "model"));
}

static void
on_model(struct hub_job *job, const struct fetch_answer *answer,
         const struct json *root)
{
    const struct json *versions = json_get(root, "modelVersions");
    (void)answer;
    if (json_count(versions) == 0) {
        odd(job, "a model without versions");
        return;
    }
    take_version(job, json_at(versions, 0), root);
}

/* What a page's or a download's address names. */
static void
read_url(struct hub_job *job)
{
    struct hub_request *r = &job->request;
    char value[64];
    struct str rest = r->model_id;
    size_t skip = strlen(job->hub->options.civitai_endpoint);
    rest = (struct str){ rest.p + skip + 1, rest.n - skip - 1 };
    struct str path = str_split(&rest, '?');
    struct str query = str_split(&rest, '#');
    bool is_download = str_starts_with(path, STR("api/download/models/"));
    const struct str prefix =
        is_download ? STR("api/download/models/") : STR("models/");
    r->model_id = STR("");
    if (!str_starts_with(path, prefix))
        return;
    path = (struct str){ path.p + prefix.n, path.n - prefix.n };
    struct str number = str_split(&path, '/');
    if (is_download)
        r->version_id = number;
    else
        r->model_id = number;
    struct {
        const char *name;
        struct str *to;
    } wanted[] = { { "modelVersionId", &r->version_id },
                   { "fileId", &r->file_id },
                   { "type", &r->type },
                   { "format", &r->format } };
    while (query.n > 0) {
        struct str part = str_split(&query, '&');
        struct str name = str_split(&part, '=');
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
            struct strbuf text = STRBUF_INIT(sizeof value);
            if (str_is(name, wanted[i].name) && uri_decode(part, &text))
                *wanted[i].to = str_from(hub_str(job, strbuf_view(&text)));
            strbuf_release(&text);
        }
    }
}

int
civitai_resolve(struct hub_job *job, struct error *error)
{
    struct hub_request *r = &job->request;
    const char *endpoint = job->hub->options.civitai_endpoint;
    if (is_own(job, r->model_id))
        read_url(job);
    if (r->version_id.n > 0 && !is_number(r->version_id))
        return error_field(error, "version_id",
                           "\"%.*s\" is no number of a version",
                           (int)(r->version_id.n > 40 ? 40 : r->version_id.n),
                           r->version_id.p);
    if (r->version_id.n > 0) {
        job->url = arena_printf(&job->arena, "%s/api/v1/model-versions/%.*s",
                                endpoint, STR_ARG(r->version_id));
        return hub_job_ask(job, on_version, error);
    }
    if (!is_number(r->model_id))
        return error_field(error, "model_id",
                           "a model's number, or the address of its page at "
                           "%s, is expected",
                           endpoint);
    job->url = arena_printf(&job->arena, "%s/api/v1/models/%.*s", endpoint,
                            STR_ARG(r->model_id));
    return hub_job_ask(job, on_model, error);
}

/* ---- searching ---- */

static const struct {
    const char *name, *wire;
} sorts[] = {
    { "", "Most Downloaded" },         { "downloads", "Most Downloaded" },
    { "likes", "Highest Rated" },      { "updated", "Newest" },
    { "trending", "Most Downloaded" },
};

static void
write_found(const struct json *model, struct json_writer *out)
{
    const struct json *version = json_at(json_get(model, "modelVersions"), 0);
    const struct json *stats = json_get(model, "stats");
    const struct hub_request none = { .source = HUB_CIVITAI };
    const struct json *file = choose_file(json_get(version, "files"), &none);
    double kb = -1;
    json_as_real(json_get(file, "sizeKB"), &kb);
    json_object_begin(out);
    json_key(out, "source");
    json_text(out, "civitai");
    json_key(out, "model_id");
    int64_t id = 0;
    char text[32];
    json_as_int(json_get(model, "id"), &id);
    snprintf(text, sizeof text, "%lld", (long long)id);
    json_text(out, text);
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
    json_key(out, "size_bytes");
    if (kb < 0 || kb > 1e12)
        json_null(out);
    else
        json_int(out, (int64_t)(kb * 1024 + 0.5));
    json_object_end(out);
}

static void
on_found(struct hub_job *job, const struct fetch_answer *answer,
         const struct json *root)
{
    const struct json *items = json_get(root, "items");
    struct strbuf data = STRBUF_INIT(HUB_ANSWER_BYTES);
    struct json_writer w;
    (void)answer;
    if (json_type(items) != JSON_ARRAY) {
        odd(job, "what was found is no list");
        return;
    }
    json_writer_init(&w, &data);
    json_object_begin(&w);
    json_key(&w, "models");
    json_array_begin(&w);
    for (size_t i = 0; i < json_count(items); i++)
        write_found(json_at(items, i), &w);
    json_array_end(&w);
    json_key(&w, "next_cursor");
    struct str cursor = text_of(json_get(root, "metadata"), "nextCursor");
    if (cursor.n > 0)
        json_str(&w, cursor);
    else
        json_null(&w);
    json_object_end(&w);
    hub_job_data(job, &data);
    strbuf_release(&data);
}

static void
add_query(struct strbuf *url, const char *name, struct str value)
{
    if (value.n == 0)
        return;
    strbuf_addf(url, "&%s=", name);
    uri_add_segment(url, value);
}

int
civitai_search(struct hub_job *job, struct error *error)
{
    const struct hub_search *search = &job->search;
    struct strbuf url = STRBUF_INIT(16 * 1024);
    size_t i = 0;
    while (i < sizeof sorts / sizeof *sorts &&
           !str_is(search->sort, sorts[i].name))
        i++;
    if (i == sizeof sorts / sizeof *sorts)
        return error_field(error, "sort",
                           "must be one of downloads, likes, updated");
    strbuf_addf(&url, "%s/api/v1/models?limit=%d",
                job->hub->options.civitai_endpoint, search->limit);
    add_query(&url, "query", search->text);
    add_query(&url, "username", search->author);
    add_query(&url, "baseModels", search->library);
    add_query(&url, "types", search->kind);
    add_query(&url, "cursor", search->cursor);
    add_query(&url, "sort", str_from(sorts[i].wire));
    job->url = arena_str(&job->arena, strbuf_view(&url));
    strbuf_release(&url);
    return hub_job_ask(job, on_found, error);
}
