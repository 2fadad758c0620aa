/* Reading the head of safetensors: see safetensors.h. */
#include "formats/safetensors.h"

#include <stdlib.h>

#include "base/checked.h"

enum { LENGTH_BYTES = 8, QUOTED_MAX = 80, TYPES_MAX = 64 };

/* The types of the format's own implementation (safetensors/src/tensor.rs,
 * enum Dtype), with the bits of an element. */
static const struct {
    const char *name;
    unsigned bits;
} type_rows[] = {
    { "F32", 32 },    { "F16", 16 },        { "BF16", 16 },
    { "BOOL", 8 },    { "U8", 8 },          { "I8", 8 },
    { "U16", 16 },    { "I16", 16 },        { "U32", 32 },
    { "I32", 32 },    { "U64", 64 },        { "I64", 64 },
    { "F64", 64 },    { "C64", 64 },        { "F8_E4M3", 8 },
    { "F8_E5M2", 8 }, { "F8_E4M3FNUZ", 8 }, { "F8_E5M2FNUZ", 8 },
    { "F8_E8M0", 8 }, { "F6_E2M3", 6 },     { "F6_E3M2", 6 },
    { "F4", 4 },
};

/* ---- errors ---- */

static char
printable(char byte)
{
    return (unsigned char)byte < 0x20 || byte == 0x7F ? '?' : byte;
}

/* A name from the file, fit to be shown: cut, and without control bytes. */
static const char *
shown(struct str name, char buffer[QUOTED_MAX])
{
    size_t n = name.n < QUOTED_MAX - 1 ? name.n : QUOTED_MAX - 1;
    while (n < name.n && n > 0 && ((unsigned char)name.p[n] & 0xC0) == 0x80)
        n--;
    for (size_t i = 0; i < n; i++)
        buffer[i] = printable(name.p[i]);
    buffer[n] = '\0';
    return buffer;
}

static int
bad_tensor(struct error *error, struct str name, const char *what)
{
    char buffer[QUOTED_MAX];
    return error_set(error, ERR_INVALID, "tensor \"%s\": %s",
                     shown(name, buffer), what);
}

/* ---- the head as JSON ---- */

static int
check_count(struct str text, struct error *error)
{
    if (json_values_at_most(text) <= SAFETENSORS_VALUES_MAX)
        return 0;
    return error_set(error, ERR_TOO_LARGE, "its head holds more than %d values",
                     SAFETENSORS_VALUES_MAX);
}

static int
parse_head(struct safetensors_info *info, struct str text, struct error *error)
{
    struct error problem = { .code = ERR_OK };
    if (text.n == 0 || text.p[0] != '{')
        return error_set(error, ERR_INVALID,
                         "no safetensors file: no JSON object stands at byte "
                         "%d",
                         LENGTH_BYTES);
    if (check_count(text, error) < 0)
        return -1;
    info->doc = json_parse(text, &problem);
    if (info->doc != NULL)
        return 0;
    if (problem.code == ERR_NO_MEMORY)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    for (char *c = problem.message; *c != '\0'; c++)
        *c = printable(*c);
    return error_set(error, ERR_INVALID, "its head is no JSON: %s",
                     problem.message);
}

static int
read_head(const struct byte_source *source, struct safetensors_info *info,
          struct error *error)
{
    uint8_t bytes[LENGTH_BYTES];
    uint64_t n = 0;
    if (source->size_bytes < LENGTH_BYTES)
        return error_set(error, ERR_INVALID,
                         "no safetensors file: %llu bytes are less than the "
                         "length of a head",
                         (unsigned long long)source->size_bytes);
    if (source->read(source->ctx, 0, bytes, LENGTH_BYTES, error) < 0)
        return -1;
    for (size_t i = LENGTH_BYTES; i-- > 0;)
        n = n << 8 | bytes[i];
    if (n > source->size_bytes - LENGTH_BYTES)
        return error_set(error, ERR_INVALID,
                         "cut short, or no safetensors file: a head of %llu "
                         "bytes in a file of %llu",
                         (unsigned long long)n,
                         (unsigned long long)source->size_bytes);
    if (n > SAFETENSORS_HEAD_MAX)
        return error_set(error, ERR_TOO_LARGE,
                         "a head of %llu bytes, more than %d",
                         (unsigned long long)n, SAFETENSORS_HEAD_MAX);
    info->head_bytes = LENGTH_BYTES + n;
    info->data_bytes = source->size_bytes - info->head_bytes;
    char *text = malloc((size_t)n + 1);
    if (text == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    int rc = source->read(source->ctx, LENGTH_BYTES, text, (size_t)n, error);
    if (rc == 0)
        rc = parse_head(info, (struct str){ text, (size_t)n }, error);
    free(text);
    return rc;
}

/* ---- tensors ---- */

static bool
read_u64(const struct json *value, uint64_t *ret)
{
    int64_t number;
    if (!json_as_int(value, &number) || number < 0)
        return false;
    *ret = (uint64_t)number;
    return true;
}

static int
read_shape(struct safetensors_tensor *tensor, const struct json *shape,
           struct error *error)
{
    if (json_type(shape) != JSON_ARRAY)
        return bad_tensor(error, tensor->name, "it has no shape");
    size_t n = json_count(shape);
    if (n > SAFETENSORS_DIMS_MAX)
        return bad_tensor(error, tensor->name, "more than 8 dimensions");
    tensor->n_dims = (unsigned)n;
    tensor->n_elements = 1;
    for (size_t i = 0; i < n; i++) {
        if (!read_u64(json_at(shape, i), &tensor->shape[i]))
            return bad_tensor(error, tensor->name,
                              "its shape is no list of whole numbers");
        if (u64_mul_overflows(tensor->n_elements, tensor->shape[i],
                              &tensor->n_elements))
            return bad_tensor(error, tensor->name,
                              "more elements than any file can hold");
    }
    return 0;
}

static unsigned
bits_of(struct str type)
{
    for (size_t i = 0; i < sizeof type_rows / sizeof *type_rows; i++)
        if (str_is(type, type_rows[i].name))
            return type_rows[i].bits;
    return 0;
}

static int
check_size(const struct safetensors_tensor *tensor, struct error *error)
{
    uint64_t n_bits;
    unsigned bits = bits_of(tensor->type);
    if (bits == 0)
        return 0;
    if (u64_mul_overflows(tensor->n_elements, bits, &n_bits))
        return bad_tensor(error, tensor->name,
                          "more elements than any file can hold");
    if (n_bits % 8 != 0 || n_bits / 8 != tensor->n_bytes)
        return bad_tensor(error, tensor->name,
                          "its offsets do not agree with shape and type");
    return 0;
}

static int
read_tensor(struct safetensors_info *info, struct safetensors_tensor *tensor,
            const struct json *value, struct error *error)
{
    const struct json *offsets = json_get(value, "data_offsets");
    uint64_t end;
    if (json_type(value) != JSON_OBJECT)
        return bad_tensor(error, tensor->name, "it is no object");
    if (!json_as_text(json_get(value, "dtype"), &tensor->type))
        return bad_tensor(error, tensor->name, "it has no type");
    if (read_shape(tensor, json_get(value, "shape"), error) < 0)
        return -1;
    if (json_type(offsets) != JSON_ARRAY || json_count(offsets) != 2 ||
        !read_u64(json_at(offsets, 0), &tensor->begin) ||
        !read_u64(json_at(offsets, 1), &end) || end < tensor->begin)
        return bad_tensor(error, tensor->name,
                          "its offsets are not two whole numbers in order");
    if (end > info->data_bytes)
        return bad_tensor(error, tensor->name,
                          "its data lies behind the end of the file: it is "
                          "cut short");
    tensor->n_bytes = end - tensor->begin;
    if (u64_add_overflows(info->n_parameters, tensor->n_elements,
                          &info->n_parameters))
        return bad_tensor(error, tensor->name,
                          "more elements than any file can hold");
    return check_size(tensor, error);
}

static int
read_metadata(struct safetensors_info *info, const struct json *value,
              struct error *error)
{
    struct json_iter it;
    struct str text;
    if (json_type(value) != JSON_OBJECT)
        return error_set(error, ERR_INVALID, "__metadata__ is no object");
    for (json_iter_init(&it, value); json_iter_next(&it);)
        if (!json_as_text(it.value, &text))
            return error_set(error, ERR_INVALID,
                             "__metadata__ holds something that is no text");
    info->metadata = value;
    return 0;
}

static int
read_tensors(struct safetensors_info *info, struct error *error)
{
    const struct json *root = json_root(info->doc);
    struct json_iter it;
    info->tensors = calloc(json_count(root) + 1, sizeof *info->tensors);
    if (info->tensors == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    for (json_iter_init(&it, root); json_iter_next(&it);) {
        if (str_is(it.key, "__metadata__")) {
            if (read_metadata(info, it.value, error) < 0)
                return -1;
            continue;
        }
        struct safetensors_tensor *tensor = &info->tensors[info->n_tensors++];
        tensor->name = it.key;
        if (read_tensor(info, tensor, it.value, error) < 0)
            return -1;
    }
    return 0;
}

/* ---- the data part ---- */

static int
compare_places(const void *a, const void *b)
{
    const struct safetensors_tensor *x =
        *(const struct safetensors_tensor *const *)a;
    const struct safetensors_tensor *y =
        *(const struct safetensors_tensor *const *)b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->n_bytes < y->n_bytes ? -1 : x->n_bytes > y->n_bytes;
}

/* Each tensor begins where the one before it ends, and the last one ends with
 * the file. */
static int
check_places(const struct safetensors_info *info,
             const struct safetensors_tensor **by_place, struct error *error)
{
    uint64_t at = 0;
    for (size_t i = 0; i < info->n_tensors; i++)
        by_place[i] = &info->tensors[i];
    qsort(by_place, info->n_tensors, sizeof *by_place, compare_places);
    for (size_t i = 0; i < info->n_tensors; i++) {
        if (by_place[i]->begin != at)
            return bad_tensor(error, by_place[i]->name,
                              by_place[i]->begin < at
                                  ? "its data overlaps another one's"
                                  : "before its data there is a hole");
        at += by_place[i]->n_bytes;
    }
    if (at == info->data_bytes)
        return 0;
    return error_set(
        error, ERR_INVALID, "the tensors take %llu bytes and the file has %llu",
        (unsigned long long)at, (unsigned long long)info->data_bytes);
}

static int
check_data(const struct safetensors_info *info, struct error *error)
{
    const struct safetensors_tensor **by_place =
        calloc(info->n_tensors + 1, sizeof(const struct safetensors_tensor *));
    if (by_place == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    int rc = check_places(info, by_place, error);
    free(by_place);
    return rc;
}

/* A file has a few types; past TYPES_MAX the others are not counted. */
static void
find_main_type(struct safetensors_info *info)
{
    struct {
        struct str name;
        uint64_t n_bytes;
    } types[TYPES_MAX];
    size_t n = 0, best = 0;
    for (size_t i = 0; i < info->n_tensors; i++) {
        size_t at = 0;
        while (at < n && !str_eq(types[at].name, info->tensors[i].type))
            at++;
        if (at == TYPES_MAX)
            continue;
        if (at == n) {
            types[n].name = info->tensors[i].type;
            types[n++].n_bytes = 0;
        }
        types[at].n_bytes += info->tensors[i].n_bytes;
    }
    for (size_t i = 1; i < n; i++)
        if (types[i].n_bytes > types[best].n_bytes)
            best = i;
    info->main_type = n == 0 ? STR("") : types[best].name;
}

/* ---- the whole ---- */

int
safetensors_read(const struct byte_source *source,
                 struct safetensors_info *ret_info, struct error *error)
{
    *ret_info = (struct safetensors_info){ .doc = NULL };
    if (read_head(source, ret_info, error) < 0 ||
        read_tensors(ret_info, error) < 0 || check_data(ret_info, error) < 0) {
        safetensors_info_release(ret_info);
        return -1;
    }
    find_main_type(ret_info);
    return 0;
}

void
safetensors_info_release(struct safetensors_info *info)
{
    json_doc_free(info->doc);
    free(info->tensors);
    *info = (struct safetensors_info){ .doc = NULL };
}

const struct safetensors_tensor *
safetensors_find(const struct safetensors_info *info, const char *name)
{
    for (size_t i = 0; i < info->n_tensors; i++)
        if (str_is(info->tensors[i].name, name))
            return &info->tensors[i];
    return NULL;
}
