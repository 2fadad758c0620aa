/* Guesses from names: see model_name.h. */
#include "formats/model_name.h"

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'z';
}

static struct str
without_ending(struct str name)
{
    for (size_t i = name.n; i > 1; i--)
        if (name.p[i - 1] == '.')
            return (struct str){ name.p, i - 1 };
    return name;
}

static struct str
last_part(struct str path)
{
    for (size_t i = path.n; i > 0; i--)
        if (path.p[i - 1] == '/')
            return (struct str){ path.p + i, path.n - i };
    return path;
}

/* ---- shards ---- */

/* The last five bytes as a number, or -1. */
static int
five_digits(struct str text)
{
    int value = 0;
    if (text.n < 5)
        return -1;
    for (size_t i = text.n - 5; i < text.n; i++) {
        if (!is_digit(text.p[i]))
            return -1;
        value = value * 10 + (text.p[i] - '0');
    }
    return value;
}

struct model_shard
model_shard_of(struct str name)
{
    struct str bare = without_ending(name);
    struct model_shard whole = { .stem = bare };
    const struct str between = STR("-of-");
    size_t tail = 5 + between.n + 5 + 1; /* "-00001-of-00003" */
    if (bare.n <= tail)
        return whole;
    int count = five_digits(bare);
    struct str front = { bare.p, bare.n - 5 };
    if (count < 1 || !str_ends_with(front, between))
        return whole;
    front.n -= between.n;
    int index = five_digits(front);
    if (index < 1 || index > count || front.p[front.n - 6] != '-')
        return whole;
    return (struct model_shard){ .stem = { front.p, front.n - 6 },
                                 .index = (unsigned)index,
                                 .count = (unsigned)count };
}

/* ---- words ---- */

/* Where `word` stands in the name (ASCII case aside), or -1. */
static ptrdiff_t
find_word(struct str name, struct str word)
{
    for (size_t i = 0; i + word.n <= name.n; i++)
        if (str_eq_nocase((struct str){ name.p + i, word.n }, word))
            return (ptrdiff_t)i;
    return -1;
}

bool
model_name_is_projector(struct str name)
{
    return find_word(last_part(name), STR("mmproj")) >= 0;
}

/* ---- quantization ---- */

static bool
is_separator(char c)
{
    return c == '-' || c == '.' || c == '_' || c == '/' || c == ' ' ||
           c == ':' || c == '@';
}

static bool
is_boundary(struct str text, size_t at)
{
    return at == 0 || at >= text.n || is_separator(text.p[at]) ||
           is_separator(text.p[at - 1]);
}

/* "Q4_K_M": the length of the quantization that begins there, or 0. */
static size_t
quant_length(struct str text)
{
    static const char *const words[] = { "BF16",  "FP16",  "F16",   "FP32",
                                         "F32",   "MXFP4", "NVFP4", "FP8",
                                         "TQ1_0", "TQ2_0" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct str word = str_from(words[i]);
        if (text.n >= word.n &&
            str_eq_nocase((struct str){ text.p, word.n }, word))
            return word.n;
    }
    size_t n = 0;
    if (n < text.n && (text.p[n] | 0x20) == 'i')
        n++;
    if (n >= text.n || (text.p[n] | 0x20) != 'q')
        return 0;
    n++;
    if (n >= text.n || !is_digit(text.p[n]))
        return 0;
    n++;
    /* _0 _1 _K _S _M _L _XL _XS _XXS _NL, one after the other */
    while (n + 1 < text.n && text.p[n] == '_') {
        size_t end = n + 1;
        while (end < text.n &&
               (is_letter(text.p[end]) || is_digit(text.p[end])))
            end++;
        if (end == n + 1 || end - n > 4)
            break;
        n = end;
    }
    return n;
}

/* "4bit", "8-bit" of MLX. */
static size_t
bits_length(struct str text)
{
    size_t n = 0;
    while (n < text.n && is_digit(text.p[n]) && n < 2)
        n++;
    if (n == 0)
        return 0;
    if (n < text.n && text.p[n] == '-')
        n++;
    const struct str bit = STR("bit");
    if (text.n - n < bit.n ||
        !str_eq_nocase((struct str){ text.p + n, bit.n }, bit))
        return 0;
    return n + bit.n;
}

struct str
model_name_quantization(struct str name)
{
    for (size_t i = name.n; i > 0; i--) { /* the last one counts */
        size_t at = i - 1;
        struct str rest = { name.p + at, name.n - at };
        if (!is_boundary(name, at))
            continue;
        size_t n = quant_length(rest);
        if (n == 0)
            n = bits_length(rest);
        if (n == 0 || !is_boundary(name, at + n))
            continue;
        const struct str dynamic = STR("UD-");
        if (at >= dynamic.n &&
            str_eq_nocase((struct str){ rest.p - dynamic.n, dynamic.n },
                          dynamic))
            return (struct str){ rest.p - dynamic.n, n + dynamic.n };
        return (struct str){ rest.p, n };
    }
    return STR("");
}

/* ---- parameters ---- */

/* A decimal number at the front; its length, 0 when there is none. */
static size_t
decimal(struct str text, double *ret)
{
    size_t n = 0;
    double value = 0, scale = 1;
    bool has_point = false;
    for (; n < text.n && n < 12; n++) {
        if (text.p[n] == '.' && !has_point && n > 0 && n + 1 < text.n &&
            is_digit(text.p[n + 1])) {
            has_point = true;
        } else if (is_digit(text.p[n])) {
            value = value * 10 + (text.p[n] - '0');
            scale *= has_point ? 10 : 1;
        } else {
            break;
        }
    }
    *ret = value / scale;
    return n;
}

/* "8x7B", "7B", "270M" at the front, or 0. */
static double
size_at(struct str text)
{
    double times = 1, value;
    size_t n = decimal(text, &value);
    if (n == 0)
        return 0;
    if (n + 1 < text.n && (text.p[n] | 0x20) == 'x' &&
        is_digit(text.p[n + 1])) {
        times = value;
        text = (struct str){ text.p + n + 1, text.n - n - 1 };
        n = decimal(text, &value);
    }
    if (n >= text.n || (n + 1 < text.n && is_letter(text.p[n + 1])))
        return 0;
    switch (text.p[n] | 0x20) {
    case 't': return times * value * 1e12;
    case 'b': return times * value * 1e9;
    case 'm': return times * value * 1e6;
    default: return 0;
    }
}

/* The first that stands alone; "30B-A3B" has 30 B, of which 3 are active. */
uint64_t
model_name_parameters(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        bool begins =
            is_digit(name.p[i]) &&
            (i == 0 ||
             (!is_digit(name.p[i - 1]) && !is_letter(name.p[i - 1]) &&
              !(name.p[i - 1] == '.' && i > 1 && is_digit(name.p[i - 2]))));
        double size =
            begins ? size_at((struct str){ name.p + i, name.n - i }) : 0;
        if (size > 0 && size < 1e15)
            return (uint64_t)(size + 0.5);
    }
    return 0;
}

/* ---- families ---- */

const char *
model_name_family(struct str name)
{
    static const char *const families[] = {
        "DeepSeek-R1", "DeepSeek-Coder", "DeepSeek",  "CodeLlama",
        "CodeGemma",   "TinyLlama",      "Devstral",  "Ministral",
        "Mistral",     "Mixtral",        "Qwen",      "Nemotron",
        "Granite",     "Gemma",          "Llama",     "Phi",
        "StarCoder",   "Solar",          "Command-R", "DBRX",
        "Yi",          "Orca",           "GPT-OSS",   "WizardCoder",
        "Falcon",      "SmolLM",         "MiniMax",   "GLM",
        "Kimi",
    };
    name = last_part(name);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        struct str family = str_from(families[i]);
        ptrdiff_t at = find_word(name, family);
        if (at < 0)
            continue;
        /* "Yi" and "Phi" are also parts of other words. */
        size_t end = (size_t)at + family.n;
        bool is_word = is_boundary(name, (size_t)at) &&
                       (is_boundary(name, end) || is_digit(name.p[end]));
        if (family.n > 3 || is_word)
            return families[i];
    }
    return "";
}

/* ---- variants ---- */

struct str
model_name_variant(struct str path)
{
    struct str name = last_part(path);
    struct str variant = model_name_quantization(model_shard_of(name).stem);
    if (variant.n > 0 || name.n == path.n)
        return variant;
    /* The folder, when the file is silent. */
    struct str folder = { path.p, path.n - name.n - 1 };
    return model_name_quantization(last_part(folder));
}
