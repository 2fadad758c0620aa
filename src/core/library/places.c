/* What is particular to the other programs' stores.
 *
 * The hub's cache (huggingface_hub, "Understand caching"): below
 * models--ORG--NAME/, snapshots/COMMIT/ has links into blobs/, refs/NAME the
 * commit that a name stands for; refs/main is the one in use. Of the others
 * only GGUF files count, which are whole by themselves: a folder that shares
 * half its files with the one in use is no model of its own. A file that is
 * still coming is a blob that ends in .incomplete, and has no link.
 *
 * Ollama: see formats/ollama.h. */
#include <stdio.h>
#include <stdlib.h>

#include "core/library/library_internal.h"
#include "formats/ollama.h"
#include "platform/file.h"

/* ---- the hub's cache ---- */

static int
on_ref(void *ctx, const struct folder_file *file)
{
    struct hub_cache *cache = ctx;
    struct strbuf text = STRBUF_INIT(HUB_COMMIT_BYTES);
    struct hub_ref *ref = &cache->refs[cache->n_refs];
    if (cache->n_refs == HUB_REFS_MAX || file->name.n >= sizeof ref->name)
        return 0;
    if (file_read(file->path, &text, NULL) == 0) {
        snprintf(ref->name, sizeof ref->name, "%.*s", STR_ARG(file->name));
        snprintf(ref->commit, sizeof ref->commit, "%.*s",
                 (int)strcspn(strbuf_text(&text), "\r\n"), strbuf_text(&text));
        if (ref->commit[0] != '\0')
            cache->n_refs++;
    }
    strbuf_release(&text);
    return 0;
}

/* Names with a slash (of pull requests) are left out. */
static void
read_refs(struct hub_cache *cache)
{
    static const char *const any[] = { "", NULL };
    char path[LIMIT_PATH_BYTES + 16];
    struct folder_walk walk = {
        .suffixes = any, .max_entries = 1024, .on_file = on_ref, .ctx = cache
    };
    cache->n_refs = 0;
    cache->main = NULL;
    snprintf(path, sizeof path, "%s/refs", cache->repo);
    (void)folder_walk(path, &walk, NULL); /* none: nothing has a name */
    for (size_t i = 0; i < cache->n_refs; i++)
        if (strcmp(cache->refs[i].name, "main") == 0)
            cache->main = &cache->refs[i];
}

/* What a revision is called: "" for the one in use, and where none is. */
static void
name_revision(const struct hub_cache *cache, struct str commit,
              char ret_name[HUB_REF_BYTES])
{
    enum { SHORT_COMMIT = 12 };
    ret_name[0] = '\0';
    if (cache->main != NULL && str_is(commit, cache->main->commit))
        return;
    for (size_t i = 0; i < cache->n_refs; i++)
        if (str_is(commit, cache->refs[i].commit)) {
            snprintf(ret_name, HUB_REF_BYTES, "%s", cache->refs[i].name);
            return;
        }
    if (cache->main != NULL)
        snprintf(ret_name, HUB_REF_BYTES, "%.*s",
                 (int)(commit.n < SHORT_COMMIT ? commit.n : SHORT_COMMIT),
                 commit.p);
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
                struct found_file *ret_file, char *ret_label, size_t size)
{
    char name[HUB_NAME_BYTES];
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
        read_refs(cache);
    }
    name_revision(cache, revision, ret_file->revision);
    if (cache->main != NULL && ret_file->revision[0] != '\0' &&
        !str_ends_with_nocase(rest, STR(".gguf")))
        return false;
    snprintf(ret_file->repository, sizeof ret_file->repository, "%s", name);
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
