/* Questions to the library: all of it is in memory, a question walks it
 * once and sorts what fits. */
#include <stdlib.h>

#include "core/library/library_internal.h"

const char *const library_sort_keys[] = { "name",           "size_bytes",
                                          "modified_at_ms", "created_at_ms",
                                          "kind",           "architecture",
                                          "n_parameters",   NULL };

static bool
has_word(const char *text, struct str word)
{
    return str_contains_nocase(str_from(text), word);
}

static bool
has_word_anywhere(const struct catalog *catalog, const struct model *model,
                  struct str word)
{
    const struct model *place;
    if (has_word(model->title, word) || has_word(model->architecture, word))
        return true;
    for (size_t i = 0; (place = catalog_location(catalog, model, i)) != NULL;
         i++)
        if (has_word(place->name, word) || has_word(place->path, word))
            return true;
    for (size_t i = 0; i < model->tags.n; i++)
        if (has_word(model->tags.at[i], word))
            return true;
    return false;
}

static bool
has_words(const struct catalog *catalog, const struct model *model,
          struct str words)
{
    while (words.n > 0) {
        struct str word = str_split(&words, ' ');
        if (word.n > 0 && !has_word_anywhere(catalog, model, word))
            return false;
    }
    return true;
}

static bool
is_wanted(const char *value, struct str wanted)
{
    return wanted.n == 0 || str_eq_nocase(str_from(value), wanted);
}

static bool
is_of(int value, int wanted)
{
    return wanted < 0 || value == wanted;
}

static bool
is_from(const struct catalog *catalog, const struct model *model, int source)
{
    const struct model *place;
    for (size_t i = 0; (place = catalog_location(catalog, model, i)) != NULL;
         i++)
        if (is_of((int)place->source, source))
            return true;
    return false;
}

static bool
fits(const struct library *library, const struct model *model,
     const struct library_query *query)
{
    const struct catalog *catalog = &library->catalog;
    return is_of((int)model->kind, query->kind) &&
           is_from(catalog, model, query->source) &&
           is_of((int)library_category(library, model), query->category) &&
           is_of(model->is_favourite, query->favourite) &&
           is_wanted(model->architecture, query->architecture) &&
           is_wanted(model->quantization, query->quantization) &&
           (query->tag.n == 0 || text_list_has(&model->tags, query->tag)) &&
           has_words(catalog, model, query->text);
}

struct entry {
    const struct model *model;
    size_t at; /* by name */
    const struct model_field *field;
    int sign;
};

static int
compare_values(const struct model *a, const struct model *b,
               const struct model_field *field)
{
    const void *x = (const char *)a + field->offset;
    const void *y = (const char *)b + field->offset;
    if (field->type == MODEL_TEXT)
        return strcmp(*(char *const *)x, *(char *const *)y);
    if (field->type == MODEL_CHOICE)
        return strcmp(field->choices[*(const unsigned *)x],
                      field->choices[*(const unsigned *)y]);
    int64_t i = *(const int64_t *)x, k = *(const int64_t *)y;
    return (i > k) - (i < k);
}

/* Equal ones stay in order of name. */
static int
by_field(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = compare_values(x->model, y->model, x->field);
    if (order != 0)
        return order * x->sign;
    return (x->at > y->at) - (x->at < y->at);
}

static const struct model_field *
sort_field(struct str name)
{
    for (size_t i = 0; i < n_model_fields; i++)
        if (str_is(name, model_fields[i].name))
            return &model_fields[i];
    return &model_fields[0]; /* the name */
}

int
library_select(const struct library *library, const struct library_query *query,
               const struct model ***ret_models, size_t *ret_n)
{
    const struct catalog *catalog = &library->catalog;
    struct entry *entries = calloc(catalog->n_records + 1, sizeof *entries);
    const struct model **models =
        calloc(catalog->n_records + 1, sizeof *models);
    if (entries == NULL || models == NULL) {
        free(entries);
        free(models);
        return -1;
    }
    const struct model_field *field = sort_field(query->sort);
    size_t n = 0;
    for (size_t i = 0; i < catalog->n_records; i++)
        if (fits(library, catalog->records[i], query))
            entries[n++] = (struct entry){ catalog->records[i], i, field,
                                           query->is_descending ? -1 : 1 };
    if (query->is_descending || field != &model_fields[0])
        qsort(entries, n, sizeof *entries, by_field);
    for (size_t i = 0; i < n; i++)
        models[i] = entries[i].model;
    free(entries);
    *ret_models = models;
    *ret_n = n;
    return 0;
}
