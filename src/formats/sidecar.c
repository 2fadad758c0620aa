/* Sidecars of image programs' models: see sidecar.h. */
#include "formats/sidecar.h"

#include <stdlib.h>

enum { SHA256_DIGITS = 64 };

/* ---- members ---- */

static int
fill_text(char **field, const struct json *value, size_t max_bytes)
{
    struct str text;
    if (*field != NULL || !json_as_text(value, &text) || text.n == 0 ||
        text.n > max_bytes || memchr(text.p, '\0', text.n) != NULL)
        return 0;
    *field = str_dup(text);
    return *field == NULL ? -1 : 0;
}

static int
fill_name(char **field, const struct json *object, const char *key)
{
    return fill_text(field, json_get(object, key), SIDECAR_TEXT_BYTES);
}

static int
fill_description(struct sidecar *sidecar, const struct json *object,
                 const char *key)
{
    return fill_text(&sidecar->description, json_get(object, key),
                     SIDECAR_DESCRIPTION_BYTES);
}

static void
fill_id(int64_t *field, const struct json *object, const char *key)
{
    int64_t id;
    if (*field == 0 && json_as_int(json_get(object, key), &id) && id > 0)
        *field = id;
}

static int
add_text(struct text_list *list, const struct json *value, size_t max_bytes)
{
    struct str text;
    if (!json_as_text(value, &text))
        return 0;
    text = str_trim(text);
    if (text.n == 0 || text.n > max_bytes ||
        memchr(text.p, '\0', text.n) != NULL || text_list_has(list, text))
        return 0;
    return text_list_add(list, text);
}

/* Of one file only: lists of several are not mixed. */
static int
fill_list(struct text_list *list, const struct json *values)
{
    if (list->n > 0)
        return 0;
    for (size_t i = 0; i < json_count(values) && list->n < SIDECAR_WORDS_MAX;
         i++)
        if (add_text(list, json_at(values, i), SIDECAR_TEXT_BYTES) < 0)
            return -1;
    return 0;
}

static bool
is_web_address(const struct json *value)
{
    struct str text;
    return json_as_text(value, &text) &&
           (str_starts_with(text, STR("https://")) ||
            str_starts_with(text, STR("http://")));
}

static int
fill_images(struct sidecar *sidecar, const struct json *images)
{
    struct text_list *list = &sidecar->image_urls;
    if (list->n > 0)
        return 0;
    for (size_t i = 0; i < json_count(images) && list->n < SIDECAR_WORDS_MAX;
         i++) {
        const struct json *url = json_get(json_at(images, i), "url");
        if (is_web_address(url) && add_text(list, url, SIDECAR_URL_BYTES) < 0)
            return -1;
    }
    return 0;
}

static void
fill_sha256(struct sidecar *sidecar, const struct json *value)
{
    char digits[SHA256_DIGITS + 1] = "";
    struct str text;
    if (sidecar->sha256[0] != '\0' || !json_as_text(value, &text) ||
        text.n != SHA256_DIGITS)
        return;
    for (size_t i = 0; i < SHA256_DIGITS; i++) {
        char c = text.p[i];
        digits[i] = (char)(c >= 'A' && c <= 'F' ? c | 0x20 : c);
    }
    if (strspn(digits, "0123456789abcdef") == SHA256_DIGITS)
        memcpy(sidecar->sha256, digits, sizeof digits);
}

/* ---- forms ---- */

/* What is true of every version of a model. */
static int
read_about_model(struct sidecar *sidecar, const struct json *model)
{
    if (fill_name(&sidecar->name, model, "name") < 0 ||
        fill_name(&sidecar->creator, json_get(model, "creator"), "username") <
            0 ||
        fill_description(sidecar, model, "description") < 0)
        return -1;
    return fill_list(&sidecar->tags, json_get(model, "tags"));
}

/* The primary file, or the only one. */
static const struct json *
file_of(const struct json *files)
{
    enum { FILES_MAX = 64 };
    for (size_t i = 0; i < json_count(files) && i < FILES_MAX; i++) {
        bool is_primary = false;
        json_as_bool(json_get(json_at(files, i), "primary"), &is_primary);
        if (is_primary)
            return json_at(files, i);
    }
    return json_count(files) == 1 ? json_at(files, 0) : NULL;
}

static int
read_version(struct sidecar *sidecar, const struct json *version)
{
    const struct json *model = json_get(version, "model");
    const struct json *file = file_of(json_get(version, "files"));
    fill_id(&sidecar->version_id, version, "id");
    fill_id(&sidecar->model_id, version, "modelId");
    fill_sha256(sidecar, json_get(json_get(file, "hashes"), "SHA256"));
    if (read_about_model(sidecar, model) < 0 ||
        fill_name(&sidecar->version, version, "name") < 0 ||
        fill_name(&sidecar->creator, json_get(version, "creator"), "username") <
            0 ||
        fill_name(&sidecar->base_model, version, "baseModel") < 0 ||
        fill_description(sidecar, version, "description") < 0 ||
        fill_list(&sidecar->trigger_words, json_get(version, "trainedWords")) <
            0)
        return -1;
    return fill_images(sidecar, json_get(version, "images"));
}

static int
read_model(struct sidecar *sidecar, const struct json *model)
{
    const struct json *versions = json_get(model, "modelVersions");
    fill_id(&sidecar->model_id, model, "id");
    if (read_about_model(sidecar, model) < 0)
        return -1;
    return json_count(versions) == 1
               ? read_version(sidecar, json_at(versions, 0))
               : 0;
}

/* What its user has changed there goes before what Civitai says. */
static int
read_lora_manager(struct sidecar *sidecar, const struct json *root)
{
    struct str base = STR("");
    bool has_base = json_as_text(json_get(root, "base_model"), &base) &&
                    !str_is(base, "Unknown");
    fill_sha256(sidecar, json_get(root, "sha256"));
    if (fill_name(&sidecar->name, root, "model_name") < 0 ||
        (has_base && fill_name(&sidecar->base_model, root, "base_model") < 0) ||
        fill_list(&sidecar->tags, json_get(root, "tags")) < 0 ||
        fill_description(sidecar, root, "modelDescription") < 0)
        return -1;
    return read_version(sidecar, json_get(root, "civitai"));
}

static int
read_any(struct sidecar *sidecar, const struct json *root)
{
    if (json_type(json_get(root, "modelVersions")) == JSON_ARRAY)
        return read_model(sidecar, root);
    if (json_get(root, "model_name") != NULL ||
        json_type(json_get(root, "civitai")) == JSON_OBJECT)
        return read_lora_manager(sidecar, root);
    return read_version(sidecar, root);
}

int
sidecar_read(struct sidecar *sidecar, struct str text, struct error *error)
{
    if (text.n > SIDECAR_BYTES)
        return error_set(error, ERR_TOO_LARGE, "it is larger than %d bytes",
                         SIDECAR_BYTES);
    struct json_doc *doc = json_parse(text, error);
    const struct json *root = json_root(doc);
    int result = -1;
    if (doc == NULL)
        return -1;
    if (json_type(root) != JSON_OBJECT)
        error_set(error, ERR_INVALID, "an object is expected, it is %s",
                  json_type_name(json_type(root)));
    else if (read_any(sidecar, root) < 0)
        error_set(error, ERR_NO_MEMORY, "out of memory");
    else
        result = 0;
    json_doc_free(doc);
    return result;
}

void
sidecar_release(struct sidecar *sidecar)
{
    free(sidecar->name);
    free(sidecar->version);
    free(sidecar->creator);
    free(sidecar->description);
    free(sidecar->base_model);
    text_list_release(&sidecar->tags);
    text_list_release(&sidecar->trigger_words);
    text_list_release(&sidecar->image_urls);
    *sidecar = (struct sidecar){ .name = NULL };
}

/* ---- pages ---- */

/* The number that stands after `front` the first time, or 0. */
static int64_t
number_after(struct str url, struct str front)
{
    int64_t number = 0;
    while (url.n > 0 && !str_starts_with(url, front))
        url = (struct str){ url.p + 1, url.n - 1 };
    for (size_t i = front.n; i < url.n && url.p[i] >= '0' && url.p[i] <= '9';
         i++) {
        if (number > (INT64_MAX - 9) / 10)
            return 0;
        number = number * 10 + (url.p[i] - '0');
    }
    return number;
}

bool
civitai_page_read(struct str url, int64_t *ret_model_id,
                  int64_t *ret_version_id)
{
    static const char *const versions[] = {
        "modelVersionId=", "/download/models/", "/model-versions/"
    };
    *ret_model_id = *ret_version_id = 0;
    if (!str_starts_with(url, STR("https://")))
        return false;
    for (size_t i = 0; i < 3 && *ret_version_id == 0; i++)
        *ret_version_id = number_after(url, str_from(versions[i]));
    if (!str_contains(url, STR("/download/models/")))
        *ret_model_id = number_after(url, STR("/models/"));
    return *ret_model_id > 0 || *ret_version_id > 0;
}

/* ---- writing ---- */

void
sidecar_write(const struct json *version, struct json_writer *out)
{
    static const struct {
        const char *key, *empty;
    } taken_for_granted[] = {
        { "description", "\"\"" }, { "baseModel", "\"\"" },
        { "trainedWords", "[]" },  { "images", "[]" },
        { "files", "[]" },         { "model", "{}" },
    };
    const size_t n = sizeof taken_for_granted / sizeof *taken_for_granted;
    struct json_iter it;
    json_object_begin(out);
    for (json_iter_init(&it, version); json_iter_next(&it);) {
        json_key_str(out, it.key);
        json_value(out, it.value);
    }
    for (size_t i = 0; i < n; i++)
        if (json_get(version, taken_for_granted[i].key) == NULL) {
            json_key(out, taken_for_granted[i].key);
            json_raw(out, str_from(taken_for_granted[i].empty));
        }
    json_object_end(out);
}
