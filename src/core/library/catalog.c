/* Names: a model is called by the stem of its file. Where several files have
 * the same stem, each of them gets as many of its folders in front as tell
 * them apart, so that no name depends on which file was there first. */
#include <stdio.h>
#include <stdlib.h>

#include "core/library/library_internal.h"

/* The path without its ending. */
static struct str
bare_path(const char *path)
{
    struct str bare = str_from(path);
    bare.n -= strlen(".gguf");
    return bare;
}

/* The last `n_parts` + 1 parts of a path. */
static struct str
last_parts(struct str path, size_t n_parts)
{
    for (size_t i = path.n; i > 0; i--)
        if (path.p[i - 1] == '/' && n_parts-- == 0)
            return (struct str){ path.p + i, path.n - i };
    return path;
}

struct naming {
    struct str name;
    size_t index, n_parts;
    bool is_shared;
};

static int
by_name(const void *a, const void *b)
{
    return str_compare(((const struct naming *)a)->name,
                       ((const struct naming *)b)->name);
}

/* Lengthens every name that another one has too; false when none is left. */
static bool
lengthen_shared(struct naming *names, size_t n, const struct found_file *files)
{
    bool is_any = false;
    qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++)
        names[i].is_shared =
            (i > 0 && str_eq(names[i].name, names[i - 1].name)) ||
            (i + 1 < n && str_eq(names[i].name, names[i + 1].name));
    for (size_t i = 0; i < n; i++) {
        if (!names[i].is_shared)
            continue;
        struct str path = bare_path(files[names[i].index].path);
        struct str longer = last_parts(path, ++names[i].n_parts);
        is_any = is_any || longer.n > names[i].name.n;
        names[i].name = longer;
    }
    return is_any;
}

static struct naming *
name_all(const struct found_file *files, size_t n)
{
    struct naming *names = calloc(n + 1, sizeof *names);
    if (names == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++)
        names[i] =
            (struct naming){ .name = last_parts(bare_path(files[i].path), 0),
                             .index = i };
    while (lengthen_shared(names, n, files))
        ;
    return names;
}

static int
fill(struct catalog *catalog, const struct found_file *files,
     const struct naming *names, size_t n,
     int (*id_of)(void *ctx, const char *path, char *ret_id), void *ctx)
{
    for (size_t i = 0; i < n; i++) {
        const struct found_file *file = &files[names[i].index];
        struct model *model = &catalog->models[i];
        catalog->n = i + 1;
        model->name = str_dup(names[i].name);
        model->path = str_dup(str_from(file->path));
        model->size_bytes = file->size_bytes;
        model->modified_at_ms = file->modified_at_ms;
        if (model->name == NULL || model->path == NULL ||
            id_of(ctx, model->path, model->id) < 0 ||
            map_put(&catalog->by_id, str_from(model->id), model) < 0 ||
            map_put(&catalog->by_name, str_from(model->name), model) < 0)
            return -1;
    }
    return 0;
}

int
catalog_init(struct catalog *catalog, const struct found_file *files, size_t n,
             int (*id_of)(void *ctx, const char *path, char *ret_id), void *ctx)
{
    *catalog = (struct catalog){ .n = 0 };
    map_init(&catalog->by_id);
    map_init(&catalog->by_name);
    catalog->models = calloc(n + 1, sizeof *catalog->models);
    struct naming *names = name_all(files, n);
    int result = -1;
    if (catalog->models != NULL && names != NULL)
        result = fill(catalog, files, names, n, id_of, ctx);
    free(names);
    if (result < 0)
        catalog_release(catalog);
    return result;
}

void
catalog_release(struct catalog *catalog)
{
    for (size_t i = 0; i < catalog->n; i++) {
        free(catalog->models[i].name);
        free(catalog->models[i].path);
    }
    free(catalog->models);
    map_release(&catalog->by_id);
    map_release(&catalog->by_name);
    *catalog = (struct catalog){ .n = 0 };
}

bool
catalog_equals(const struct catalog *a, const struct catalog *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct model *x = &a->models[i], *y = &b->models[i];
        if (strcmp(x->id, y->id) != 0 || strcmp(x->name, y->name) != 0 ||
            x->size_bytes != y->size_bytes ||
            x->modified_at_ms != y->modified_at_ms)
            return false;
    }
    return true;
}
