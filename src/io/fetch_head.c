/* The heads of all hops, gathered line by line and read at the end.
 *
 * Lines are kept as offsets, because the buffer moves while it grows. All
 * heads together stay below FETCH_HEAD_BYTES_MAX. */
#include <assert.h>
#include <stdlib.h>

#include "io/fetch_internal.h"

void
fetch_heads_init(struct fetch_heads *heads)
{
    memset(heads, 0, sizeof *heads);
    strbuf_init(&heads->bytes, FETCH_HEAD_BYTES_MAX);
}

void
fetch_heads_release(struct fetch_heads *heads)
{
    strbuf_release(&heads->bytes);
    free(heads->lines);
    free(heads->headers);
    fetch_heads_init(heads);
}

void
fetch_heads_next_hop(struct fetch_heads *heads)
{
    heads->hop++;
    heads->hop_line = heads->n_lines;
    heads->status = 0;
    heads->is_whole = false;
}

static struct str
at(const struct fetch_heads *heads, size_t offset, size_t n)
{
    return (struct str){ heads->bytes.p + offset, n };
}

static int
add_line(struct fetch_heads *heads, struct str name, struct str value)
{
    if (heads->n_lines == heads->capacity) {
        size_t capacity = heads->capacity == 0 ? 32 : 2 * heads->capacity;
        struct fetch_line *lines =
            realloc(heads->lines, capacity * sizeof *lines);
        if (lines == NULL)
            return -1;
        heads->lines = lines;
        heads->capacity = capacity;
    }
    struct fetch_line *line = &heads->lines[heads->n_lines++];
    *line = (struct fetch_line){ .name_at = heads->bytes.n,
                                 .name_n = name.n,
                                 .value_at = heads->bytes.n + name.n,
                                 .value_n = value.n,
                                 .hop = heads->hop };
    strbuf_add_str(&heads->bytes, name);
    strbuf_add_str(&heads->bytes, value);
    return strbuf_failed(&heads->bytes) ? -1 : 0;
}

static struct str
without_end(struct str line)
{
    while (line.n > 0 &&
           (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
        line.n--;
    return line;
}

/* "HTTP/1.1 200 OK": libcurl has checked its form. What a 1xx said is
 * forgotten. */
static void
begin_answer(struct fetch_heads *heads, struct str line)
{
    struct str rest = line;
    str_split(&rest, ' ');
    const struct str code = { rest.p, rest.n < 3 ? rest.n : 3 };
    int64_t status;
    heads->status = str_to_i64(code, &status) < 0 ? 0 : (int)status;
    heads->n_lines = heads->hop_line;
}

int
fetch_heads_add(struct fetch_heads *heads, struct str line, struct error *error)
{
    heads->n_total_bytes += line.n;
    if (heads->n_total_bytes > FETCH_HEAD_BYTES_MAX)
        return error_set(error, ERR_BAD_GATEWAY,
                         "the headers are longer than %d bytes",
                         FETCH_HEAD_BYTES_MAX);
    if (heads->is_whole) /* a trailer */
        return 0;
    struct str text = without_end(line);
    if (text.n == 0) {
        heads->is_whole = heads->status >= 200;
        return 0;
    }
    if (str_starts_with(text, STR("HTTP/"))) {
        begin_answer(heads, text);
        return 0;
    }
    ptrdiff_t colon = str_find(text, ':');
    if (colon <= 0) /* a folded line */
        return error_set(error, ERR_BAD_GATEWAY,
                         "a header line without a name");
    const struct str name = { text.p, (size_t)colon };
    const struct str value = { text.p + colon + 1, text.n - (size_t)colon - 1 };
    if (add_line(heads, name, str_trim(value)) < 0)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    return 0;
}

int
fetch_heads_finish(struct fetch_heads *heads, struct str url,
                   struct error *error)
{
    assert(heads->is_whole && heads->headers == NULL);
    int64_t length;
    if (fetch_heads_length(heads, &length, error) < 0)
        return -1;
    heads->headers = calloc(heads->n_lines + 1, sizeof heads->headers[0]);
    if (heads->headers == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < heads->n_lines; i++) {
        const struct fetch_line *line = &heads->lines[i];
        heads->headers[i] = (struct fetch_header){
            .name = at(heads, line->name_at, line->name_n),
            .value = at(heads, line->value_at, line->value_n),
            .hop = line->hop,
        };
    }
    heads->head = (struct fetch_head){ .status = heads->status,
                                       .url = url,
                                       .n_hops = heads->hop,
                                       .headers = heads->headers,
                                       .n_headers = heads->n_lines,
                                       .content_length = length };
    return 0;
}

/* How many there are in this hop, and the last; -1 when two differ. */
static int
find(const struct fetch_heads *heads, struct str name, struct str *ret_value)
{
    int n = 0;
    *ret_value = (struct str){ NULL, 0 };
    for (size_t i = heads->hop_line; i < heads->n_lines; i++) {
        const struct fetch_line *line = &heads->lines[i];
        if (!str_eq_nocase(at(heads, line->name_at, line->name_n), name))
            continue;
        struct str value = at(heads, line->value_at, line->value_n);
        if (n > 0 && !str_eq(value, *ret_value))
            return -1;
        *ret_value = value;
        n++;
    }
    return n;
}

int
fetch_heads_location(const struct fetch_heads *heads, struct str *ret_location,
                     struct error *error)
{
    int n = find(heads, STR("Location"), ret_location);
    if (n < 0)
        return error_set(error, ERR_BAD_GATEWAY,
                         "a redirect (%d) to two places", heads->status);
    if (n == 0 || ret_location->n == 0)
        return error_set(error, ERR_BAD_GATEWAY, "a redirect (%d) to nowhere",
                         heads->status);
    return 0;
}

int
fetch_heads_length(const struct fetch_heads *heads, int64_t *ret_length,
                   struct error *error)
{
    struct str value;
    *ret_length = -1;
    if (find(heads, STR("Transfer-Encoding"), &value) != 0)
        return 0;
    int n = find(heads, STR("Content-Length"), &value);
    if (n == 0)
        return 0;
    if (n < 0 || str_to_i64(value, ret_length) < 0 || *ret_length < 0)
        return error_set(error, ERR_BAD_GATEWAY,
                         "the Content-Length is not one number");
    return 0;
}

struct str
fetch_hop_header_get(const struct fetch_head *head, int hop, const char *name)
{
    struct str wanted = str_from(name);
    for (size_t i = 0; i < head->n_headers; i++) {
        const struct fetch_header *header = &head->headers[i];
        if (header->hop == hop && str_eq_nocase(header->name, wanted))
            return header->value;
    }
    return (struct str){ NULL, 0 };
}

struct str
fetch_header_get(const struct fetch_head *head, const char *name)
{
    for (int hop = head->n_hops; hop >= 0; hop--) {
        struct str value = fetch_hop_header_get(head, hop, name);
        if (value.p != NULL)
            return value;
    }
    return (struct str){ NULL, 0 };
}
