/* Ollama's manifests and names: see ollama.h. */
#include "formats/ollama.h"

#include <stdio.h>
#include <stdlib.h>

#include "formats/json.h"

/* ---- manifests ---- */

static enum ollama_layer
layer_of(struct str media_type)
{
    const struct str front = STR("application/vnd.ollama.image.");
    static const struct {
        const char *type;
        enum ollama_layer layer;
    } rows[] = {
        { "model", OLLAMA_MODEL },     { "projector", OLLAMA_PROJECTOR },
        { "adapter", OLLAMA_ADAPTER }, { "template", OLLAMA_TEMPLATE },
        { "prompt", OLLAMA_TEMPLATE }, { "system", OLLAMA_SYSTEM },
        { "params", OLLAMA_PARAMS },   { "messages", OLLAMA_MESSAGES },
        { "license", OLLAMA_LICENSE },
    };
    if (!str_starts_with(media_type, front))
        return OLLAMA_OTHER;
    struct str type = { media_type.p + front.n, media_type.n - front.n };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_is(type, rows[i].type))
            return rows[i].layer;
    return OLLAMA_OTHER;
}

/* "sha256:<64 digits>" */
static bool
take_digest(struct str digest, char ret_sha256[OLLAMA_DIGITS + 1])
{
    const struct str front = STR("sha256:");
    if (digest.n != front.n + OLLAMA_DIGITS || !str_starts_with(digest, front))
        return false;
    for (size_t i = front.n; i < digest.n; i++)
        if (str_find(STR("0123456789abcdef"), digest.p[i]) < 0)
            return false;
    memcpy(ret_sha256, digest.p + front.n, OLLAMA_DIGITS);
    ret_sha256[OLLAMA_DIGITS] = '\0';
    return true;
}

static void
add_blob(struct ollama_manifest *manifest, const struct json *from,
         bool is_config)
{
    struct ollama_blob *blob = &manifest->blobs[manifest->n];
    struct str digest = STR(""), type = STR("");
    json_as_text(json_get(from, "digest"), &digest);
    json_as_text(json_get(from, "mediaType"), &type);
    if (!take_digest(digest, blob->sha256)) {
        manifest->n_ignored++;
        return;
    }
    blob->layer = is_config ? OLLAMA_CONFIG : layer_of(type);
    if (!json_as_int(json_get(from, "size"), &blob->size_bytes) ||
        blob->size_bytes < 0)
        blob->size_bytes = -1;
    manifest->n++;
}

static int
read_blobs(const struct json *root, struct ollama_manifest *manifest,
           struct error *error)
{
    const struct json *config = json_get(root, "config");
    const struct json *layers = json_get(root, "layers");
    size_t n = json_count(layers);
    if (json_type(layers) != JSON_ARRAY)
        return error_set(error, ERR_INVALID,
                         "no manifest: it has no list of layers");
    if (n > OLLAMA_BLOBS_MAX)
        return error_set(error, ERR_TOO_LARGE,
                         "it has %zu layers, more than %d", n,
                         OLLAMA_BLOBS_MAX);
    manifest->blobs = calloc(n + 1, sizeof *manifest->blobs);
    if (manifest->blobs == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    if (json_type(config) == JSON_OBJECT)
        add_blob(manifest, config, true);
    for (size_t i = 0; i < n; i++)
        add_blob(manifest, json_at(layers, i), false);
    return 0;
}

int
ollama_manifest_read(struct str text, struct ollama_manifest *ret_manifest,
                     struct error *error)
{
    *ret_manifest = (struct ollama_manifest){ .blobs = NULL };
    if (text.n > OLLAMA_MANIFEST_BYTES)
        return error_set(error, ERR_TOO_LARGE, "it is larger than %d bytes",
                         OLLAMA_MANIFEST_BYTES);
    struct json_doc *doc = json_parse(text, error);
    if (doc == NULL)
        return -1;
    int result = read_blobs(json_root(doc), ret_manifest, error);
    json_doc_free(doc);
    return result;
}

void
ollama_manifest_release(struct ollama_manifest *manifest)
{
    free(manifest->blobs);
    *manifest = (struct ollama_manifest){ .blobs = NULL };
}

const struct ollama_blob *
ollama_manifest_find(const struct ollama_manifest *manifest,
                     enum ollama_layer layer)
{
    for (size_t i = 0; i < manifest->n; i++)
        if (manifest->blobs[i].layer == layer)
            return &manifest->blobs[i];
    return NULL;
}

void
ollama_blob_name(const struct ollama_blob *blob,
                 char ret_name[OLLAMA_BLOB_NAME_BYTES])
{
    snprintf(ret_name, OLLAMA_BLOB_NAME_BYTES, "sha256-%s", blob->sha256);
}

/* ---- names ---- */

#define USUAL_HOST  "registry.ollama.ai"
#define USUAL_SPACE "library"

static bool
is_part(struct str part)
{
    return part.n > 0 && !str_is(part, ".") && !str_is(part, "..") &&
           str_find(part, '/') < 0 && memchr(part.p, '\0', part.n) == NULL;
}

static bool
has_fitted(int n, size_t size)
{
    return n > 0 && (size_t)n < size;
}

bool
ollama_name_of_path(struct str path, char *ret_name, size_t size)
{
    struct str host = str_split(&path, '/');
    struct str space = str_split(&path, '/');
    struct str name = str_split(&path, '/');
    struct str tag = path;
    if (!is_part(host) || !is_part(space) || !is_part(name) || !is_part(tag) ||
        str_find(tag, ':') >= 0)
        return false;
    bool has_host = !str_is(host, USUAL_HOST);
    bool has_space = has_host || !str_is(space, USUAL_SPACE);
    int n = snprintf(ret_name, size, "%.*s%s%.*s%s%.*s:%.*s",
                     has_host ? (int)host.n : 0, host.p, has_host ? "/" : "",
                     has_space ? (int)space.n : 0, space.p,
                     has_space ? "/" : "", STR_ARG(name), STR_ARG(tag));
    return has_fitted(n, size);
}

bool
ollama_path_of_name(struct str name, char *ret_path, size_t size)
{
    struct str parts[] = { STR(USUAL_HOST), STR(USUAL_SPACE), { NULL, 0 } };
    size_t n_tag = 0, n_slashes = 0;
    while (n_tag < name.n && name.p[name.n - 1 - n_tag] != ':')
        n_tag++;
    if (n_tag == name.n)
        return false;
    struct str tag = { name.p + name.n - n_tag, n_tag };
    name.n -= n_tag + 1;
    for (size_t i = 0; i < name.n; i++)
        n_slashes += name.p[i] == '/';
    if (n_slashes > 2)
        return false;
    for (size_t i = 2 - n_slashes; i < 3; i++)
        parts[i] = str_split(&name, '/');
    if (!is_part(parts[0]) || !is_part(parts[1]) || !is_part(parts[2]) ||
        !is_part(tag))
        return false;
    int n = snprintf(ret_path, size, "%.*s/%.*s/%.*s/%.*s", STR_ARG(parts[0]),
                     STR_ARG(parts[1]), STR_ARG(parts[2]), STR_ARG(tag));
    return has_fitted(n, size);
}
