/* Secrets by their form: see redact.h. One pass, from left to right; what is
 * kept is moved down over what was taken out. */
#include "formats/redact.h"

#include <stdbool.h>
#include <string.h>

#include "base/str.h"

static const char mask[] = "***";
enum { MASK_BYTES = sizeof mask - 1 };

static bool
is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

static bool
is_name_byte(char c)
{
    return is_alnum(c) || c == '_' || c == '-' || c == '.';
}

/* What ends a value that stands without quotes. */
static bool
is_end(char c)
{
    return c == '\0' || strchr(" \t\r\n\"'`,;&<>()[]{}", c) != NULL;
}

static size_t
value_length(const char *at)
{
    size_t n = 0;
    while (!is_end(at[n]))
        n++;
    return n;
}

static size_t
spaces(const char *at)
{
    return strspn(at, " \t");
}

/* ---- the forms; each says what to keep before a secret, and how long that
 * is; a length of 0: none is here ---- */

struct span {
    size_t n_kept;
    size_t n_secret;
};

static bool
begins(const char *at, const char *word)
{
    size_t n = strlen(word);
    return strnlen(at, n) == n && str_same_nocase(at, word, n);
}

static struct span
find_token(const char *at)
{
    static const struct {
        const char *prefix;
        size_t n_min;
    } rows[] = {
        { "hk_", 20 }, { "hs_", 20 },  { "hl_", 20 }, { "hf_", 10 },
        { "sk-", 16 }, { "ghp_", 20 }, { "eyJ", 40 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n = 0;
        if (strncmp(at, rows[i].prefix, strlen(rows[i].prefix)) != 0)
            continue;
        while (is_name_byte(at[n]))
            n++;
        if (n >= rows[i].n_min)
            return (struct span){ 0, n };
    }
    return (struct span){ 0, 0 };
}

/* "Bearer " and the like, 0: something else. */
static size_t
scheme_length(const char *at)
{
    static const char *const schemes[] = { "Bearer", "Basic", "Digest" };
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strlen(schemes[i]);
        if (begins(at, schemes[i]) && spaces(at + n) > 0)
            return n + spaces(at + n);
    }
    return 0;
}

static struct span
find_credentials(const char *at)
{
    size_t n_kept = scheme_length(at);
    size_t n_secret = n_kept == 0 ? 0 : value_length(at + n_kept);
    /* Not "basic model", nor "a bearer token". */
    if (n_secret >= 8 && (begins(at, "Bearer") || n_secret % 4 == 0))
        return (struct span){ n_kept, n_secret };
    return (struct span){ 0, 0 };
}

enum name_kind {
    NAME_OTHER,
    NAME_SECRET,    /* with '=', or in quotes with ':' */
    NAME_HEADER,    /* with ':' as well */
    NAME_WHOLE_LINE /* the same, to the end of the line */
};

static enum name_kind
name_kind_of(struct str name)
{
    static const struct {
        const char *end;
        enum name_kind kind;
    } rows[] = {
        { "token", NAME_SECRET },         { "secret", NAME_SECRET },
        { "password", NAME_SECRET },      { "passwd", NAME_SECRET },
        { "signature", NAME_SECRET },     { "api_key", NAME_SECRET },
        { "apikey", NAME_SECRET },        { "api-key", NAME_HEADER },
        { "authorization", NAME_HEADER }, { "cookie", NAME_WHOLE_LINE },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_ends_with_nocase(name, str_from(rows[i].end)))
            return rows[i].kind;
    return NAME_OTHER;
}

/* `before`: the byte before the name, or 0. */
static bool
is_parameter(struct str name, char before)
{
    return (before == '?' || before == '&') &&
           (str_is(name, "key") || str_is(name, "link") ||
            str_is(name, "sig") || str_is(name, "auth"));
}

/* A value, in quotes or not, after an optional scheme; to the end of the line
 * if it is a cookie. */
static struct span
value_at(const char *begin, const char *at, enum name_kind kind)
{
    char quote = *at == '"' || *at == '\'' ? *at : '\0';
    at += quote != '\0';
    if (kind == NAME_WHOLE_LINE && quote == '\0')
        return (struct span){ (size_t)(at - begin), strcspn(at, "\r\n") };
    at += scheme_length(at);
    size_t n = quote == '\0' ? value_length(at) : 0;
    if (quote != '\0')
        while (at[n] != '\0' && at[n] != quote)
            n += at[n] == '\\' && at[n + 1] != '\0' ? 2 : 1;
    return (struct span){ (size_t)(at - begin), n };
}

static struct span
find_named(const char *at, char before)
{
    size_t n = 0;
    while (is_name_byte(at[n]))
        n++;
    struct str name = { at, n };
    bool is_quoted = before == '"' || before == '\'';
    enum name_kind kind =
        is_parameter(name, before) ? NAME_SECRET : name_kind_of(name);
    if (kind == NAME_OTHER)
        return (struct span){ 0, 0 };
    const char *after = at + n;
    bool is_argument = at[0] == '-' && at[1] == '-';
    if (is_argument && *after == ' ' && after[1] != '-')
        return value_at(at, after + spaces(after), NAME_SECRET);
    is_quoted = is_quoted && *after == before;
    after += is_quoted;
    after += spaces(after);
    if (*after == '=' || (*after == ':' && (is_quoted || kind >= NAME_HEADER)))
        return value_at(at, after + 1 + spaces(after + 1), kind);
    return (struct span){ 0, 0 };
}

/* "//name:password@" of a URL, the slashes already passed. */
static struct span
find_userinfo(const char *at)
{
    size_t n = strcspn(at, "@/ \t\r\n\"'<>?#");
    bool has_password = memchr(at, ':', n) != NULL;
    return (struct span){ 0, at[n] == '@' && has_password ? n : 0 };
}

/* `kept`: what stands before it, as far as it was kept. */
static struct span
find(struct str kept, const char *at)
{
    char before = kept.n == 0 ? '\0' : kept.p[kept.n - 1];
    struct span found = { 0, 0 };
    if (str_ends_with(kept, STR("://")))
        found = find_userinfo(at);
    if (found.n_secret > 0 || is_name_byte(before) || !is_name_byte(*at))
        return found;
    found = find_token(at);
    if (found.n_secret == 0)
        found = find_credentials(at);
    if (found.n_secret == 0)
        found = find_named(at, before);
    return found;
}

void
redact(char *text)
{
    size_t n = strlen(text), to = 0, from = 0;
    while (from < n) {
        struct span found = find((struct str){ text, to }, text + from);
        /* Too short to hide anything, and the mask would not fit. */
        if (found.n_secret < MASK_BYTES) {
            text[to++] = text[from++];
            continue;
        }
        memmove(text + to, text + from, found.n_kept);
        to += found.n_kept;
        memcpy(text + to, mask, MASK_BYTES);
        to += MASK_BYTES;
        from += found.n_kept + found.n_secret;
    }
    text[to] = '\0';
}

void
redact_known(char *text, const char *secret)
{
    size_t n = secret == NULL ? 0 : strlen(secret);
    if (n < REDACT_BYTES_MIN)
        return;
    for (char *at = text; (at = strstr(at, secret)) != NULL;) {
        memcpy(at, mask, MASK_BYTES);
        memmove(at + MASK_BYTES, at + n, strlen(at + n) + 1);
        at += MASK_BYTES;
    }
}
