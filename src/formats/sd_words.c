/* The words a LoRA was trained with: see sd_model.h.
 *
 * kohya's trainer writes ss_tag_frequency: JSON in a text, for each folder of
 * images an object from tag to the number of captions that have it. */
#include <stdlib.h>

#include "formats/sd_model.h"

enum { FREQUENCY_BYTES_MAX = 1024 * 1024, WORD_BYTES_MAX = 256 };

struct tag {
    struct str text;
    int64_t n;
};

static int
add_word(struct text_list *list, struct str word)
{
    word = str_trim(word);
    if (word.n == 0 || word.n > WORD_BYTES_MAX || list->n >= SD_WORDS_MAX ||
        text_list_has(list, word))
        return 0;
    return text_list_add(list, word);
}

/* "a, b, c" */
static int
add_words(struct text_list *list, const struct json *metadata, const char *key)
{
    struct str rest;
    if (!json_as_text(json_get(metadata, key), &rest))
        return 0;
    while (rest.p != NULL)
        if (add_word(list, str_split(&rest, ',')) < 0)
            return -1;
    return 0;
}

/* ---- ss_tag_frequency ---- */

static int
by_text(const void *a, const void *b)
{
    return str_compare(((const struct tag *)a)->text,
                       ((const struct tag *)b)->text);
}

static int
by_count(const void *a, const void *b)
{
    const struct tag *x = a, *y = b;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    return str_compare(x->text, y->text);
}

/* Counts that make no sense are left out. */
static size_t
collect(struct tag *tags, const struct json *frequency)
{
    struct json_iter folder, it;
    size_t n = 0;
    for (json_iter_init(&folder, frequency); json_iter_next(&folder);) {
        if (json_type(folder.value) != JSON_OBJECT)
            continue;
        for (json_iter_init(&it, folder.value); json_iter_next(&it);) {
            int64_t count;
            if (json_as_int(it.value, &count) && count > 0 &&
                count <= INT32_MAX)
                tags[n++] = (struct tag){ str_trim(it.key), count };
        }
    }
    return n;
}

/* The same tag of several folders becomes one. */
static size_t
merge(struct tag *tags, size_t n)
{
    size_t kept = 0;
    qsort(tags, n, sizeof *tags, by_text);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && str_eq(tags[kept - 1].text, tags[i].text))
            tags[kept - 1].n += tags[i].n;
        else
            tags[kept++] = tags[i];
    }
    return kept;
}

static int
take_tags(struct sd_words *words, const struct tag *tags, size_t n)
{
    bool has_triggers = words->triggers.n > 0, has_tags = words->tags.n > 0;
    for (size_t i = 0; i < n && i < SD_WORDS_MAX; i++) {
        if (!has_tags && add_word(&words->tags, tags[i].text) < 0)
            return -1;
        if (!has_triggers && tags[i].n == tags[0].n &&
            add_word(&words->triggers, tags[i].text) < 0)
            return -1;
    }
    return 0;
}

static int
read_frequency(struct sd_words *words, const struct json *frequency)
{
    struct json_iter it;
    size_t n = 0;
    for (json_iter_init(&it, frequency); json_iter_next(&it);)
        if (json_type(it.value) == JSON_OBJECT)
            n += json_count(it.value);
    struct tag *tags = calloc(n + 1, sizeof *tags);
    if (tags == NULL)
        return -1;
    n = merge(tags, collect(tags, frequency));
    qsort(tags, n, sizeof *tags, by_count);
    int rc = take_tags(words, tags, n);
    free(tags);
    return rc;
}

static int
add_frequent(struct sd_words *words, const struct json *metadata)
{
    struct str text;
    struct error problem = { .code = ERR_OK };
    if (!json_as_text(json_get(metadata, "ss_tag_frequency"), &text) ||
        text.n > FREQUENCY_BYTES_MAX)
        return 0;
    struct json_doc *doc = json_parse(text, &problem);
    if (doc == NULL) /* whoever wrote it: a file without words is no failure */
        return problem.code == ERR_NO_MEMORY ? -1 : 0;
    int rc = read_frequency(words, json_root(doc));
    json_doc_free(doc);
    return rc;
}

/* ---- the whole ---- */

int
sd_words_read(struct sd_words *ret_words, const struct json *metadata)
{
    *ret_words = (struct sd_words){ .triggers = { NULL, 0 } };
    if (add_words(&ret_words->triggers, metadata, "modelspec.trigger_phrase") ==
            0 &&
        add_words(&ret_words->tags, metadata, "modelspec.tags") == 0 &&
        add_frequent(ret_words, metadata) == 0)
        return 0;
    sd_words_release(ret_words);
    return -1;
}

void
sd_words_release(struct sd_words *words)
{
    text_list_release(&words->triggers);
    text_list_release(&words->tags);
}
