/* The model with a known answer: see tiny_model.h.
 *
 * How the answer is fixed. In each embedding, coordinate 0 says "I am not
 * one of the words" (6, else 0) and the others are random signs, so two
 * different rows are almost at right angles. The output row of a word's
 * successor is that word's embedding without coordinate 0, scaled: it wins
 * by a wide margin exactly after that word. The first word's output row has
 * only coordinate 0: it wins after everything else. */
#include "formats/tiny_model.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/units.h"
#include "formats/tiny_internal.h"

enum {
    BYTE_COUNT = 256,
    TILE = 32768, /* elements of noise; larger tensors repeat them */
    TOKENS_MAX = TINY_WORDS_MAX + 600
};

/* Token types of llama.cpp's vocabulary. */
enum {
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN,
    TOKEN_CONTROL,
    TOKEN_UNUSED = 5,
    TOKEN_BYTE
};

#define SPM_SPACE "\xe2\x96\x81" /* U+2581 */
#define BPE_SPACE "\xc4\xa0"     /* U+0120: how byte pairs write a space */

static const char chat_template[] =
    "{%- for m in messages -%}"
    "{{ '<|' + m['role'] + '|>' }}{{ m['content'] }}{{ '<|end|>' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|assistant|>' }}{%- endif -%}";

/* `file_type` is the number for the whole file in general.file_type. */
static const struct type_row {
    const char *name;
    enum gguf_type type;
    uint32_t file_type;
} type_rows[] = {
    { "F32", GGUF_F32, 0 },    { "F16", GGUF_F16, 1 },
    { "BF16", GGUF_BF16, 32 }, { "Q8_0", GGUF_Q8_0, 7 },
    { "Q4_0", GGUF_Q4_0, 2 },
};

enum { N_TYPE_ROWS = sizeof type_rows / sizeof type_rows[0] };

struct vocabulary {
    struct arena arena;
    struct str texts[TOKENS_MAX];
    float scores[TOKENS_MAX];
    int32_t types[TOKENS_MAX];
    size_t n;
    uint32_t bos, eos, eot;
    uint32_t words; /* the first word's token */
    size_t n_words;
    bool is_out_of_memory;
};

struct tiny_model {
    struct tiny_model_options o; /* defaults filled in */
    struct vocabulary vocab;
    struct gguf_writer head;
    float *embedding; /* n tokens x dim */
    float *output;
    uint8_t *tile; /* noise, packed */
    int (*write)(void *ctx, struct str bytes, struct error *error);
    void *ctx;
    struct error *error;
};

int
tiny_type_from(struct str text, enum gguf_type *ret_type)
{
    for (size_t i = 0; i < N_TYPE_ROWS; i++)
        if (str_eq_nocase(text, str_from(type_rows[i].name))) {
            *ret_type = type_rows[i].type;
            return 0;
        }
    return -1;
}

static uint32_t
file_type_of(enum gguf_type type)
{
    for (size_t i = 0; i < N_TYPE_ROWS; i++)
        if (type_rows[i].type == type)
            return type_rows[i].file_type;
    return 0;
}

/* ---- randomness: splitmix64, the same on every machine ---- */

static uint64_t
random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- options ---- */

struct bound {
    const char *name;
    int64_t *value;
    int64_t fallback, min, max, multiple;
};

static int
check_bounds(const struct bound *bounds, size_t n, struct error *error)
{
    for (size_t i = 0; i < n; i++) {
        const struct bound *b = &bounds[i];
        if (*b->value == 0)
            *b->value = b->fallback;
        if (*b->value < b->min || *b->value > b->max)
            return error_field(
                error, b->name, "%lld is not between %lld and %lld",
                (long long)*b->value, (long long)b->min, (long long)b->max);
        if (*b->value % b->multiple != 0)
            return error_field(error, b->name, "%lld is no multiple of %lld",
                               (long long)*b->value, (long long)b->multiple);
    }
    return 0;
}

static int
check_options(struct tiny_model_options *o, struct error *error)
{
    const struct bound bounds[] = {
        { "layers", &o->n_layers, 2, 1, TINY_LAYERS_MAX, 1 },
        { "dim", &o->dim, 64, 32, 16384, GGUF_BLOCK },
        { "ffn", &o->ffn, 128, 32, 65536, GGUF_BLOCK },
        { "heads", &o->n_heads, 4, 1, 512, 1 },
        { "kv-heads", &o->n_kv_heads, o->n_heads == 0 ? 2 : o->n_heads, 1, 512,
          1 },
        { "ctx", &o->n_ctx, 2048, 8, 1 << 20, 1 },
        { "window", &o->n_window, 512, 1, 1 << 20, 1 },
        { "experts", &o->n_experts, 4, 1, 256, 1 },
        { "experts-used", &o->n_experts_used, 2, 1, 256, 1 },
    };
    if (o->name.n == 0)
        o->name = STR("tiny");
    if (o->seed == 0)
        o->seed = 1;
    if (check_bounds(bounds, sizeof bounds / sizeof bounds[0], error) != 0)
        return -1;
    assert(o->n_heads > 0 && o->n_kv_heads > 0); /* by their bounds */
    if (o->dim % o->n_heads != 0 || o->dim / o->n_heads % 2 != 0)
        return error_field(error, "heads",
                           "%lld does not divide dim %lld into even parts",
                           (long long)o->n_heads, (long long)o->dim);
    if (o->n_heads % o->n_kv_heads != 0)
        return error_field(error, "kv-heads", "%lld does not divide heads %lld",
                           (long long)o->n_kv_heads, (long long)o->n_heads);
    if (o->n_experts_used > o->n_experts)
        return error_field(error, "experts-used",
                           "%lld are more than there are",
                           (long long)o->n_experts_used);
    if (!str_is_utf8(o->name) || !str_is_utf8(o->say))
        return error_field(error, str_is_utf8(o->name) ? "say" : "name",
                           "the text is not UTF-8");
    return 0;
}

/* ---- vocabulary ---- */

static uint32_t
token_add(struct vocabulary *v, const char *text, int32_t type, float score)
{
    if (text == NULL || v->n == TOKENS_MAX) {
        v->is_out_of_memory = true;
        return 0;
    }
    v->texts[v->n] = str_from(text);
    v->types[v->n] = type;
    v->scores[v->n] = score;
    return (uint32_t)v->n++;
}

/* GPT-2's alphabet: each byte as one printable character, bytes that are
 * none moved to U+0100 and up. Writes its UTF-8 (two bytes at most). */
static size_t
byte_character(unsigned byte, char *out)
{
    unsigned c = byte;
    if (byte <= 32)
        c = 256 + byte;
    else if (byte >= 127 && byte <= 160)
        c = 256 + 33 + (byte - 127);
    else if (byte == 173)
        c = 256 + 33 + 34;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = (char)(0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3f));
    return 2;
}

static char *
bpe_text(struct arena *arena, struct str word)
{
    char *text = arena_alloc(arena, 2 * word.n + 1);
    if (text == NULL)
        return NULL;
    size_t n = 0;
    for (size_t i = 0; i < word.n; i++)
        n += byte_character((unsigned char)word.p[i], text + n);
    return text; /* the arena's memory is zero */
}

static void
add_base_tokens(struct vocabulary *v, bool is_spm)
{
    if (is_spm) {
        token_add(v, "<unk>", TOKEN_UNKNOWN, 0);
        v->bos = token_add(v, "<s>", TOKEN_CONTROL, 0);
        v->eos = token_add(v, "</s>", TOKEN_CONTROL, 0);
        for (unsigned b = 0; b < BYTE_COUNT; b++)
            token_add(v, arena_printf(&v->arena, "<0x%02X>", b), TOKEN_BYTE, 0);
    } else {
        for (unsigned b = 0; b < BYTE_COUNT; b++) {
            char byte = (char)b;
            token_add(v, bpe_text(&v->arena, (struct str){ &byte, 1 }),
                      TOKEN_NORMAL, 0);
        }
        v->bos = token_add(v, "<|endoftext|>", TOKEN_CONTROL, 0);
    }
    v->eot = token_add(v, "<|end|>", TOKEN_CONTROL, 0);
    if (!is_spm)
        v->eos = v->eot;
    token_add(v, "<|system|>", TOKEN_CONTROL, 0);
    token_add(v, "<|user|>", TOKEN_CONTROL, 0);
    token_add(v, "<|assistant|>", TOKEN_CONTROL, 0);
    token_add(v, "<|tool|>", TOKEN_CONTROL, 0);
    if (!is_spm)
        return;
    for (int c = 33; c < 127; c++)
        token_add(v, arena_printf(&v->arena, "%c", c), TOKEN_NORMAL,
                  -1000.0f - (float)c);
    token_add(v, SPM_SPACE, TOKEN_NORMAL, -900.0f);
}

static bool
is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Takes the next word off `*rest`; empty at the end. */
static struct str
next_word(struct str *rest)
{
    while (rest->n > 0 && is_space(*rest->p))
        *rest = (struct str){ rest->p + 1, rest->n - 1 };
    size_t n = 0;
    while (n < rest->n && !is_space(rest->p[n]))
        n++;
    struct str word = { rest->p, n };
    *rest = (struct str){ rest->p + n, rest->n - n };
    return word;
}

static int
add_word(struct vocabulary *v, struct str word, bool is_spm,
         struct error *error)
{
    if (word.n > TINY_WORD_MAX_BYTES)
        return error_field(error, "say", "a word has more than %d bytes",
                           TINY_WORD_MAX_BYTES);
    if (v->n_words == TINY_WORDS_MAX)
        return error_field(error, "say", "more than %d words", TINY_WORDS_MAX);
    char *text = is_spm
                     ? arena_printf(&v->arena, SPM_SPACE "%.*s", STR_ARG(word))
                     : bpe_text(&v->arena, word);
    if (!is_spm && text != NULL)
        text = arena_printf(&v->arena, BPE_SPACE "%s", text);
    for (size_t i = v->words; text != NULL && i < v->n; i++)
        if (str_is(v->texts[i], text))
            return error_field(error, "say",
                               "the word \"%.*s\" comes twice; each word "
                               "leads to the next, so none can repeat",
                               STR_ARG(word));
    token_add(v, text, TOKEN_NORMAL, -10.0f - (float)v->n_words);
    v->n_words++;
    return 0;
}

static int
vocabulary_fill(struct vocabulary *v, const struct tiny_model_options *o,
                struct error *error)
{
    bool is_spm = tiny_arch_row(o->arch)->is_spm;
    struct str rest = o->say;
    add_base_tokens(v, is_spm);
    v->words = (uint32_t)v->n;
    for (struct str word = next_word(&rest); word.n > 0;
         word = next_word(&rest))
        if (add_word(v, word, is_spm, error) != 0)
            return -1;
    if (v->n_words == 0)
        return error_field(error, "say", "names no word to answer with");
    while (v->n % GGUF_BLOCK != 0 && !v->is_out_of_memory)
        token_add(v, arena_printf(&v->arena, "<|pad%zu|>", v->n), TOKEN_UNUSED,
                  0);
    if (v->is_out_of_memory)
        return error_set(error, ERR_NO_MEMORY, "no memory for the words");
    return 0;
}

/* ---- weights ---- */

static bool
is_word(const struct vocabulary *v, size_t token)
{
    return token >= v->words && token < v->words + v->n_words;
}

static int
make_matrices(struct tiny_model *m)
{
    const struct vocabulary *v = &m->vocab;
    size_t dim = (size_t)m->o.dim;
    uint64_t random = m->o.seed;
    float scale = 24.0f / (float)dim;
    m->embedding = calloc(v->n * dim, sizeof *m->embedding);
    m->output = calloc(v->n * dim, sizeof *m->output);
    if (m->embedding == NULL || m->output == NULL)
        return error_set(m->error, ERR_NO_MEMORY, "no memory for the model");
    for (size_t t = 0; t < v->n; t++) {
        float *row = m->embedding + t * dim;
        row[0] = is_word(v, t) ? 0.0f : 6.0f;
        for (size_t j = 1; j < dim; j++)
            row[j] = random_next(&random) >> 63 ? 1.0f : -1.0f;
    }
    for (size_t i = 0; i < v->n_words; i++) {
        size_t next = v->words + i + 1;
        if (i + 1 == v->n_words)
            next = m->o.is_looping ? v->words : v->eos;
        for (size_t j = 1; j < dim; j++)
            m->output[next * dim + j] +=
                scale * m->embedding[(v->words + i) * dim + j];
    }
    m->output[v->words * dim] += 8.0f;
    return 0;
}

/* Noise between -0.01 and 0.01: enough to be computed, too little to
 * matter. */
static int
make_tile(struct tiny_model *m)
{
    uint64_t random = m->o.seed ^ UINT64_C(0x5eed);
    float *noise = calloc(TILE, sizeof *noise);
    m->tile = calloc(1, (size_t)gguf_bytes(m->o.type, TILE));
    if (noise != NULL && m->tile != NULL) {
        for (size_t i = 0; i < TILE; i++) {
            double unit = (double)(random_next(&random) >> 11) * 0x1p-53;
            noise[i] = (float)((unit - 0.5) * 0.02);
        }
        gguf_pack(m->o.type, noise, TILE, m->tile);
    }
    bool is_made = noise != NULL && m->tile != NULL;
    free(noise);
    if (!is_made)
        return error_set(m->error, ERR_NO_MEMORY, "no memory for the model");
    return 0;
}

/* ---- tensors: walked twice, for the table and for the data ---- */

typedef int tensor_fn(struct tiny_model *m, const struct tiny_tensor *tensor);

static int
walk_block(struct tiny_model *m, int64_t layer, tensor_fn *fn)
{
    struct tiny_block block;
    tiny_block_fill(&block, &m->o, layer);
    for (size_t i = 0; i < block.n; i++)
        if (fn(m, &block.at[i]) != 0)
            return -1;
    return 0;
}

static int
walk_tensors(struct tiny_model *m, tensor_fn *fn)
{
    uint64_t dim = (uint64_t)m->o.dim;
    const struct tiny_tensor outer[] = {
        { "token_embd.weight", FILL_EMBEDDING, 0, { dim, m->vocab.n, 1 }, 2 },
        { "output_norm.weight", FILL_CONSTANT, 1, { dim, 1, 1 }, 1 },
        { "output.weight", FILL_OUTPUT, 0, { dim, m->vocab.n, 1 }, 2 },
    };
    for (size_t i = 0; i < sizeof outer / sizeof outer[0]; i++)
        if (fn(m, &outer[i]) != 0)
            return -1;
    for (int64_t layer = 0; layer < m->o.n_layers; layer++)
        if (walk_block(m, layer, fn) != 0)
            return -1;
    return 0;
}

static enum gguf_type
tensor_type(const struct tiny_model *m, const struct tiny_tensor *tensor)
{
    return tensor->fill == FILL_CONSTANT ? GGUF_F32 : m->o.type;
}

static int
declare_tensor(struct tiny_model *m, const struct tiny_tensor *tensor)
{
    gguf_add_tensor(&m->head, tensor->name, tensor_type(m, tensor),
                    tensor->shape, tensor->n_dims);
    return 0;
}

static int
write_bytes(struct tiny_model *m, const void *bytes, size_t n)
{
    return m->write(m->ctx, (struct str){ bytes, n }, m->error);
}

static int
write_noise(struct tiny_model *m, uint64_t n_bytes)
{
    size_t tile_bytes = (size_t)gguf_bytes(m->o.type, TILE);
    while (n_bytes > 0) {
        size_t n = n_bytes < tile_bytes ? (size_t)n_bytes : tile_bytes;
        if (write_bytes(m, m->tile, n) != 0)
            return -1;
        n_bytes -= n;
    }
    return 0;
}

static int
write_floats(struct tiny_model *m, enum gguf_type type, const float *values,
             size_t n)
{
    uint8_t packed[4096];
    enum { CHUNK = sizeof packed / sizeof(float) };
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t take = n - i < CHUNK ? n - i : CHUNK;
        gguf_pack(type, values + i, take, packed);
        if (write_bytes(m, packed, (size_t)gguf_bytes(type, take)) != 0)
            return -1;
    }
    return 0;
}

/* Constants are F32 of any length: written without gguf_pack's blocks. */
static int
write_constant(struct tiny_model *m, float value, uint64_t n)
{
    uint8_t block[GGUF_BLOCK * 4];
    float values[GGUF_BLOCK];
    for (size_t i = 0; i < GGUF_BLOCK; i++)
        values[i] = value;
    gguf_pack(GGUF_F32, values, GGUF_BLOCK, block);
    for (uint64_t i = 0; i < n; i += GGUF_BLOCK) {
        uint64_t take = n - i < GGUF_BLOCK ? n - i : GGUF_BLOCK;
        if (write_bytes(m, block, (size_t)take * 4) != 0)
            return -1;
    }
    return 0;
}

static int
write_tensor(struct tiny_model *m, const struct tiny_tensor *tensor)
{
    static const char zeros[GGUF_ALIGNMENT];
    enum gguf_type type = tensor_type(m, tensor);
    uint64_t n = tensor->shape[0];
    for (unsigned i = 1; i < tensor->n_dims; i++)
        n *= tensor->shape[i];
    uint64_t n_bytes = gguf_bytes(type, n);
    int rc = 0;
    switch (tensor->fill) {
    case FILL_EMBEDDING:
        rc = write_floats(m, type, m->embedding, (size_t)n);
        break;
    case FILL_OUTPUT: rc = write_floats(m, type, m->output, (size_t)n); break;
    case FILL_NOISE: rc = write_noise(m, n_bytes); break;
    case FILL_CONSTANT: rc = write_constant(m, tensor->value, n); break;
    }
    return rc != 0 ? -1 : write_bytes(m, zeros, gguf_padding(n_bytes));
}

/* ---- head ---- */

static void
put_tokenizer(struct tiny_model *m)
{
    static const struct str merges[] = { { "h e", 3 }, { "l l", 3 } };
    struct gguf_writer *w = &m->head;
    const struct vocabulary *v = &m->vocab;
    bool is_spm = tiny_arch_row(m->o.arch)->is_spm;
    gguf_put_text(w, "tokenizer.ggml.model",
                  is_spm ? STR("llama") : STR("gpt2"));
    if (!is_spm)
        gguf_put_text(w, "tokenizer.ggml.pre", STR("qwen2"));
    gguf_put_texts(w, "tokenizer.ggml.tokens", v->texts, v->n);
    gguf_put_i32s(w, "tokenizer.ggml.token_type", v->types, v->n);
    if (is_spm) {
        gguf_put_f32s(w, "tokenizer.ggml.scores", v->scores, v->n);
        gguf_put_u32(w, "tokenizer.ggml.unknown_token_id", 0);
    } else {
        gguf_put_texts(w, "tokenizer.ggml.merges", merges, 2);
    }
    gguf_put_u32(w, "tokenizer.ggml.bos_token_id", v->bos);
    gguf_put_u32(w, "tokenizer.ggml.eos_token_id", v->eos);
    gguf_put_u32(w, "tokenizer.ggml.eot_token_id", v->eot);
    gguf_put_bool(w, "tokenizer.ggml.add_bos_token", is_spm);
    gguf_put_bool(w, "tokenizer.ggml.add_space_prefix", false);
    if (!m->o.has_no_template)
        gguf_put_text(w, "tokenizer.chat_template", str_from(chat_template));
}

static void
put_head(struct tiny_model *m)
{
    struct gguf_writer *w = &m->head;
    gguf_put_text(w, "general.architecture",
                  str_from(tiny_arch_row(m->o.arch)->name));
    gguf_put_text(w, "general.type", STR("model"));
    gguf_put_text(w, "general.name", m->o.name);
    gguf_put_text(w, "general.size_label", STR("tiny"));
    gguf_put_text(w, "general.license", STR("cc0-1.0"));
    gguf_put_u32(w, "general.file_type", file_type_of(m->o.type));
    gguf_put_u32(w, "general.quantization_version", 2);
    tiny_put_shape(w, &m->o, m->vocab.n);
    put_tokenizer(m);
}

static int
write_model(struct tiny_model *m)
{
    struct strbuf head = STRBUF_INIT(128 * MIB);
    int rc = -1;
    put_head(m);
    walk_tensors(m, declare_tensor);
    if (gguf_finish(&m->head, &head, m->error) == 0 &&
        write_bytes(m, head.p, head.n) == 0)
        rc = walk_tensors(m, write_tensor);
    strbuf_release(&head);
    return rc;
}

int
tiny_model_write(const struct tiny_model_options *options,
                 int (*write)(void *ctx, struct str bytes, struct error *error),
                 void *ctx, struct error *error)
{
    struct tiny_model *m = calloc(1, sizeof *m);
    int rc = -1;
    if (m == NULL)
        return error_set(error, ERR_NO_MEMORY, "no memory for the model");
    *m = (struct tiny_model){
        .o = *options, .write = write, .ctx = ctx, .error = error
    };
    arena_init(&m->vocab.arena, 4 * MIB);
    gguf_writer_init(&m->head);
    if (check_options(&m->o, error) == 0 &&
        vocabulary_fill(&m->vocab, &m->o, error) == 0 &&
        make_matrices(m) == 0 && make_tile(m) == 0)
        rc = write_model(m);
    gguf_writer_release(&m->head);
    arena_release(&m->vocab.arena);
    free(m->embedding);
    free(m->output);
    free(m->tile);
    free(m);
    return rc;
}
