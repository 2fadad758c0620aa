/* The journal of a download: see download_journal.h. */
#include "formats/download_journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "formats/json.h"

static int
refuse(struct error *error, const char *what)
{
    return error_set(error, ERR_INVALID, "no journal of a download: %s", what);
}

static int
take_text(const struct json *root, const char *key, char *ret, size_t size)
{
    struct str text;
    if (!json_as_text(json_get(root, key), &text) || text.n >= size)
        return -1;
    snprintf(ret, size, "%.*s", STR_ARG(text));
    return 0;
}

static int
read_head(const struct json *root, struct download_journal *ret,
          struct error *error)
{
    int64_t version;
    const struct json *size = json_get(root, "size");
    if (!json_as_int(json_get(root, "version"), &version) || version != 1)
        return refuse(error, "its version is not 1");
    ret->size_bytes = -1;
    if (json_type(size) != JSON_NULL &&
        (!json_as_int(size, &ret->size_bytes) || ret->size_bytes < 0))
        return refuse(error, "size is no number");
    if (take_text(root, "etag", ret->etag, sizeof ret->etag) < 0 ||
        take_text(root, "sha256", ret->sha256, sizeof ret->sha256) < 0)
        return refuse(error, "etag or sha256 is no text");
    if (ret->sha256[0] != '\0' &&
        strspn(ret->sha256, "0123456789abcdef") != sizeof ret->sha256 - 1)
        return refuse(error, "sha256 is no digest in lower case");
    return 0;
}

static int
read_ranges(const struct json *done, const struct download_journal *journal,
            int (*on_range)(void *ctx, uint64_t from, uint64_t to), void *ctx,
            struct error *error)
{
    int64_t end = -1;
    if (json_type(done) != JSON_ARRAY)
        return refuse(error, "done is no list");
    for (size_t i = 0; i < json_count(done); i++) {
        int64_t from, to;
        const struct json *range = json_at(done, i);
        if (json_type(range) != JSON_ARRAY || json_count(range) != 2 ||
            !json_as_int(json_at(range, 0), &from) ||
            !json_as_int(json_at(range, 1), &to))
            return refuse(error, "a range is no pair of numbers");
        if (from <= end || from < 0 || to <= from ||
            (journal->size_bytes >= 0 && to > journal->size_bytes))
            return refuse(error, "its ranges contradict each other");
        end = to;
        if (on_range(ctx, (uint64_t)from, (uint64_t)to) != 0)
            return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    return 0;
}

int
download_journal_read(struct str text, struct download_journal *ret,
                      int (*on_range)(void *ctx, uint64_t from, uint64_t to),
                      void *ctx, struct error *error)
{
    *ret = (struct download_journal){ .size_bytes = -1 };
    if (text.n > JOURNAL_BYTES_MAX)
        return refuse(error, "it is too long");
    struct json_doc *doc = json_parse(text, error);
    if (doc == NULL)
        return -1;
    const struct json *root = json_root(doc);
    int rc = read_head(root, ret, error);
    if (rc == 0)
        rc = read_ranges(json_get(root, "done"), ret, on_range, ctx, error);
    json_doc_free(doc);
    return rc;
}

void
download_journal_begin(const struct download_journal *journal,
                       struct strbuf *out)
{
    struct json_writer w;
    strbuf_add_text(out, "{\"version\":1,\"size\":");
    if (journal->size_bytes < 0)
        strbuf_add_text(out, "null");
    else
        strbuf_addf(out, "%" PRId64, journal->size_bytes);
    strbuf_add_text(out, ",\"etag\":");
    json_writer_init(&w, out);
    json_text(&w, journal->etag);
    strbuf_addf(out, ",\"sha256\":\"%s\",\"done\":[", journal->sha256);
}

void
download_journal_range(struct strbuf *out, uint64_t from, uint64_t to)
{
    bool is_first = out->n > 0 && out->p[out->n - 1] == '[';
    strbuf_addf(out, "%s[%" PRIu64 ",%" PRIu64 "]", is_first ? "" : ",", from,
                to);
}

void
download_journal_end(struct strbuf *out)
{
    strbuf_add_text(out, "]}\n");
}
