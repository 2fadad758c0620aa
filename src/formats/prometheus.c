/* The Prometheus text format: prometheus.h. */
#include "formats/prometheus.h"

/* [a-zA-Z_:][a-zA-Z0-9_:]* */
static bool
is_name_byte(char byte, bool is_first)
{
    bool is_letter = (byte >= 'a' && byte <= 'z') ||
                     (byte >= 'A' && byte <= 'Z') || byte == '_' || byte == ':';
    return is_letter || (!is_first && byte >= '0' && byte <= '9');
}

static struct str
drop(struct str text, size_t n)
{
    return (struct str){ text.p + n, text.n - n };
}

/* How long the labels are with their braces, a brace in quotes being none;
 * 0: they do not end. */
static size_t
labels_length(struct str text)
{
    bool is_quoted = false;
    for (size_t i = 1; i < text.n; i++) {
        if (is_quoted && text.p[i] == '\\')
            i++;
        else if (text.p[i] == '"')
            is_quoted = !is_quoted;
        else if (text.p[i] == '}' && !is_quoted)
            return i + 1;
    }
    return 0;
}

static bool
read_line(struct str line, struct prometheus_sample *ret)
{
    size_t n = 0;
    while (n < line.n && is_name_byte(line.p[n], n == 0))
        n++;
    ret->name = (struct str){ line.p, n };
    ret->labels = STR("");
    struct str rest = drop(line, n);
    if (n == 0)
        return false;
    if (rest.n > 0 && rest.p[0] == '{') {
        size_t n_labels = labels_length(rest);
        if (n_labels == 0)
            return false;
        ret->labels = (struct str){ rest.p + 1, n_labels - 2 };
        rest = drop(rest, n_labels);
    }
    rest = str_trim(rest);
    struct str value = str_split(&rest, ' '); /* a time may follow */
    return str_to_double(value, &ret->value) == 0;
}

bool
prometheus_next(struct str *rest, struct prometheus_sample *ret_sample)
{
    while (rest->n > 0) {
        struct str line = str_trim(str_split(rest, '\n'));
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (read_line(line, ret_sample))
            return true;
    }
    return false;
}
