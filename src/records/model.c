/* The model record and its fields: see model.h. */
#include "records/model.h"

#include <stdlib.h>

#include "base/checked.h"

#define X(name, wire) wire,
const char *const model_kind_names[] = { MODEL_KINDS(X) NULL };
const char *const model_format_names[] = { MODEL_FORMATS(X) NULL };
const char *const model_source_names[] = { MODEL_SOURCES(X) NULL };
#undef X
const char *const model_category_names[] = { "active", "archive", NULL };

#define AT(member) offsetof(struct model, member)
#define FACT       MODEL_FACT
#define HIDDEN     MODEL_HIDDEN
#define PLACE      MODEL_PLACE
#define DIGEST     (MODEL_FACT | MODEL_DIGEST)
#define DETAIL     MODEL_DETAIL
#define KEPT       MODEL_KEPT

/* clang-format off */
const struct model_field model_fields[] = {
    { "name", MODEL_TEXT, 0, AT(name), NULL, "What clients call it by." },
    { "path", MODEL_TEXT, PLACE, AT(path), NULL, NULL },
    { "root", MODEL_TEXT, HIDDEN | PLACE, AT(root), NULL, NULL },
    { "label", MODEL_TEXT, HIDDEN | PLACE, AT(label), NULL, NULL },
    { "source", MODEL_CHOICE, PLACE, AT(source), model_source_names, "Where it was found." },
    { "format", MODEL_CHOICE, FACT, AT(format), model_format_names, NULL },
    { "kind", MODEL_CHOICE, FACT, AT(kind), model_kind_names, NULL },
    { "category", MODEL_CHOICE, PLACE, AT(category), model_category_names, NULL },
    { "size_bytes", MODEL_INT, PLACE, AT(size_bytes), NULL, "Of all parts." },
    { "modified_at_ms", MODEL_INT, PLACE, AT(modified_at_ms), NULL, "Unix time." },
    { "device", MODEL_INT, HIDDEN | PLACE, AT(device), NULL, NULL },
    { "inode", MODEL_INT, HIDDEN | PLACE, AT(inode), NULL, NULL },
    { "fingerprint", MODEL_TEXT, HIDDEN | FACT, AT(fingerprint), NULL, NULL },
    { "other_paths", MODEL_LIST, PLACE, AT(other_paths), NULL, "Further names of the same file." },
    { "shards", MODEL_LIST, PLACE, AT(shards), NULL, "The parts after the first." },
    { "mmproj_path", MODEL_TEXT, PLACE, AT(mmproj_path), NULL, "Its projector." },
    { "origins", MODEL_LIST, PLACE | KEPT, AT(origins), NULL, "Where it comes from." },
    { "architecture", MODEL_TEXT, FACT, AT(architecture), NULL, NULL },
    { "title", MODEL_TEXT, FACT, AT(title), NULL, "What the file calls itself." },
    { "quantization", MODEL_TEXT, FACT, AT(quantization), NULL, NULL },
    { "base_model", MODEL_TEXT, FACT, AT(base_model), NULL, "Of image files." },
    { "n_parameters", MODEL_INT, FACT, AT(n_parameters), NULL, NULL },
    { "context_length", MODEL_INT, FACT, AT(context_length), NULL, "Tokens, as trained." },
    { "n_layers", MODEL_INT, FACT, AT(n_layers), NULL, NULL },
    { "n_heads", MODEL_INT, FACT, AT(n_heads), NULL, NULL },
    { "n_kv_heads", MODEL_INT, FACT, AT(n_kv_heads), NULL, NULL },
    { "embedding_length", MODEL_INT, FACT, AT(embedding_length), NULL, NULL },
    { "vocabulary", MODEL_INT, FACT, AT(vocabulary), NULL, "Tokens." },
    { "has_template", MODEL_BOOL, FACT, AT(has_template), NULL, "A chat template is in it." },
    { "guessed", MODEL_LIST, FACT, AT(guessed), NULL, "Fields that are guesses from the name." },
    { "error", MODEL_TEXT, FACT, AT(error), NULL, "Why it could not be read; empty: it could." },
    { "sha256", MODEL_TEXT, DIGEST, AT(sha256), NULL, "Empty until it is known." },
    { "autov2", MODEL_TEXT, DIGEST, AT(autov2), NULL, "The first ten digits of it." },
    { "creator", MODEL_TEXT, FACT, AT(creator), NULL, "Of its sidecar." },
    { "version_name", MODEL_TEXT, FACT, AT(version_name), NULL, "Of its sidecar." },
    { "description", MODEL_TEXT, FACT | DETAIL, AT(description), NULL, "HTML, from outside." },
    { "image_urls", MODEL_LIST, FACT | DETAIL, AT(image_urls), NULL, "Of its sidecar." },
    { "sidecar_stamp", MODEL_INT, HIDDEN | PLACE, AT(sidecar_stamp), NULL, NULL },
    { "tags", MODEL_LIST, 0, AT(tags), NULL, NULL },
    { "trigger_words", MODEL_LIST, 0, AT(trigger_words), NULL, NULL },
    { "preview_path", MODEL_TEXT, PLACE, AT(preview_path), NULL, "An image beside it." },
    { "civitai_url", MODEL_TEXT, 0, AT(civitai_url), NULL, NULL },
    { "civitai_model_id", MODEL_INT, 0, AT(civitai_model_id), NULL, NULL },
    { "civitai_version_id", MODEL_INT, 0, AT(civitai_version_id), NULL, NULL },
    { "is_favourite", MODEL_BOOL, 0, AT(is_favourite), NULL, NULL },
    { "created_at_ms", MODEL_INT, 0, AT(created_at_ms), NULL, "First seen; Unix time." },
    { "gone_at_ms", MODEL_INT, HIDDEN, AT(gone_at_ms), NULL, NULL },
};
/* clang-format on */
const size_t n_model_fields = sizeof model_fields / sizeof *model_fields;

static void *
member(struct model *model, const struct model_field *field)
{
    return (char *)model + field->offset;
}

static const void *
member_of(const struct model *model, const struct model_field *field)
{
    return (const char *)model + field->offset;
}

int
model_set_text(char **field, struct str value)
{
    char *copy = str_dup(value);
    if (copy == NULL)
        return -1;
    free(*field);
    *field = copy;
    return 0;
}

/* ---- lists ---- */

int
text_list_add(struct text_list *list, struct str text)
{
    char **grown = realloc_checked(list->at, list->n + 1, sizeof *grown);
    if (grown == NULL)
        return -1;
    list->at = grown;
    list->at[list->n] = str_dup(text);
    if (list->at[list->n] == NULL)
        return -1;
    list->n++;
    return 0;
}

void
text_list_release(struct text_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->at[i]);
    free(list->at);
    *list = (struct text_list){ NULL, 0 };
}

bool
text_list_has(const struct text_list *list, struct str text)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_is(text, list->at[i]))
            return true;
    return false;
}

static bool
text_list_equals(const struct text_list *a, const struct text_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->at[i], b->at[i]) != 0)
            return false;
    return true;
}

static int
copy_list(struct text_list *to, const struct text_list *from)
{
    struct text_list copy = { NULL, 0 };
    for (size_t i = 0; i < from->n; i++) {
        if (text_list_add(&copy, str_from(from->at[i])) < 0) {
            text_list_release(&copy);
            return -1;
        }
    }
    text_list_release(to);
    *to = copy;
    return 0;
}

/* ---- the record ---- */

struct model *
model_new(void)
{
    struct model *model = calloc(1, sizeof *model);
    if (model == NULL)
        return NULL;
    for (size_t i = 0; i < n_model_fields; i++) {
        if (model_fields[i].type == MODEL_TEXT &&
            model_set_text(member(model, &model_fields[i]), STR("")) < 0) {
            model_free(model);
            return NULL;
        }
    }
    return model;
}

struct model *
model_copy(const struct model *model)
{
    struct model *copy = model_new();
    if (copy == NULL)
        return NULL;
    memcpy(copy->id, model->id, sizeof copy->id);
    for (size_t i = 0; i < n_model_fields; i++) {
        if (model_copy_field(copy, model, &model_fields[i]) < 0) {
            model_free(copy);
            return NULL;
        }
    }
    return copy;
}

void
model_free(struct model *model)
{
    if (model == NULL)
        return;
    for (size_t i = 0; i < n_model_fields; i++) {
        void *at = member(model, &model_fields[i]);
        if (model_fields[i].type == MODEL_TEXT)
            free(*(char **)at);
        else if (model_fields[i].type == MODEL_LIST)
            text_list_release(at);
    }
    free(model);
}

int
model_copy_field(struct model *to, const struct model *from,
                 const struct model_field *field)
{
    void *at = member(to, field);
    const void *source = member_of(from, field);
    switch (field->type) {
    case MODEL_TEXT:
        return model_set_text(at, str_from(*(char *const *)source));
    case MODEL_LIST: return copy_list(at, source);
    case MODEL_INT: *(int64_t *)at = *(const int64_t *)source; return 0;
    case MODEL_BOOL: *(bool *)at = *(const bool *)source; return 0;
    case MODEL_CHOICE: *(unsigned *)at = *(const unsigned *)source; return 0;
    }
    return 0;
}

bool
model_field_equals(const struct model *a, const struct model *b,
                   const struct model_field *field)
{
    const void *x = member_of(a, field), *y = member_of(b, field);
    switch (field->type) {
    case MODEL_TEXT: return strcmp(*(char *const *)x, *(char *const *)y) == 0;
    case MODEL_LIST: return text_list_equals(x, y);
    case MODEL_INT: return *(const int64_t *)x == *(const int64_t *)y;
    case MODEL_BOOL: return *(const bool *)x == *(const bool *)y;
    case MODEL_CHOICE: return *(const unsigned *)x == *(const unsigned *)y;
    }
    return false;
}

bool
model_equals(const struct model *a, const struct model *b)
{
    for (size_t i = 0; i < n_model_fields; i++)
        if (!model_field_equals(a, b, &model_fields[i]))
            return false;
    return true;
}

int
model_choice(const char *const *choices, struct str name)
{
    for (int i = 0; choices[i] != NULL; i++)
        if (str_is(name, choices[i]))
            return i;
    return -1;
}
