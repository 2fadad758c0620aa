/* The list of manifests: the embedded ones first, in order of name, then
 * what was added. A manifest that another one replaces is kept until the
 * end: somebody may hold it. */
#include "engines/engines.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/list.h"
#include "engines/engines_internal.h"

struct loaded {
    struct list node;
    struct arena arena;
    struct engine_manifest manifest;
};

struct engines {
    struct list loaded; /* every one ever, to be freed */
    const struct engine_manifest **at;
    size_t n;
};

static void
loaded_free(struct loaded *loaded)
{
    arena_release(&loaded->arena);
    free(loaded);
}

static int
put(struct engines *engines, const struct engine_manifest *manifest)
{
    for (size_t i = 0; i < engines->n; i++) {
        if (strcmp(engines->at[i]->name, manifest->name) == 0) {
            engines->at[i] = manifest;
            return 0;
        }
    }
    const struct engine_manifest **at = realloc_checked(
        (void *)engines->at, engines->n + 1, sizeof *engines->at);
    if (at == NULL)
        return -1;
    at[engines->n++] = manifest;
    engines->at = at;
    return 0;
}

int
engines_add(struct engines *engines, struct str json, const char *origin,
            struct error *error)
{
    struct loaded *loaded = calloc(1, sizeof *loaded);
    if (loaded == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    arena_init(&loaded->arena, MANIFEST_BYTES_MAX);
    struct error problem = { .code = ERR_INTERNAL };
    if (manifest_parse(json, &loaded->arena, &loaded->manifest, &problem) < 0) {
        loaded_free(loaded);
        enum error_code code =
            problem.code == ERR_NO_MEMORY ? ERR_NO_MEMORY : ERR_INVALID;
        return error_set(error, code, "%s: %s", origin, problem.message);
    }
    if (put(engines, &loaded->manifest) < 0) {
        loaded_free(loaded);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    list_push_back(&engines->loaded, &loaded->node);
    return 0;
}

int
engines_new(struct engines **ret_engines, struct error *error)
{
    struct engines *engines = calloc(1, sizeof *engines);
    if (engines == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    list_init(&engines->loaded);
    for (size_t i = 0; i < n_embedded_manifests; i++) {
        const struct embedded_manifest *row = &embedded_manifests[i];
        if (engines_add(engines, (struct str){ row->json, row->n }, row->file,
                        error) < 0) {
            engines_free(engines);
            return -1;
        }
    }
    *ret_engines = engines;
    return 0;
}

void
engines_free(struct engines *engines)
{
    if (engines == NULL)
        return;
    LIST_FOR_SAFE(node, &engines->loaded)
    loaded_free(LIST_ENTRY(node, struct loaded, node));
    free((void *)engines->at);
    free(engines);
}

const struct engine_manifest *
engines_find(const struct engines *engines, const char *name)
{
    for (size_t i = 0; i < engines->n; i++)
        if (strcmp(engines->at[i]->name, name) == 0)
            return engines->at[i];
    return NULL;
}

size_t
engines_count(const struct engines *engines)
{
    return engines->n;
}

const struct engine_manifest *
engines_at(const struct engines *engines, size_t i)
{
    return i < engines->n ? engines->at[i] : NULL;
}
