/* What is particular to the other programs' stores.
 *
 * The hub's cache (huggingface_hub, "Understand caching"): below
 * models--ORG--NAME/, snapshots/COMMIT/ has links into blobs/, refs/main the
 * commit in use; only that one counts. A file that is still coming is
 * a blob that ends in .incomplete, and has no link.
 *
 * Ollama: see formats/ollama.h. */
#include <stdio.h>
#include <stdlib.h>

#include "core/library/library_internal.h"
#include "formats/ollama.h"
#include "platform/file.h"

enum { REVISION_BYTES_MAX = 128 };

/* ---- the hub's cache ---- */

static void
read_revision(struct hub_cache *cache)
{
    char path[LIMIT_PATH_BYTES + 16];
    struct strbuf text = STRBUF_INIT(REVISION_BYTES_MAX);
    cache->revision[0] = '\0';
    snprintf(path, sizeof path, "%s/refs/main", cache->repo);
    if (file_read(path, &text, NULL) == 0)
        snprintf(cache->revision, sizeof cache->revision, "%.*s",
                 (int)strcspn(strbuf_text(&text), "\r\n"), strbuf_text(&text));
    strbuf_release(&text);
}

/* "models--org--name" -> "org/name" */
static bool
repo_name(struct str folder, char *ret_name, size_t size)
{
    const struct str front = STR("models--");
    if (!str_starts_with(folder, front) || folder.n - front.n >= size)
        return false;
    size_t n = 0;
    for (size_t i = front.n; i < folder.n; i++) {
        bool is_slash =
            folder.p[i] == '-' && i + 1 < folder.n && folder.p[i + 1] == '-';
        ret_name[n++] = is_slash ? '/' : folder.p[i];
        i += is_slash;
    }
    ret_name[n] = '\0';
    return true;
}

bool
hub_cache_takes(struct hub_cache *cache, const char *root, const char *path,
                char *ret_label, size_t size)
{
    char name[LIMIT_PATH_BYTES];
    struct str rest = str_from(path);
    size_t n_root = strlen(root);
    if (!path_is_below(path, root) || rest.n <= n_root + 1)
        return false;
    rest.p += n_root + 1;
    rest.n -= n_root + 1;
    struct str repo = str_split(&rest, '/');
    struct str kind = str_split(&rest, '/');
    struct str revision = str_split(&rest, '/');
    if (!repo_name(repo, name, sizeof name) || !str_is(kind, "snapshots") ||
        rest.p == NULL)
        return false;
    size_t n_repo = (size_t)(repo.p + repo.n - path);
    if (strncmp(cache->repo, path, n_repo) != 0 ||
        cache->repo[n_repo] != '\0') {
        snprintf(cache->repo, sizeof cache->repo, "%.*s", (int)n_repo, path);
        read_revision(cache);
    }
    if (cache->revision[0] != '\0' && !str_is(revision, cache->revision))
        return false;
    int n = snprintf(ret_label, size, "%s/%.*s", name, STR_ARG(rest));
    return n > 0 && (size_t)n < size;
}

/* ---- Ollama ---- */

struct ollama {
    struct scan *scan;
    struct scan_root *root;
    char manifests[LIMIT_PATH_BYTES];
    char label[LIMIT_PATH_BYTES]; /* of the manifest that is looked at */
};

/* The blob is there only when it was pulled to the end. */
static bool
blob_facts(const struct ollama *o, const struct ollama_blob *blob,
           char ret_path[LIMIT_PATH_BYTES * 2], struct folder_facts *ret_facts)
{
    char name[OLLAMA_BLOB_NAME_BYTES];
    if (blob == NULL)
        return false;
    ollama_blob_name(blob, name);
    snprintf(ret_path, LIMIT_PATH_BYTES * 2, "%s/blobs/%s", o->root->resolved,
             name);
    return folder_facts(ret_path, ret_facts) == 0 && !ret_facts->is_folder;
}

static int
add_model(struct ollama *o, const struct ollama_manifest *manifest)
{
    char path[LIMIT_PATH_BYTES * 2], projector[LIMIT_PATH_BYTES * 2];
    const struct ollama_blob *model =
        ollama_manifest_find(manifest, OLLAMA_MODEL);
    struct folder_facts facts;
    struct found_file file = { .path = path,
                               .label = o->label,
                               .root = o->root };
    if (blob_facts(o, ollama_manifest_find(manifest, OLLAMA_PROJECTOR),
                   projector, &facts))
        file.projector = projector;
    if (!blob_facts(o, model, path, &facts))
        return 0;
    memcpy(file.sha256, model->sha256, sizeof file.sha256);
    file.device = facts.device;
    file.inode = facts.inode;
    file.size_bytes = facts.size_bytes;
    file.modified_at_ms = facts.modified_at_ms;
    int result = scan_add_file(o->scan, &file);
    if (result < 0)
        o->scan->is_out_of_memory = true;
    return result < 0;
}

static void
on_manifest_folder(void *ctx, const char *path)
{
    struct ollama *o = ctx;
    scan_add_folder(o->scan, path);
}

static int
on_manifest(void *ctx, const struct folder_file *file)
{
    struct ollama *o = ctx;
    struct strbuf text = STRBUF_INIT(OLLAMA_MANIFEST_BYTES);
    struct ollama_manifest manifest;
    struct error error;
    int result = 0;
    if (!path_is_printable(str_from(file->path)) ||
        !ollama_name_of_path(str_from(file->path + strlen(o->manifests) + 1),
                             o->label, sizeof o->label))
        return 0;
    if (file_read(file->path, &text, &error) < 0 ||
        ollama_manifest_read(strbuf_view(&text), &manifest, &error) < 0) {
        scan_leave_out(o->scan, file->path, error.message);
    } else {
        result = add_model(o, &manifest);
        ollama_manifest_release(&manifest);
    }
    strbuf_release(&text);
    return result;
}

void
ollama_scan(struct scan *scan, struct scan_root *root)
{
    static const char *const any[] = { "", NULL };
    struct ollama o = { .scan = scan, .root = root };
    struct folder_walk walk = { .suffixes = any,
                                .max_depth = 4,
                                .max_entries = SCAN_ENTRIES_MAX,
                                .on_file = on_manifest,
                                .on_folder = on_manifest_folder,
                                .ctx = &o };
    struct folder_facts facts;
    struct error error;
    snprintf(o.manifests, sizeof o.manifests, "%s/manifests", root->resolved);
    if (folder_facts(o.manifests, &facts) < 0)
        return; /* nothing was pulled yet */
    if (folder_walk(o.manifests, &walk, &error) < 0 || walk.n_unreadable > 0) {
        root->is_incomplete = true;
        scan_leave_out(scan, o.manifests, "cannot be read");
    }
}
