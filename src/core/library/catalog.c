/* Names: a model is called by the last part of its label (the stem of its
 * file). Where several have the same, each of them gets as many of the parts
 * in front as tell them apart, so that no name depends on which file was
 * there first. */
#include <stdio.h>
#include <stdlib.h>

#include "core/library/library_internal.h"

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
    struct model *model;
    size_t n_parts;
    bool is_shared;
};

/* Equal names (two ways to one label) in order of path. */
static int
by_name(const void *a, const void *b)
{
    const struct naming *x = a, *y = b;
    int order = str_compare(x->name, y->name);
    return order != 0 ? order : strcmp(x->model->path, y->model->path);
}

/* Lengthens every name that another one has too; false when none is left. */
static bool
lengthen_shared(struct naming *names, size_t n)
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
        struct str label = str_from(names[i].model->label);
        struct str longer = last_parts(label, ++names[i].n_parts);
        if (longer.n == names[i].name.n && longer.n == label.n)
            longer = str_from(names[i].model->path); /* no two are equal */
        is_any = is_any || longer.n > names[i].name.n;
        names[i].name = longer;
    }
    return is_any;
}

static struct naming *
name_all(struct model **models, size_t n)
{
    struct naming *names = calloc(n + 1, sizeof *names);
    if (names == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++)
        names[i] =
            (struct naming){ .name = last_parts(str_from(models[i]->label), 0),
                             .model = models[i] };
    while (lengthen_shared(names, n))
        ;
    return names;
}

static int
fill(struct catalog *catalog, const struct naming *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct model *model = names[i].model;
        if (model_set_text(&model->name, names[i].name) < 0 ||
            map_put(&catalog->by_id, str_from(model->id), model) < 0 ||
            map_put(&catalog->by_name, str_from(model->name), model) < 0)
            return -1;
        catalog->models[i] = model;
    }
    catalog->n = n;
    return 0;
}

int
catalog_init(struct catalog *catalog, struct model **models, size_t n)
{
    *catalog = (struct catalog){ .n = 0 };
    map_init(&catalog->by_id);
    map_init(&catalog->by_name);
    catalog->models = calloc(n + 1, sizeof *catalog->models);
    struct naming *names = name_all(models, n);
    int result = -1;
    if (catalog->models != NULL && names != NULL)
        result = fill(catalog, names, n);
    if (result == 0)
        result = copies_init(catalog);
    free(names);
    if (result < 0) {
        catalog->n = 0; /* the models are the caller's */
        catalog_release(catalog);
    }
    return result;
}

void
catalog_release(struct catalog *catalog)
{
    for (size_t i = 0; i < catalog->n; i++)
        model_free(catalog->models[i]);
    free(catalog->models);
    copies_release(catalog);
    map_release(&catalog->by_id);
    map_release(&catalog->by_name);
    *catalog = (struct catalog){ .n = 0 };
}
