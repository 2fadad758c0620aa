/* Reading GGUF: see gguf.h.
 *
 * The file is walked once, front to back, through a window of 64 KiB. What
 * is passed over (a tokenizer's words, mostly) is not kept; what has items of
 * one size is jumped over without being read. */
#include "formats/gguf.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/units.h"

enum {
    WINDOW_BYTES = 64 * 1024,
    NESTING_MAX = 4,
    DEFAULT_ALIGNMENT = 32,
    ALIGNMENT_MAX = 1024 * 1024,
    TYPES_MAX = 64, /* numbers of ggml_type that bytes are counted for */
    LATEST_VERSION = 3,
};
#define ARENA_BYTES_MAX (16 * MIB)

struct reader {
    const struct byte_source *source;
    struct gguf_info *info;
    struct error *error;
    uint64_t offset; /* of the next byte */
    uint8_t *window;
    uint64_t window_at;
    size_t window_n;
};

static const uint8_t value_sizes[] = {
    [GGUF_VALUE_U8] = 1,    [GGUF_VALUE_I8] = 1,   [GGUF_VALUE_U16] = 2,
    [GGUF_VALUE_I16] = 2,   [GGUF_VALUE_U32] = 4,  [GGUF_VALUE_I32] = 4,
    [GGUF_VALUE_F32] = 4,   [GGUF_VALUE_BOOL] = 1, [GGUF_VALUE_TEXT] = 0,
    [GGUF_VALUE_ARRAY] = 0, [GGUF_VALUE_U64] = 8,  [GGUF_VALUE_I64] = 8,
    [GGUF_VALUE_F64] = 8,
};

/* ---- bytes ---- */

static int
contradicts(struct reader *r, const char *what)
{
    return error_set(r->error, ERR_INVALID, "at byte %llu: %s",
                     (unsigned long long)r->offset, what);
}

static uint64_t
left(const struct reader *r)
{
    return r->source->size_bytes - r->offset;
}

/* Whether n bytes more can be there at all. */
static int
expect(struct reader *r, uint64_t n)
{
    if (n <= left(r))
        return 0;
    return error_set(r->error, ERR_INVALID,
                     "cut short at byte %llu: %llu bytes are needed there and "
                     "the file has %llu",
                     (unsigned long long)r->offset, (unsigned long long)n,
                     (unsigned long long)left(r));
}

/* The next n bytes (at most a window's) in memory, or NULL. They are good
 * until the next call. */
static const uint8_t *
peek(struct reader *r, size_t n)
{
    if (r->offset >= r->window_at && r->offset - r->window_at <= r->window_n &&
        n <= r->window_n - (size_t)(r->offset - r->window_at))
        return r->window + (r->offset - r->window_at);
    if (expect(r, n) < 0)
        return NULL;
    size_t want = left(r) < WINDOW_BYTES ? (size_t)left(r) : WINDOW_BYTES;
    const struct byte_source *source = r->source;
    if (source->read(source->ctx, r->offset, r->window, want, r->error) < 0) {
        /* Of a prefix maybe just this much is here. */
        r->window_n = 0;
        if (r->error->code != ERR_UNAVAILABLE || want == n ||
            source->read(source->ctx, r->offset, r->window, n, r->error) < 0)
            return NULL;
        want = n;
    }
    r->window_at = r->offset;
    r->window_n = want;
    return r->window;
}

static int
skip(struct reader *r, uint64_t n)
{
    if (expect(r, n) < 0)
        return -1;
    r->offset += n;
    return 0;
}

static uint64_t
decode(const struct reader *r, const uint8_t *bytes, size_t n)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = r->info->is_big_endian ? i : n - 1 - i;
        value = value << 8 | bytes[at];
    }
    return value;
}

static int
read_uint(struct reader *r, size_t n, uint64_t *ret)
{
    const uint8_t *bytes = peek(r, n);
    if (bytes == NULL)
        return -1;
    *ret = decode(r, bytes, n);
    r->offset += n;
    return 0;
}

/* Counts and lengths had 32 bits in version 1. */
static size_t
length_bytes(const struct reader *r)
{
    return r->info->version == 1 ? 4 : 8;
}

static int
read_length(struct reader *r, uint64_t *ret)
{
    return read_uint(r, length_bytes(r), ret);
}

/* ---- texts ---- */

static int
no_memory(struct reader *r)
{
    if (r->info->arena.used_bytes + GGUF_TEXT_MAX > ARENA_BYTES_MAX)
        return error_set(r->error, ERR_TOO_LARGE,
                         "its keys take more than %d MiB",
                         (int)(ARENA_BYTES_MAX / MIB));
    return error_set(r->error, ERR_NO_MEMORY, "out of memory");
}

/* Keeps at most `max` bytes of the text and passes over the rest. */
static int
read_text(struct reader *r, size_t max, struct str *ret, uint64_t *ret_n)
{
    uint64_t n;
    if (read_length(r, &n) < 0 || expect(r, n) < 0)
        return -1;
    size_t kept = n < max ? (size_t)n : max;
    const uint8_t *bytes = kept == 0 ? (const uint8_t *)"" : peek(r, kept);
    if (bytes == NULL)
        return -1;
    char *copy =
        arena_str(&r->info->arena, (struct str){ (const char *)bytes, kept });
    if (copy == NULL)
        return no_memory(r);
    *ret = (struct str){ copy, kept };
    *ret_n = n;
    return skip(r, n);
}

/* ---- values ---- */

static double
as_real(uint64_t bits, enum gguf_value_type type)
{
    uint32_t half = (uint32_t)bits;
    float single;
    double real;
    switch (type) {
    case GGUF_VALUE_F32: memcpy(&single, &half, sizeof single); return single;
    case GGUF_VALUE_F64: memcpy(&real, &bits, sizeof real); return real;
    case GGUF_VALUE_I8: return (int8_t)bits;
    case GGUF_VALUE_I16: return (int16_t)bits;
    case GGUF_VALUE_I32: return (int32_t)bits;
    case GGUF_VALUE_I64: return (double)(int64_t)bits;
    default: return (double)bits;
    }
}

static int
read_number(struct reader *r, struct gguf_value *value)
{
    uint64_t bits;
    if (read_uint(r, value_sizes[value->type], &bits) < 0)
        return -1;
    switch (value->type) {
    case GGUF_VALUE_I8: value->i = (int8_t)bits; break;
    case GGUF_VALUE_I16: value->i = (int16_t)bits; break;
    case GGUF_VALUE_I32: value->i = (int32_t)bits; break;
    case GGUF_VALUE_I64: value->i = (int64_t)bits; break;
    case GGUF_VALUE_F32:
    case GGUF_VALUE_F64: value->real = as_real(bits, value->type); break;
    case GGUF_VALUE_BOOL: value->u = bits != 0; break;
    default: value->u = bits; break;
    }
    return 0;
}

static int
read_type(struct reader *r, enum gguf_value_type *ret_type)
{
    uint64_t type;
    if (read_uint(r, 4, &type) < 0)
        return -1;
    if (type > GGUF_VALUE_F64)
        return error_set(
            r->error, ERR_INVALID, "at byte %llu: %llu is no type of a value",
            (unsigned long long)r->offset - 4, (unsigned long long)type);
    *ret_type = (enum gguf_value_type)type;
    return 0;
}

/* The words of a vocabulary: hundreds of thousands, so without a call for
 * each while they are in the window. */
static int
skip_texts(struct reader *r, uint64_t n_items)
{
    size_t head = length_bytes(r);
    if (n_items > left(r) / head)
        return contradicts(r, "more texts than the file can hold");
    for (uint64_t i = 0; i < n_items; i++) {
        const uint8_t *bytes = peek(r, head);
        if (bytes == NULL)
            return -1;
        uint64_t n = decode(r, bytes, head);
        r->offset += head;
        if (n > left(r))
            return expect(r, n);
        r->offset += n;
    }
    return 0;
}

/* Few texts: tags, languages. */
static int
keep_texts(struct reader *r, struct gguf_value *value)
{
    struct str *texts = arena_alloc(
        &r->info->arena, ((size_t)value->n_items + 1) * sizeof *texts);
    if (texts == NULL)
        return no_memory(r);
    for (size_t i = 0; i < value->n_items; i++) {
        uint64_t n;
        if (read_text(r, GGUF_NAME_MAX, &texts[i], &n) < 0)
            return -1;
        value->is_cut = value->is_cut || texts[i].n < n;
    }
    value->texts = texts;
    return 0;
}

static int
keep_numbers(struct reader *r, struct gguf_value *value, size_t size)
{
    size_t n = value->n_items < GGUF_NUMBERS_MAX ? (size_t)value->n_items
                                                 : GGUF_NUMBERS_MAX;
    const uint8_t *bytes = peek(r, n * size);
    if (bytes == NULL)
        return -1;
    double *numbers = arena_alloc(&r->info->arena, (n + 1) * sizeof *numbers);
    if (numbers == NULL)
        return no_memory(r);
    for (size_t i = 0; i < n; i++)
        numbers[i] =
            as_real(decode(r, bytes + i * size, size), value->item_type);
    value->numbers = numbers;
    value->n_numbers = n;
    value->is_cut = n < value->n_items;
    return 0;
}

/* `value` NULL: an array in an array, passed over. */
static int
read_array(struct reader *r, struct gguf_value *value, int depth)
{
    enum gguf_value_type type;
    uint64_t n_items, n_bytes;
    if (depth > NESTING_MAX)
        return contradicts(r, "arrays are nested too deeply");
    if (read_type(r, &type) < 0 || read_length(r, &n_items) < 0)
        return -1;
    if (value != NULL) {
        value->item_type = type;
        value->n_items = n_items;
    }
    if (type == GGUF_VALUE_TEXT)
        return value != NULL && n_items <= GGUF_TEXTS_MAX
                   ? keep_texts(r, value)
                   : skip_texts(r, n_items);
    if (type == GGUF_VALUE_ARRAY) {
        if (n_items > left(r) / (4 + length_bytes(r)))
            return contradicts(r, "more arrays than the file can hold");
        for (uint64_t i = 0; i < n_items; i++)
            if (read_array(r, NULL, depth + 1) < 0)
                return -1;
        return 0;
    }
    size_t size = value_sizes[type];
    if (u64_mul_overflows(n_items, size, &n_bytes))
        return contradicts(r, "an array is larger than any file");
    if (expect(r, n_bytes) < 0 ||
        (value != NULL && keep_numbers(r, value, size) < 0))
        return -1;
    return skip(r, n_bytes);
}

static int
read_value(struct reader *r, struct gguf_value *value)
{
    if (read_type(r, &value->type) < 0)
        return -1;
    if (value->type == GGUF_VALUE_ARRAY)
        return read_array(r, value, 1);
    if (value->type != GGUF_VALUE_TEXT)
        return read_number(r, value);
    if (read_text(r, GGUF_TEXT_MAX, &value->text, &value->n_bytes) < 0)
        return -1;
    value->is_cut = value->text.n < value->n_bytes;
    return 0;
}

/* ---- keys ---- */

static int
read_name(struct reader *r, const char *what, struct str *ret_name)
{
    uint64_t n = 0;
    if (read_text(r, GGUF_NAME_MAX, ret_name, &n) < 0)
        return -1;
    if (n > GGUF_NAME_MAX)
        return error_set(r->error, ERR_TOO_LARGE,
                         "before byte %llu: the name of a %s has %llu bytes, "
                         "more than %d",
                         (unsigned long long)r->offset, what,
                         (unsigned long long)n, GGUF_NAME_MAX);
    return 0;
}

static int
read_keys(struct reader *r)
{
    struct gguf_info *info = r->info;
    uint64_t least = length_bytes(r) + 4 + 1; /* name, type, value */
    if (info->n_keys > left(r) / least)
        return contradicts(r, "more keys than the file can hold");
    if (info->n_keys > GGUF_KEYS_MAX)
        return error_set(r->error, ERR_TOO_LARGE, "%llu keys, more than %d",
                         (unsigned long long)info->n_keys, GGUF_KEYS_MAX);
    struct gguf_key *keys =
        arena_alloc(&info->arena, ((size_t)info->n_keys + 1) * sizeof *keys);
    if (keys == NULL)
        return no_memory(r);
    info->keys = keys;
    for (; info->n_kept < info->n_keys; info->n_kept++) {
        struct gguf_key *key = &keys[info->n_kept];
        if (read_name(r, "key", &key->name) < 0 ||
            read_value(r, &key->value) < 0)
            return -1;
    }
    return 0;
}

/* ---- tensors ---- */

struct tensor_sums {
    uint64_t bytes_by_type[TYPES_MAX];
    uint64_t end; /* of the last byte of any, in the data part */
    uint64_t alignment;
};

static int
measure(struct reader *r, struct gguf_tensor *tensor)
{
    const struct ggml_type_row *row = ggml_type_find(tensor->type);
    tensor->n_elements = 1;
    for (unsigned i = 0; i < GGUF_SHAPE_MAX; i++)
        if (u64_mul_overflows(tensor->n_elements, tensor->shape[i],
                              &tensor->n_elements))
            return contradicts(r, "a tensor has more elements than any file");
    tensor->n_bytes = 0;
    if (row == NULL)
        return 0;
    if (tensor->shape[0] % row->block != 0)
        return contradicts(r, "the rows of a tensor are no whole blocks");
    if (u64_mul_overflows(tensor->n_elements / row->block, row->block_bytes,
                          &tensor->n_bytes))
        return contradicts(r, "a tensor is larger than any file");
    return 0;
}

static int
read_tensor(struct reader *r, struct gguf_tensor *tensor)
{
    uint64_t n_dims, type;
    if (read_name(r, "tensor", &tensor->name) < 0 ||
        read_uint(r, 4, &n_dims) < 0)
        return -1;
    if (n_dims > GGUF_SHAPE_MAX)
        return contradicts(r, "a tensor has more than 4 dimensions");
    tensor->n_dims = (unsigned)n_dims;
    for (unsigned i = 0; i < GGUF_SHAPE_MAX; i++) {
        tensor->shape[i] = 1;
        if (i < n_dims && read_length(r, &tensor->shape[i]) < 0)
            return -1;
    }
    if (read_uint(r, 4, &type) < 0 || read_uint(r, 8, &tensor->offset) < 0)
        return -1;
    tensor->type = (uint32_t)type;
    return measure(r, tensor);
}

static int
add_tensor(struct reader *r, struct tensor_sums *sums,
           const struct gguf_tensor *tensor)
{
    struct gguf_info *info = r->info;
    uint64_t end;
    if (tensor->offset % sums->alignment != 0)
        return contradicts(r, "a tensor is not aligned");
    if (u64_add_overflows(tensor->offset, tensor->n_bytes, &end) ||
        u64_add_overflows(info->n_parameters, tensor->n_elements,
                          &info->n_parameters) ||
        u64_add_overflows(info->tensor_bytes, tensor->n_bytes,
                          &info->tensor_bytes))
        return contradicts(r, "the tensors are larger than any file");
    if (tensor->type < TYPES_MAX)
        sums->bytes_by_type[tensor->type] += tensor->n_bytes;
    if (end > sums->end)
        sums->end = end;
    return 0;
}

/* 0, 1 when the visitor has seen enough, -1. */
static int
read_tensors(struct reader *r, const struct gguf_visitor *visitor,
             struct tensor_sums *sums)
{
    struct gguf_info *info = r->info;
    uint64_t least = length_bytes(r) + 4 + 4 + 8;
    if (info->n_tensors > left(r) / least)
        return contradicts(r, "more tensors than the file can hold");
    if (info->n_tensors > GGUF_TENSORS_MAX)
        return error_set(r->error, ERR_TOO_LARGE, "%llu tensors, more than %d",
                         (unsigned long long)info->n_tensors, GGUF_TENSORS_MAX);
    struct arena keys = info->arena; /* the names go, the keys stay */
    int rc = 0;
    for (uint64_t i = 0; i < info->n_tensors && rc == 0; i++) {
        struct gguf_tensor tensor;
        arena_init(&info->arena, GGUF_TEXT_MAX);
        rc = read_tensor(r, &tensor);
        if (rc == 0)
            rc = add_tensor(r, sums, &tensor);
        if (rc == 0 && visitor != NULL &&
            visitor->on_tensor(visitor->ctx, &tensor) != 0)
            rc = 1;
        arena_release(&info->arena);
    }
    info->arena = keys;
    return rc;
}

static int
read_alignment(struct reader *r, uint64_t *ret_alignment)
{
    const struct gguf_value *value = gguf_get(r->info, "general.alignment");
    *ret_alignment = DEFAULT_ALIGNMENT;
    if (value == NULL)
        return 0;
    if (!gguf_as_u64(value, ret_alignment) || *ret_alignment == 0 ||
        *ret_alignment > ALIGNMENT_MAX ||
        (*ret_alignment & (*ret_alignment - 1)) != 0)
        return contradicts(r, "general.alignment is no power of two");
    return 0;
}

static int
check_data(struct reader *r, const struct tensor_sums *sums)
{
    struct gguf_info *info = r->info;
    uint64_t end;
    info->data_offset =
        (r->offset + sums->alignment - 1) / sums->alignment * sums->alignment;
    for (uint32_t type = 0; type < TYPES_MAX; type++)
        if (sums->bytes_by_type[type] >
            sums->bytes_by_type[info->most_bytes_type])
            info->most_bytes_type = type;
    if (info->n_tensors == 0 || sums->end == 0)
        return 0;
    if (u64_add_overflows(info->data_offset, sums->end, &end))
        return contradicts(r, "the tensors are larger than any file");
    if (end > r->source->size_bytes)
        return error_set(r->error, ERR_INVALID,
                         "cut short: its tensors need %llu bytes and the file "
                         "has %llu",
                         (unsigned long long)end,
                         (unsigned long long)r->source->size_bytes);
    return 0;
}

/* ---- the whole ---- */

static int
read_head(struct reader *r)
{
    struct gguf_info *info = r->info;
    uint64_t version;
    const uint8_t *magic = r->source->size_bytes < 4 ? NULL : peek(r, 4);
    if (magic == NULL && r->source->size_bytes >= 4)
        return -1;
    if (magic == NULL || memcmp(magic, "GGUF", 4) != 0)
        return error_set(r->error, ERR_INVALID,
                         "no GGUF file: it does not begin with \"GGUF\"");
    r->offset += 4;
    if (read_uint(r, 4, &version) < 0)
        return -1;
    if ((version & 0xFFFF) == 0 && version != 0) {
        info->is_big_endian = true;
        r->offset -= 4;
        if (read_uint(r, 4, &version) < 0)
            return -1;
    }
    if (version < 1 || version > LATEST_VERSION)
        return error_set(r->error, ERR_INVALID,
                         "version %llu of GGUF is not known, 1 to %d are",
                         (unsigned long long)version, LATEST_VERSION);
    info->version = (uint32_t)version;
    return read_length(r, &info->n_tensors) < 0 ||
                   read_length(r, &info->n_keys) < 0
               ? -1
               : 0;
}

static int
read_all(struct reader *r, const struct gguf_visitor *visitor)
{
    struct tensor_sums sums = { .end = 0 };
    if (read_head(r) < 0 || read_keys(r) < 0 ||
        read_alignment(r, &sums.alignment) < 0)
        return -1;
    int rc = read_tensors(r, visitor, &sums);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    return check_data(r, &sums);
}

int
gguf_read(const struct byte_source *source, const struct gguf_visitor *visitor,
          struct gguf_info *ret_info, struct error *error)
{
    struct error unwanted;
    struct reader r = { .source = source,
                        .info = ret_info,
                        .error = error == NULL ? &unwanted : error,
                        .window = malloc(WINDOW_BYTES) };
    *ret_info = (struct gguf_info){ .version = 0 };
    arena_init(&ret_info->arena, ARENA_BYTES_MAX);
    int rc = r.window == NULL ? no_memory(&r) : read_all(&r, visitor);
    free(r.window);
    if (rc < 0)
        gguf_info_release(ret_info);
    return rc;
}

void
gguf_info_release(struct gguf_info *info)
{
    arena_release(&info->arena);
    info->keys = NULL;
    info->n_kept = 0;
}

/* ---- looking up ---- */

static const struct gguf_value *
find(const struct gguf_info *info, struct str prefix, struct str name)
{
    for (size_t i = 0; i < info->n_kept; i++) {
        struct str key = info->keys[i].name;
        if (key.n == prefix.n + name.n && str_starts_with(key, prefix) &&
            memcmp(key.p + prefix.n, name.p, name.n) == 0)
            return &info->keys[i].value;
    }
    return NULL;
}

const struct gguf_value *
gguf_get(const struct gguf_info *info, const char *name)
{
    return find(info, STR(""), str_from(name));
}

struct str
gguf_architecture(const struct gguf_info *info)
{
    struct str architecture = STR("");
    gguf_as_text(gguf_get(info, "general.architecture"), &architecture);
    return architecture;
}

const struct gguf_value *
gguf_get_arch(const struct gguf_info *info, const char *name)
{
    char rest[GGUF_NAME_MAX];
    struct str architecture = gguf_architecture(info);
    size_t n = strlen(name);
    if (architecture.n == 0 || n + 1 > sizeof rest)
        return NULL;
    rest[0] = '.';
    memcpy(rest + 1, name, n);
    return find(info, architecture, (struct str){ rest, n + 1 });
}

bool
gguf_as_u64(const struct gguf_value *value, uint64_t *ret)
{
    if (value == NULL)
        return false;
    switch (value->type) {
    case GGUF_VALUE_U8:
    case GGUF_VALUE_U16:
    case GGUF_VALUE_U32:
    case GGUF_VALUE_U64: *ret = value->u; return true;
    case GGUF_VALUE_I8:
    case GGUF_VALUE_I16:
    case GGUF_VALUE_I32:
    case GGUF_VALUE_I64: *ret = (uint64_t)value->i; return value->i >= 0;
    case GGUF_VALUE_ARRAY:
        /* Whole numbers that a double holds exactly. */
        if (value->n_numbers == 0 || !(value->numbers[0] >= 0) ||
            value->numbers[0] > 9007199254740992.0)
            return false;
        *ret = (uint64_t)value->numbers[0];
        return (double)*ret == value->numbers[0];
    default: return false;
    }
}

bool
gguf_as_real(const struct gguf_value *value, double *ret)
{
    uint64_t whole;
    if (value == NULL)
        return false;
    if (value->type == GGUF_VALUE_F32 || value->type == GGUF_VALUE_F64) {
        *ret = value->real;
        return true;
    }
    if (!gguf_as_u64(value, &whole))
        return false;
    *ret = (double)whole;
    return true;
}

bool
gguf_as_text(const struct gguf_value *value, struct str *ret)
{
    if (value == NULL || value->type != GGUF_VALUE_TEXT)
        return false;
    *ret = value->text;
    return true;
}

bool
gguf_as_bool(const struct gguf_value *value, bool *ret)
{
    if (value == NULL || value->type != GGUF_VALUE_BOOL)
        return false;
    *ret = value->u != 0;
    return true;
}
