/* Detection by name, see mlx_detect.h.
 *
 * A parser is named <family><version>[_<variant>]. It fits a model when the
 * letters of its family stand in the model's name and its variant does too;
 * one without a variant fits only names that hold no variant. Of several
 * the most specific wins. What fits nothing still takes the only parser of
 * its family, but never a converter: a wrong one breaks every message. */
#include "engines/mlx_detect.h"

#include <stdio.h>

enum { NAME_MAX_BYTES = 128, PARSER_MAX_BYTES = 32 };

static const char *const tool_call_parsers[] = {
    "functiongemma",
    "glm4_moe",
    "harmony",
    "hermes",
    "iquest_coder_v1",
    "minimax_m2",
    "nemotron3_nano",
    "qwen3",
    "qwen3_coder",
    "qwen3_moe",
    "qwen3_vl",
    "solar_open",
    NULL,
};
static const char *const reasoning_parsers[] = {
    "glm4_moe", "harmony",   "hermes",   "minimax_m2", "nemotron3_nano",
    "qwen3",    "qwen3_moe", "qwen3_vl", "solar_open", NULL,
};
static const char *const converters[] = {
    "glm4_moe", "minimax", "minimax_m2", "nemotron3_nano", "qwen3_coder", NULL,
};
static const char *const variants[] = { "coder", "moe",  "vl",
                                        "nano",  "open", NULL };

const char *const *
mlx_parsers(enum mlx_parser kind)
{
    switch (kind) {
    case MLX_TOOL_CALL: return tool_call_parsers;
    case MLX_REASONING: return reasoning_parsers;
    case MLX_CONVERTER: return converters;
    }
    return NULL;
}

/* Lower case, '-' for '_', cut at `size`. */
static struct str
normalize(struct str text, char *out, size_t size)
{
    size_t n = text.n < size ? text.n : size;
    for (size_t i = 0; i < n; i++) {
        char c = text.p[i];
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a')
                 : c == '_'           ? '-'
                                      : c;
    }
    return (struct str){ out, n };
}

static struct str
last_part(struct str model)
{
    for (size_t i = model.n; i > 0; i--)
        if (model.p[i - 1] == '/')
            return (struct str){ model.p + i, model.n - i };
    return model;
}

/* The letters before the first '_' or digit: "qwen" of "qwen3_coder". */
static struct str
base_of(const char *parser)
{
    size_t n = 0;
    while (parser[n] >= 'a' && parser[n] <= 'z')
        n++;
    return (struct str){ parser, n };
}

/* What is behind the last '_', or nothing. */
static struct str
variant_of(const char *parser)
{
    const char *at = strrchr(parser, '_');
    return str_from(at == NULL ? NULL : at + 1);
}

static size_t
common_subsequence(struct str a, struct str b)
{
    uint8_t row[PARSER_MAX_BYTES + 1] = { 0 };
    for (size_t i = 0; i < a.n; i++) {
        uint8_t diagonal = 0;
        for (size_t j = 0; j < b.n; j++) {
            uint8_t above = row[j + 1];
            row[j + 1] = a.p[i] == b.p[j] ? (uint8_t)(diagonal + 1)
                         : row[j] > above ? row[j]
                                          : above;
            diagonal = above;
        }
    }
    return row[b.n];
}

/* How well the parser's name agrees with the best-fitting stretch of the
 * model's: 0 to 100. */
static int
likeness(struct str parser, struct str name)
{
    size_t window = parser.n < name.n ? parser.n : name.n;
    if (window == 0)
        return 0;
    size_t best = 0;
    for (size_t i = 0; i + window <= name.n; i++) {
        size_t common =
            common_subsequence((struct str){ name.p + i, window }, parser);
        best = common > best ? common : best;
    }
    return (int)(200 * best / (window + parser.n));
}

static bool
has_any_variant(struct str name)
{
    for (size_t i = 0; variants[i] != NULL; i++)
        if (str_contains(name, str_from(variants[i])))
            return true;
    return false;
}

static bool
fits(const char *parser, struct str name)
{
    struct str variant = variant_of(parser);
    if (!str_contains(name, base_of(parser)))
        return false;
    return variant.n == 0 ? !has_any_variant(name)
                          : str_contains(name, variant);
}

static const char *
only_of_family(const char *const *parsers, struct str name)
{
    for (size_t i = 0; parsers[i] != NULL; i++) {
        struct str base = base_of(parsers[i]);
        size_t n = 0;
        for (size_t j = 0; parsers[j] != NULL; j++)
            n += str_eq(base, base_of(parsers[j])) ? 1 : 0;
        if (n == 1 && str_contains(name, base))
            return parsers[i];
    }
    return NULL;
}

const char *
mlx_match_parser(enum mlx_parser kind, struct str model)
{
    char name_bytes[NAME_MAX_BYTES], parser_bytes[PARSER_MAX_BYTES];
    struct str name =
        normalize(last_part(model), name_bytes, sizeof name_bytes);
    const char *const *parsers = mlx_parsers(kind);
    const char *best = NULL;
    int best_likeness = 0;
    for (size_t i = 0; parsers[i] != NULL; i++) {
        if (!fits(parsers[i], name))
            continue;
        int like = likeness(
            normalize(str_from(parsers[i]), parser_bytes, sizeof parser_bytes),
            name);
        size_t n = strlen(parsers[i]);
        bool is_better = best == NULL || n > strlen(best) ||
                         (n == strlen(best) && like > best_likeness);
        if (like >= 50 && is_better) {
            best = parsers[i];
            best_likeness = like;
        }
    }
    if (best == NULL && kind != MLX_CONVERTER)
        best = only_of_family(parsers, name);
    return best;
}

/* ---- families ---- */

struct family_rule {
    const char *contains, *and_contains;
    const char *family;
};

/* The first row that matches. */
static const struct family_rule family_rules[] = {
    { "qwen", "coder", "qwen3_coder" },
    { "qwen", "moe", "qwen3_moe" },
    { "qwen", "vl", "qwen3_vl" },
    { "qwen", "", "qwen3" },
    { "glm", "", "glm" },
    { "minimax", "", "minimax" },
    { "nemotron", "", "nemotron" },
    { "harmony", "", "harmony" },
    { "hermes", "", "hermes" },
    { "solar", "", "solar" },
};

static const char *
family_in(struct str text)
{
    char bytes[NAME_MAX_BYTES];
    struct str name = normalize(text, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof family_rules / sizeof *family_rules; i++) {
        const struct family_rule *rule = &family_rules[i];
        if (str_contains(name, str_from(rule->contains)) &&
            str_contains(name, str_from(rule->and_contains)))
            return rule->family;
    }
    return NULL;
}

const char *
mlx_family(struct str model_type, const struct str *architectures,
           size_t n_architectures, struct str model)
{
    const char *family = family_in(model_type);
    for (size_t i = 0; family == NULL && i < n_architectures; i++)
        family = family_in(architectures[i]);
    return family == NULL ? family_in(model) : family;
}

const char *
mlx_required_version(const char *family)
{
    static const struct {
        const char *family, *version;
    } rows[] = { { "minimax", "0.28.4" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_is(str_from(family), rows[i].family))
            return rows[i].version;
    return NULL;
}

/* The next number of a version; `rest` goes behind it and its dot. */
static int64_t
take_number(struct str *rest)
{
    int64_t number = 0;
    size_t n = 0;
    for (; n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9'; n++)
        number =
            number < 1000000000 ? 10 * number + (rest->p[n] - '0') : number;
    bool is_more = n > 0 && n < rest->n && rest->p[n] == '.';
    *rest = (struct str){ rest->p + n + is_more, rest->n - n - is_more };
    return number;
}

bool
mlx_version_reaches(struct str version, struct str required)
{
    while (required.n > 0) {
        int64_t have = take_number(&version), need = take_number(&required);
        if (have != need)
            return have > need;
    }
    /* "rc1", "a2", "b1" and "dev0" come before; ".post1" and "+local" do not. */
    return version.n == 0 || memchr("abrcd", version.p[0], 5) == NULL;
}

/* ---- size ---- */

/* Eighths of a byte for each parameter. */
static unsigned
bits_per_parameter(struct str name)
{
    static const struct {
        const char *contains;
        unsigned bits;
    } rows[] = {
        { "bf16", 16 }, { "fp16", 16 }, { "16bit", 16 }, { "8bit", 8 },
        { "4bit", 4 },  { "3bit", 3 },  { "2bit", 2 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_contains(name, str_from(rows[i].contains)))
            return rows[i].bits;
    return 4;
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The number that ends before the 'b' at `at`, or 0. */
static double
number_before(struct str name, size_t at)
{
    size_t from = at;
    while (from > 0 && (is_digit(name.p[from - 1]) || name.p[from - 1] == '.'))
        from--;
    while (from < at && name.p[from] == '.')
        from++;
    double value = 0;
    if (from == at ||
        str_to_double((struct str){ name.p + from, at - from }, &value) < 0)
        return 0;
    return value;
}

uint64_t
mlx_estimated_bytes(struct str model)
{
    char bytes[NAME_MAX_BYTES];
    struct str name = normalize(last_part(model), bytes, sizeof bytes);
    for (size_t i = 0; i < name.n; i++) {
        bool is_unit =
            name.p[i] == 'b' &&
            (i + 1 == name.n || name.p[i + 1] < 'a' || name.p[i + 1] > 'z');
        double billions = is_unit ? number_before(name, i) : 0;
        if (billions > 0 && billions < 1e5)
            return (uint64_t)(billions * 1e9 * bits_per_parameter(name) / 8 *
                              1.1);
    }
    return 0;
}
