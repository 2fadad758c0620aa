/* What a connection brings, on the fetch thread: heads are checked before a
 * byte is taken, bytes go straight to their place in the file. */
#include <stdio.h>
#include <time.h>

#include "core/downloads/transfer_internal.h"
#include "formats/http_fields.h"
#include "platform/part_file.h"

/* ---- heads ---- */

static void
copy_text(char *to, size_t size, struct str text)
{
    snprintf(to, size, "%.*s", (int)(text.n < size ? text.n : size - 1),
             text.n == 0 ? "" : text.p);
}

static enum fetch_verdict
end_with(struct connection *c, enum wire_outcome outcome)
{
    c->outcome = outcome;
    return FETCH_ABORT;
}

static enum fetch_verdict
refuse(struct connection *c, enum error_code code, const char *what)
{
    error_set(&c->error, code, "%s", what);
    return end_with(c, WIRE_REFUSED);
}

static bool
has_ending(const char *path, const char *ending)
{
    struct str text = str_from(path);
    struct str wanted = str_from(ending);
    return text.n >= wanted.n &&
           str_eq_nocase((struct str){ text.p + text.n - wanted.n, wanted.n },
                         wanted);
}

static bool
is_model_file(const char *path)
{
    static const char *const endings[] = { ".gguf", ".safetensors", ".ckpt",
                                           ".pt",   ".pth",         ".bin",
                                           ".onnx", ".zip" };
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (has_ending(path, endings[i]))
            return true;
    return false;
}

static bool
is_type(struct str type, const char *name)
{
    return str_eq_nocase(str_trim(str_split(&type, ';')), str_from(name));
}

/* A page where a file was expected: a portal, a login, an error. */
static const char *
page_type(const struct connection *c, const struct fetch_head *head)
{
    struct str type = fetch_header_get(head, "content-type");
    const char *path = c->transfer->path;
    bool is_text = has_ending(path, ".html") || has_ending(path, ".htm") ||
                   has_ending(path, ".md") || has_ending(path, ".txt");
    if (is_type(type, "text/html") && !is_text)
        return "the origin answers with a web page where a file was expected; "
               "it may ask for a login";
    if (is_type(type, "application/json") && is_model_file(path))
        return "the origin answers with JSON where a model file was expected";
    return NULL;
}

/* Of the version: what the hub says of the file, else what the storage does. */
static struct str
etag_of(const struct fetch_head *head)
{
    bool is_weak;
    struct str linked = fetch_header_get(head, "x-linked-etag");
    return http_etag(linked.n > 0 ? linked : fetch_header_get(head, "etag"),
                     &is_weak);
}

static enum fetch_verdict
check_version(struct connection *c, const struct fetch_head *head)
{
    copy_text(c->etag, sizeof c->etag, etag_of(head));
    if (c->expect_size >= 0 && c->total >= 0 && c->total != c->expect_size)
        return end_with(c, WIRE_CHANGED);
    if (c->expect_etag[0] != '\0' && c->etag[0] != '\0' &&
        strcmp(c->expect_etag, c->etag) != 0)
        return end_with(c, WIRE_CHANGED);
    int64_t most = c->transfer->options.max_bytes;
    if (most > 0 && c->total > most) {
        error_set(&c->error, ERR_TOO_LARGE,
                  "the file has %lld bytes, more than "
                  "downloads.max_file_bytes (%lld)",
                  (long long)c->total, (long long)most);
        return end_with(c, WIRE_REFUSED);
    }
    return FETCH_GO_ON;
}

static enum fetch_verdict
take_file(struct connection *c, const struct fetch_head *head)
{
    struct content_range range = { .total = -1 };
    struct str encoding = fetch_header_get(head, "content-encoding");
    if (encoding.n > 0 && !str_eq_nocase(encoding, STR("identity")))
        return refuse(c, ERR_BAD_GATEWAY,
                      "the origin sends the file with a content encoding, so "
                      "its own bytes cannot be had");
    const char *page = page_type(c, head);
    if (page != NULL)
        return refuse(c, ERR_BAD_GATEWAY, page);
    c->is_ranged = head->status == 206;
    if (!c->is_ranged && c->piece.from > 0)
        return end_with(c, WIRE_RANGE_IGNORED);
    c->total = head->content_length;
    if (c->is_ranged) {
        if (!http_content_range(fetch_header_get(head, "content-range"),
                                &range) ||
            (uint64_t)range.first != c->piece.from)
            return end_with(c, WIRE_RANGE_WRONG);
        c->total = range.total;
    }
    if (check_version(c, head) == FETCH_ABORT)
        return FETCH_ABORT;
    if (c->is_question)
        return end_with(c, WIRE_ASKED);
    if (c->is_ranged && (uint64_t)range.last + 1 < c->end)
        c->end = (uint64_t)range.last + 1;
    if (!c->is_ranged)
        c->end = c->total >= 0         ? (uint64_t)c->total
                 : c->expect_size >= 0 ? (uint64_t)c->expect_size
                                       : UINT64_MAX;
    bool is_news = c->expect_size < 0 && c->total > 0;
    atomic_store(&c->is_held, is_news);
    atomic_store(&c->has_head, true);
    return is_news ? FETCH_PAUSE : FETCH_GO_ON;
}

static bool
is_same_host(const struct fetch_head *head, const char *url)
{
    struct str a = head->url, b = str_from(url);
    for (int i = 0; i < 2; i++) {
        str_split(&a, '/');
        str_split(&b, '/');
    }
    return str_eq_nocase(str_split(&a, '/'), str_split(&b, '/'));
}

static void
note_wait(struct connection *c, const struct fetch_head *head)
{
    struct str after = fetch_header_get(head, "retry-after");
    c->retry_after_s =
        after.n > 0 ? http_retry_after(after, (int64_t)time(NULL))
                    : http_rate_limit_wait(fetch_header_get(head, "ratelimit"));
}

enum fetch_verdict
wire_on_head(void *ctx, const struct fetch_head *head)
{
    struct connection *c = ctx;
    c->status = head->status;
    c->is_elsewhere = !is_same_host(head, c->transfer->url);
    c->retry_after_s = -1;
    if (head->status == 200 || head->status == 206)
        return take_file(c, head);
    if (head->status == 416) {
        c->total =
            http_unsatisfied_length(fetch_header_get(head, "content-range"));
        return end_with(c, WIRE_UNSATISFIED);
    }
    note_wait(c, head);
    struct str message = fetch_header_get(head, "x-error-message");
    copy_text(c->text, sizeof c->text, message);
    c->n_text = message.n > 0 ? sizeof c->text : 0; /* the body adds nothing */
    c->outcome = WIRE_STATUS;
    return FETCH_GO_ON;
}

/* ---- bodies ---- */

static enum fetch_verdict
keep_text(struct connection *c, struct str bytes)
{
    size_t room =
        sizeof c->text - 1 > c->n_text ? sizeof c->text - 1 - c->n_text : 0;
    size_t n = bytes.n < room ? bytes.n : room;
    if (n > 0) {
        memcpy(c->text + c->n_text, bytes.p, n);
        c->n_text += n;
        c->text[c->n_text] = '\0';
    }
    return room == 0 ? FETCH_ABORT : FETCH_GO_ON;
}

/* The first bytes of some formats are known. */
static bool
begins_wrongly(const char *path, struct str bytes)
{
    if (has_ending(path, ".gguf") && bytes.n >= 4)
        return memcmp(bytes.p, "GGUF", 4) != 0;
    if (has_ending(path, ".safetensors") && bytes.n >= 9)
        return bytes.p[8] != '{';
    return false;
}

enum fetch_verdict
wire_on_body(void *ctx, struct str bytes)
{
    struct connection *c = ctx;
    struct transfer *t = c->transfer;
    if (c->outcome == WIRE_STATUS)
        return keep_text(c, bytes);
    uint64_t at = atomic_load_explicit(&c->at, memory_order_relaxed);
    if (at == 0 && begins_wrongly(t->path, bytes))
        return refuse(c, ERR_BAD_GATEWAY,
                      "what the origin sends does not begin as a file of "
                      "its kind does");
    if (bytes.n > c->end - at && !c->is_ranged)
        return end_with(c, WIRE_CHANGED); /* it is longer than expected */
    if (bytes.n > c->end - at)
        bytes.n = (size_t)(c->end - at);
    if (t->options.max_bytes > 0 &&
        at + bytes.n > (uint64_t)t->options.max_bytes)
        return refuse(c, ERR_TOO_LARGE,
                      "the file is larger than downloads.max_file_bytes");
    if (!bandwidth_take(t->options.bandwidth, bytes.n)) {
        atomic_store(&c->is_paused, true);
        return FETCH_PAUSE;
    }
    if (part_file_write(t->fd, at, bytes, &c->error) < 0)
        return end_with(c, WIRE_DISK);
    atomic_store_explicit(&c->at, at + bytes.n, memory_order_release);
    return FETCH_GO_ON;
}
