/* An answer kept whole in memory: a fetch whose callbacks fill a buffer.
 *
 * The buffer is the fetch thread's until on_done, the loop's from then on. */
#include <stdlib.h>

#include "io/fetch_internal.h"

struct text_fetch {
    struct fetch *fetch;
    struct strbuf body;
    bool is_head;
    void (*on_done)(void *ctx, const struct fetch_answer *answer,
                    const struct error *error);
    void *ctx;
};

static enum fetch_verdict
on_head(void *ctx, const struct fetch_head *head)
{
    struct text_fetch *text = ctx;
    if (head->content_length > 0 &&
        (uint64_t)head->content_length > text->body.ceiling && !text->is_head) {
        text->body.state = STRBUF_FULL;
        return FETCH_ABORT;
    }
    return FETCH_GO_ON;
}

static enum fetch_verdict
on_body(void *ctx, struct str bytes)
{
    struct text_fetch *text = ctx;
    strbuf_add_str(&text->body, bytes);
    return strbuf_failed(&text->body) ? FETCH_ABORT : FETCH_GO_ON;
}

static void
on_done(void *ctx, const struct error *error)
{
    struct text_fetch *text = ctx;
    const struct fetch_head *head = &text->fetch->heads.head;
    struct error own;
    if (!text->fetch->is_cancelled && strbuf_failed(&text->body)) {
        if (text->body.state == STRBUF_FULL)
            error_set(&own, ERR_TOO_LARGE,
                      "%.200s: the answer is longer than %zu bytes",
                      text->fetch->place.host, text->body.ceiling);
        else
            error_set(&own, ERR_NO_MEMORY, "out of memory");
        error = &own;
    }
    const struct fetch_answer answer = { .status = head->status,
                                         .head = head,
                                         .body = strbuf_view(&text->body) };
    text->on_done(text->ctx, error == NULL ? &answer : NULL, error);
    strbuf_release(&text->body);
    free(text);
}

struct fetch *
fetch_text(struct fetcher *fetcher, const struct fetch_text_request *request)
{
    struct text_fetch *text = calloc(1, sizeof *text);
    if (text == NULL)
        return NULL;
    strbuf_init(&text->body, request->max_bytes);
    text->is_head = str_is(str_from(request->method), "HEAD");
    text->on_done = request->on_done;
    text->ctx = request->ctx;
    const struct fetch_request fetch = {
        .url = request->url,
        .method = request->method,
        .bearer = request->bearer,
        .headers = request->headers,
        .body = request->body,
        .range_first = request->range_first,
        .range_last = request->range_last,
        .stall_ms = request->stall_ms,
        .keeps_redirect = request->keeps_redirect,
        .on_head = on_head,
        .on_body = on_body,
        .on_done = on_done,
        .ctx = text,
    };
    text->fetch = fetch_start(fetcher, &fetch);
    if (text->fetch == NULL) {
        free(text);
        return NULL;
    }
    return text->fetch;
}
