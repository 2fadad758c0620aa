/* What an ended connection means for its transfer.
 *
 *   answer                          what follows
 *   206 of what was asked for       the piece is there; the next one
 *   200 from the middle             the origin knows no ranges: from the
 *                                   beginning, one connection
 *   206 of something else           again; the third time as above
 *   416                             whole, if the sizes agree; else from the
 *                                   beginning
 *   another ETag or length          all is thrown away: versions never mix.
 *                                   The third time it has failed
 *   whatever version, asked about   the file that is there is it, or it has
 *   a file that is there            failed
 *   401 403 404 410                 failed, with the origin's words; from a
 *                                   storage behind a redirect (a signed URL
 *                                   that expired) the hub is asked again
 *   408 425 429 5xx                 again after Retry-After, or a back-off
 *   broken, stalled, ended short    again after a back-off; without ranges
 *                                   from the beginning
 *   redirects in a circle           failed
 *   no file, too large, disk full   failed
 *
 * Again means: a few times in a row without a new byte between them. */
#include <stdio.h>

#include "core/downloads/transfer_internal.h"
#include "formats/json.h"

enum {
    FAILURES_MAX = 6,
    RESTARTS_MAX = 3,
    BACKOFF_FIRST_MS = 500,
    BACKOFF_MOST_MS = 60000,
    WAIT_MOST_S = 3600,
    WORDS_BYTES = 301, /* of a refusal */
};

static int64_t
backoff_ms(int n_failures)
{
    int64_t ms = BACKOFF_FIRST_MS;
    for (int i = 1; i < n_failures && ms < BACKOFF_MOST_MS; i++)
        ms *= 2;
    return ms < BACKOFF_MOST_MS ? ms : BACKOFF_MOST_MS;
}

/* `least_ms`: what the origin asked for, or -1. */
static void
try_again(struct transfer *t, int64_t least_ms, const struct error *error)
{
    uint64_t bytes = spans_total(&t->done);
    if (bytes != t->bytes_at_failure)
        t->n_failures = 0;
    t->bytes_at_failure = bytes;
    if (++t->n_failures > FAILURES_MAX) {
        transfer_fail(t, error);
        return;
    }
    int64_t ms = backoff_ms(t->n_failures);
    transfer_retry_after(t, least_ms > ms ? least_ms : ms);
}

static void
begin_again(struct transfer *t, const struct error *error)
{
    if (++t->n_restarts > RESTARTS_MAX)
        transfer_fail(t, error);
    else
        transfer_restart(t);
}

/* ---- refusals by status ---- */

/* The message in an error's JSON; else the text, if it is one. */
static void
words_of(const struct connection *c, char *ret, size_t size)
{
    static const char *const keys[] = { "message", "error", "detail" };
    struct str text = str_trim(str_from(c->text));
    struct json_doc *doc = json_parse(text, NULL);
    struct str found = STR("");
    for (size_t i = 0; i < sizeof keys / sizeof *keys && found.n == 0; i++) {
        const struct json *value = json_get(json_root(doc), keys[i]);
        if (json_type(value) == JSON_OBJECT)
            value = json_get(value, "message");
        json_as_text(value, &found);
    }
    if (doc == NULL && text.n > 0 && text.p[0] != '<' && text.p[0] != '{')
        found = text;
    str_quote(found, c->transfer->bearer, ret, size);
    json_doc_free(doc);
}

static enum error_code
code_of(int status)
{
    switch (status) {
    case 401: return ERR_UNAUTHORIZED;
    case 403: return ERR_FORBIDDEN;
    case 404:
    case 410: return ERR_NOT_FOUND;
    case 429: return ERR_TOO_MANY_REQUESTS;
    default: return status >= 500 ? ERR_UNAVAILABLE : ERR_BAD_GATEWAY;
    }
}

static void
judge_status(struct connection *c)
{
    struct transfer *t = c->transfer;
    char words[WORDS_BYTES];
    struct error error;
    words_of(c, words, sizeof words);
    error_set(&error, code_of(c->status), "the origin answers %d%s%s",
              c->status, words[0] == '\0' ? "" : ": ", words);
    bool may_pass = c->status == 408 || c->status == 425 || c->status == 429 ||
                    c->status >= 500;
    bool is_expired = c->is_elsewhere && (c->status == 400 ||
                                          c->status == 401 || c->status == 403);
    if (!may_pass && !is_expired) {
        transfer_fail(t, &error);
        return;
    }
    int64_t wait_s = c->retry_after_s;
    if (wait_s > WAIT_MOST_S)
        wait_s = WAIT_MOST_S;
    try_again(t, wait_s < 0 ? -1 : wait_s * 1000, &error);
}

/* ---- the rest ---- */

static void
judge_unsatisfied(struct connection *c)
{
    struct transfer *t = c->transfer;
    struct error error;
    uint64_t total = c->total < 0 ? 0 : (uint64_t)c->total;
    if (c->total >= 0 && (t->size < 0 || t->size == c->total) &&
        spans_front(&t->done) == total) {
        t->size = c->total;
        t->reserved = t->size;
        return;
    }
    error_set(&error, ERR_BAD_GATEWAY,
              "the origin says that the file ends at %lld",
              (long long)c->total);
    begin_again(t, &error);
}

static void
judge_changed(struct connection *c)
{
    struct transfer *t = c->transfer;
    struct error error;
    if (t->options.size_bytes >= 0 && c->total >= 0 &&
        c->total != t->options.size_bytes) {
        error_set(&error, ERR_CONFLICT,
                  "the origin has %lld bytes where %lld were announced",
                  (long long)c->total, (long long)t->options.size_bytes);
        transfer_fail(t, &error);
        return;
    }
    error_set(&error, ERR_CONFLICT,
              "the file changes at its origin while it is downloaded");
    begin_again(t, &error);
}

/* The version of the file that is there, by its length and by its ETag if
 * either has one. */
static void
judge_version(struct connection *c)
{
    struct transfer *t = c->transfer;
    struct error error;
    bool has_etag = c->etag[0] != '\0' || t->etag[0] != '\0';
    bool is_same = c->outcome != WIRE_CHANGED &&
                   (c->total >= 0 ? c->total == t->size : has_etag) &&
                   (c->outcome == WIRE_UNSATISFIED || /* it is empty */
                    strcmp(c->etag, t->etag) == 0);
    t->is_asking = false;
    t->is_whole = is_same;
    if (is_same)
        return;
    transfer_set_taken(t, "its origin has another version now", &error);
    transfer_fail(t, &error);
}

static void
judge_outcome(struct connection *c)
{
    struct transfer *t = c->transfer;
    struct error error;
    bool is_version = c->outcome == WIRE_ASKED || c->outcome == WIRE_CHANGED ||
                      c->outcome == WIRE_UNSATISFIED;
    if (c->is_question && is_version) {
        judge_version(c);
        return;
    }
    switch (c->outcome) {
    case WIRE_STATUS: judge_status(c); break;
    case WIRE_RANGE_IGNORED:
        t->is_sequential = true;
        transfer_restart(t);
        break;
    case WIRE_RANGE_WRONG:
        error_set(&error, ERR_BAD_GATEWAY,
                  "the origin answers with other bytes than asked for");
        if (++t->n_restarts > RESTARTS_MAX)
            transfer_fail(t, &error);
        else if (t->n_restarts == RESTARTS_MAX)
            t->is_sequential = true, transfer_restart(t);
        else
            transfer_retry_after(t, BACKOFF_FIRST_MS);
        break;
    case WIRE_UNSATISFIED: judge_unsatisfied(c); break;
    case WIRE_CHANGED: judge_changed(c); break;
    case WIRE_REFUSED:
    case WIRE_DISK: transfer_fail(t, &c->error); break;
    case WIRE_ASKED:
    case WIRE_FINE: break;
    }
}

/* Without ranges what came is worth nothing. */
static void
broken(struct connection *c, const struct error *error)
{
    struct transfer *t = c->transfer;
    if (transfer_has_all(t))
        return;
    if (t->is_sequential || (atomic_load(&c->has_head) && !c->is_ranged))
        transfer_throw_away(t);
    try_again(t, -1, error);
}

/* A body that ended; on the wire nothing was wrong with it. */
static void
take_end(struct connection *c)
{
    struct transfer *t = c->transfer;
    uint64_t at = atomic_load(&c->at);
    struct error error;
    if (c->end == UINT64_MAX && t->size < 0) {
        t->size = (int64_t)at; /* its length was not told */
        t->reserved = t->size;
        t->is_whole = true;
    }
    if (at >= c->end || transfer_has_all(t))
        return;
    error_set(&error, ERR_BAD_GATEWAY,
              "the origin's answer ended %llu bytes short",
              (unsigned long long)(c->end - at));
    broken(c, &error);
}

void
transfer_judge(struct connection *c, const struct error *error)
{
    struct transfer *t = c->transfer;
    if (c->is_cancelled || t->error.code != ERR_OK)
        return;
    if (c->outcome != WIRE_FINE) {
        judge_outcome(c);
        return;
    }
    if (error == NULL) {
        take_end(c);
        return;
    }
    bool is_final =
        error->code == ERR_FORBIDDEN || error->code == ERR_INVALID ||
        error->code == ERR_REDIRECT_LOOP || error->code == ERR_NOT_IMPLEMENTED;
    if (is_final) {
        transfer_fail(t, error);
        return;
    }
    broken(c, error);
}
