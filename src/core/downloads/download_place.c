/* Where files go.
 *
 * Hugging Face's cache (documented by huggingface_hub, "Understand caching"):
 *
 *     models--ORG--NAME/blobs/ETAG          the bytes
 *     models--ORG--NAME/refs/REF            a commit hash
 *     models--ORG--NAME/snapshots/COMMIT/PATH -> ../../blobs/ETAG
 *
 * A reference is written when every file is there, so that others do not find
 * half a snapshot by it. */
#include <stdio.h>
#include <stdlib.h>

#include "core/downloads/downloads_internal.h"
#include "formats/file_name.h"
#include "platform/file.h"
#include "platform/folder.h"
#include "platform/part_file.h"

static char *
join(const char *folder, const char *name)
{
    struct strbuf path = STRBUF_INIT(LIMIT_PATH_BYTES);
    strbuf_add_text(&path, folder);
    strbuf_add_byte(&path, '/');
    strbuf_add_text(&path, name);
    return strbuf_failed(&path) ? (strbuf_release(&path), NULL)
                                : strbuf_detach(&path, NULL);
}

/* ---- the folder ---- */

static const struct {
    const char *kind, *folder;
} kind_rows[] = {
    { "checkpoint", "checkpoints" },
    { "lora", "loras" },
    { "vae", "vae" },
    { "embedding-sd", "embeddings" },
    { "controlnet", "controlnet" },
    { "upscaler", "upscale_models" },
    { "text-encoder", "text_encoders" },
};

static const char *
kind_folder(const char *kind)
{
    for (size_t i = 0; i < sizeof kind_rows / sizeof *kind_rows; i++)
        if (strcmp(kind_rows[i].kind, kind) == 0)
            return kind_rows[i].folder;
    return "other";
}

static bool
is_below(struct str path, struct str root)
{
    return str_starts_with(path, root) &&
           (path.n == root.n || path.p[root.n] == '/');
}

/* Links are resolved for as much of the path as exists, so that none leads
 * out of a root. */
static int
resolve_existing(const char *path, char *ret, size_t size, struct error *error)
{
    char front[LIMIT_PATH_BYTES];
    snprintf(front, sizeof front, "%s", path);
    for (;;) {
        if (folder_resolve(front, ret, size, NULL) == 0) {
            const char *rest = path + strlen(front);
            size_t n = strlen(ret);
            if (n == 1 && *rest == '/')
                rest++;
            if ((size_t)snprintf(ret + n, size - n, "%s", rest) < size - n)
                return 0;
            return error_field(error, "target", "the path is too long");
        }
        char *slash = strrchr(front, '/');
        if (slash == NULL)
            return error_field(error, "target", "\"%s\" is no absolute path",
                               path);
        if (slash == front && front[1] == '\0')
            return error_field(error, "target", "\"%s\" cannot be found", path);
        slash[slash == front ? 1 : 0] = '\0';
    }
}

static int
check_target(const struct downloads *downloads, struct str target, char *ret,
             size_t size, struct error *error)
{
    char text[LIMIT_PATH_BYTES], root[LIMIT_PATH_BYTES];
    if (target.n == 0 || target.p[0] != '/' || target.n >= sizeof text ||
        memchr(target.p, '\0', target.n) != NULL)
        return error_field(error, "target",
                           "an absolute path of a folder is expected");
    struct str rest = target;
    while (rest.p != NULL) {
        struct str part = str_split(&rest, '/');
        if (str_is(part, "..") || str_is(part, "."))
            return error_field(error, "target",
                               "\"%.*s\" holds \".\" or \"..\"",
                               STR_ARG(target));
    }
    while (target.n > 1 && target.p[target.n - 1] == '/')
        target.n--;
    snprintf(text, sizeof text, "%.*s", STR_ARG(target));
    if (resolve_existing(text, ret, size, error) < 0)
        return -1;
    for (size_t i = 0; i < downloads->options.n_roots; i++)
        if (resolve_existing(downloads->roots[i], root, sizeof root, NULL) ==
                0 &&
            is_below(str_from(ret), str_from(root)))
            return 0;
    return error_field(error, "target",
                       "\"%s\" is outside the model folders (models_dirs, "
                       "downloads.dir, huggingface.cache_dir)",
                       text);
}

static int
usual_target(const struct downloads *downloads, struct download *d, char *ret,
             size_t size)
{
    const struct downloads_options *options = &downloads->options;
    bool is_repository = d->source == HUB_HUGGINGFACE && !d->is_renamed;
    int n;
    if (is_repository && options->cache_dir[0] == '\0') {
        n = snprintf(ret, size, "%s/%s", options->download_dir, d->model_id);
    } else if (is_repository) {
        struct str name = str_from(d->model_id);
        struct str org = str_split(&name, '/');
        n = name.p == NULL
                ? snprintf(ret, size, "%s/models--%.*s", options->cache_dir,
                           STR_ARG(org))
                : snprintf(ret, size, "%s/models--%.*s--%.*s",
                           options->cache_dir, STR_ARG(org), STR_ARG(name));
        d->is_cache = true;
    } else if (d->source == HUB_CIVITAI) {
        n = snprintf(ret, size, "%s/%s", options->download_dir,
                     kind_folder(d->kind));
    } else {
        n = snprintf(ret, size, "%s", options->download_dir);
    }
    return n < 0 || (size_t)n >= size ? -1 : 0;
}

/* ---- the files ---- */

/* A blob's name is the hub's: the digest of what Git LFS keeps, else Git's own
 * hash. Nothing else may be made of it. */
static const char *
blob_name(const struct download_file *file)
{
    const char *name = file->etag[0] != '\0' ? file->etag : file->sha256;
    for (const char *p = name; *p != '\0'; p++)
        if (strchr("0123456789abcdefABCDEF-", *p) == NULL)
            return "";
    return name;
}

static char *
place_of(const struct download *d, const struct download_file *file)
{
    char name[160];
    if (!d->is_cache)
        return join(d->target, file->path);
    snprintf(name, sizeof name, "blobs/%s", blob_name(file));
    return join(d->target, name);
}

/* It must have room for the endings of what grows. */
static int
check_path(const struct download *d, const char *path, struct error *error)
{
    const char *slash = strrchr(path, '/');
    size_t n = strlen(slash == NULL ? path : slash + 1);
    if (file_name_check_path(str_from(path), error) < 0)
        return -1;
    if (n + sizeof ".part.journal.new" - 1 <= FILE_NAME_PART_BYTES)
        return 0;
    return error_field(
        error, d->source == HUB_URL || d->is_renamed ? "filename" : "model_id",
        "the name of a file may have %d bytes, not %zu",
        FILE_NAME_PART_BYTES - (int)sizeof ".part.journal.new" + 1, n);
}

int
download_place(const struct downloads *downloads, struct download *d,
               struct str target, struct error *error)
{
    char folder[LIMIT_PATH_BYTES];
    d->is_cache = false;
    if (target.n > 0) {
        if (check_target(downloads, target, folder, sizeof folder, error) < 0)
            return -1;
    } else if (usual_target(downloads, d, folder, sizeof folder) < 0) {
        return error_field(error, "target", "the path is too long");
    }
    free(d->target);
    d->target = str_dup(str_from(folder));
    if (d->target == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < d->n_files; i++) {
        struct download_file *file = &d->files[i];
        if (check_path(d, file->path, error) < 0)
            return -1;
        if (d->is_cache && blob_name(file)[0] == '\0')
            return error_set(error, ERR_BAD_GATEWAY,
                             "the hub tells no digest of %s", file->path);
        free(file->place);
        file->place = place_of(d, file);
        if (file->place == NULL)
            return error_field(error, "target", "the path of %s is too long",
                               file->path);
    }
    return 0;
}

/* ---- after a file has come ---- */

static int
make_folder_of(const char *path, struct error *error)
{
    char folder[LIMIT_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    return file_make_folders(folder, 0755, error);
}

static int
link_snapshot(const struct download *d, const struct download_file *file,
              struct error *error)
{
    struct strbuf path = STRBUF_INIT(LIMIT_PATH_BYTES);
    struct strbuf to = STRBUF_INIT(LIMIT_PATH_BYTES);
    strbuf_addf(&path, "%s/snapshots/%s/%s", d->target, d->revision,
                file->path);
    strbuf_add_text(&to, "../../");
    for (const char *p = file->path; *p != '\0'; p++)
        if (*p == '/')
            strbuf_add_text(&to, "../");
    strbuf_addf(&to, "blobs/%s", blob_name(file));
    int rc = strbuf_failed(&path) || strbuf_failed(&to)
                 ? error_set(error, ERR_INVALID, "%s: the path is too long",
                             file->path)
                 : make_folder_of(strbuf_text(&path), error);
    if (rc == 0)
        rc = part_file_link(strbuf_text(&to), strbuf_text(&path), error);
    strbuf_release(&path);
    strbuf_release(&to);
    return rc;
}

static int
write_ref(const struct download *d, struct error *error)
{
    struct strbuf path = STRBUF_INIT(LIMIT_PATH_BYTES);
    if (d->ref[0] == '\0' || strcmp(d->ref, d->revision) == 0 ||
        file_name_check_path(str_from(d->ref), NULL) < 0)
        return 0;
    strbuf_addf(&path, "%s/refs/%s", d->target, d->ref);
    int rc =
        strbuf_failed(&path) ? 0 : make_folder_of(strbuf_text(&path), error);
    if (rc == 0 && !strbuf_failed(&path))
        rc = file_write_atomic(strbuf_text(&path), str_from(d->revision), 0644,
                               error);
    strbuf_release(&path);
    return rc;
}

/* `<stem>.civitai.info` beside the first file. */
static int
write_sidecar(const struct download *d, struct error *error)
{
    const char *place = d->files[0].place;
    const char *dot = strrchr(place, '.'), *slash = strrchr(place, '/');
    struct strbuf path = STRBUF_INIT(LIMIT_PATH_BYTES);
    size_t n =
        dot != NULL && dot > slash ? (size_t)(dot - place) : strlen(place);
    strbuf_add(&path, place, n);
    strbuf_add_text(&path, ".civitai.info");
    int rc = strbuf_failed(&path)
                 ? error_set(error, ERR_INVALID, "the path is too long")
                 : file_write_atomic(strbuf_text(&path), str_from(d->sidecar),
                                     0644, error);
    strbuf_release(&path);
    return rc;
}

int
download_settle(const struct download *d, size_t file, struct error *error)
{
    bool is_last = file + 1 == d->n_files;
    if (d->is_cache && link_snapshot(d, &d->files[file], error) < 0)
        return -1;
    if (d->is_cache && is_last && write_ref(d, error) < 0)
        return -1;
    if (file == 0 && d->sidecar[0] != '\0')
        return write_sidecar(d, error);
    return 0;
}
