/* Places that hold the same bytes. Each place is a struct model, found and
 * stored by itself; those of one digest and kind are one record to everybody
 * outside. The record is the place whose id was minted first: its id and its
 * name are the record's, and those of the others lead to it. So no name and no
 * id ever means other bytes than before, whenever a digest becomes known. */
#include <stdlib.h>

#include "core/library/library_internal.h"

/* Of models of several files the digest is that of one of them; empty files are
 * nothing yet. */
static bool
is_whole_by_digest(const struct model *model)
{
    return model->sha256[0] != '\0' && model->size_bytes > 0 &&
           model->shards.n == 0 && model->format != MODEL_FORMAT_MLX &&
           model->format != MODEL_FORMAT_TRANSFORMERS;
}

/* By group: what a folder makes another kind of is not the same. */
static int
compare_groups(const struct model *a, const struct model *b)
{
    int order = strcmp(a->sha256, b->sha256);
    return order != 0 ? order : (a->kind > b->kind) - (a->kind < b->kind);
}

static int
compare(const struct model *a, const struct model *b)
{
    int order = compare_groups(a, b);
    return order != 0 ? order : strcmp(a->id, b->id);
}

static int
by_digest(const void *a, const void *b)
{
    return compare(*(const struct model *const *)a,
                   *(const struct model *const *)b);
}

/* The first of the model's group in catalog->by_digest, or where it would
 * be. */
static size_t
first_of(const struct catalog *catalog, const struct model *model)
{
    size_t low = 0, high = catalog->n_by_digest;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_groups(catalog->by_digest[middle], model) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
pick_records(struct catalog *catalog)
{
    catalog->n_records = 0;
    for (size_t i = 0; i < catalog->n; i++)
        if (catalog_record(catalog, catalog->models[i]) == catalog->models[i])
            catalog->records[catalog->n_records++] = catalog->models[i];
}

int
copies_init(struct catalog *catalog)
{
    catalog->records = calloc(catalog->n + 1, sizeof *catalog->records);
    catalog->by_digest = calloc(catalog->n + 1, sizeof *catalog->by_digest);
    if (catalog->records == NULL || catalog->by_digest == NULL)
        return -1;
    for (size_t i = 0; i < catalog->n; i++)
        if (is_whole_by_digest(catalog->models[i]))
            catalog->by_digest[catalog->n_by_digest++] = catalog->models[i];
    qsort(catalog->by_digest, catalog->n_by_digest, sizeof(struct model *),
          by_digest);
    pick_records(catalog);
    return 0;
}

void
copies_release(struct catalog *catalog)
{
    free(catalog->records);
    free(catalog->by_digest);
}

struct model *
copies_note(struct catalog *catalog, struct model *model)
{
    size_t at = first_of(catalog, model);
    if (!is_whole_by_digest(model))
        return NULL;
    struct model *before = catalog_same(catalog, model);
    while (at < catalog->n_by_digest &&
           compare(catalog->by_digest[at], model) < 0)
        at++;
    memmove(&catalog->by_digest[at + 1], &catalog->by_digest[at],
            (catalog->n_by_digest - at) * sizeof(struct model *));
    catalog->by_digest[at] = model;
    catalog->n_by_digest++;
    if (before != NULL)
        pick_records(catalog);
    return before;
}

struct model *
catalog_same(const struct catalog *catalog, const struct model *model)
{
    size_t at = first_of(catalog, model);
    if (!is_whole_by_digest(model) || at == catalog->n_by_digest ||
        compare_groups(catalog->by_digest[at], model) != 0)
        return NULL;
    return catalog->by_digest[at];
}

struct model *
catalog_record(const struct catalog *catalog, struct model *place)
{
    struct model *record = catalog_same(catalog, place);
    return record == NULL ? place : record;
}

const struct model *
catalog_location(const struct catalog *catalog, const struct model *record,
                 size_t i)
{
    if (!is_whole_by_digest(record))
        return i == 0 ? record : NULL;
    size_t at = first_of(catalog, record) + i;
    if (at >= catalog->n_by_digest ||
        compare_groups(catalog->by_digest[at], record) != 0)
        return NULL;
    return catalog->by_digest[at];
}

/* ---- what is said of a record, not of a place ---- */

int
copies_adopt(struct model *record, const struct model *place)
{
    record->is_favourite = record->is_favourite || place->is_favourite;
    if (record->civitai_url[0] == '\0' && record->civitai_model_id == 0) {
        record->civitai_model_id = place->civitai_model_id;
        record->civitai_version_id = place->civitai_version_id;
        if (model_set_text(&record->civitai_url, str_from(place->civitai_url)) <
            0)
            return -1;
    }
    for (size_t i = 0; i < place->tags.n; i++)
        if (!text_list_has(&record->tags, str_from(place->tags.at[i])) &&
            text_list_add(&record->tags, str_from(place->tags.at[i])) < 0)
            return -1;
    return 0;
}

/* ---- for library.h ---- */

const struct model *
library_location(const struct library *library, const struct model *model,
                 size_t i)
{
    return catalog_location(&library->catalog, model, i);
}

size_t
library_n_locations(const struct library *library, const struct model *model)
{
    size_t n = 0;
    while (catalog_location(&library->catalog, model, n) != NULL)
        n++;
    return n;
}

enum model_category
library_category(const struct library *library, const struct model *model)
{
    const struct model *place;
    for (size_t i = 0; (place = library_location(library, model, i)) != NULL;
         i++)
        if (place->category == MODEL_ACTIVE)
            return MODEL_ACTIVE;
    return MODEL_ARCHIVE;
}
