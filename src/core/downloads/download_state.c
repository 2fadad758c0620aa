/* The state of a task: what sets it, stores it, and who waits for it. */
#include <assert.h>
#include <stdlib.h>

#include "core/downloads/downloads_internal.h"

/* ---- state ---- */

static char *
body_of(const struct download *d)
{
    struct strbuf body = STRBUF_INIT(DOWNLOAD_BODY_BYTES);
    struct json_writer w;
    json_writer_init(&w, &body);
    download_write_body(d, &w);
    if (!strbuf_failed(&body))
        return strbuf_detach(&body, NULL);
    strbuf_release(&body);
    return NULL;
}

void
download_store_then(const struct download *d, store_done_fn *on_done, void *ctx)
{
    char *body = body_of(d);
    const struct download_row row = { .state = d->state,
                                      .priority = d->priority,
                                      .created_at_ms = d->created_at_ms,
                                      .body = body == NULL ? "" : body };
    struct download_row copy = row;
    snprintf(copy.id, sizeof copy.id, "%s", d->id);
    if (body != NULL) {
        store_put_download(d->all->options.store, &copy, on_done, ctx);
    } else if (on_done != NULL) {
        struct error error;
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, &error);
    }
    free(body);
}

void
download_store(struct download *d)
{
    download_store_then(d, NULL, NULL);
}

/* Of a run: a failed one may be tried again. */
static bool
is_end(enum download_state state)
{
    return state == DOWNLOAD_COMPLETED || state == DOWNLOAD_FAILED ||
           state == DOWNLOAD_CANCELLED;
}

void
download_set_state(struct download *d, enum download_state state)
{
    if (d->state == state)
        return;
    assert(state_table_allows(download_state_rows, (int)d->state, (int)state));
    d->state = state;
    d->ended_at_ms = is_end(state) ? loop_wall_ms() : 0;
    if (state != DOWNLOAD_FAILED)
        d->error = (struct error){ .code = ERR_OK };
    if (state != DOWNLOAD_RESOLVING) /* passes at once */
        download_store(d);
    events_publish(d->all->options.events, EVENT_DOWNLOAD_CHANGED, d->id, d);
}

/* ---- who waits ---- */

int
download_add_wait(struct download *d, downloads_told_fn *on_done, void *ctx,
                  bool is_new, struct error *error)
{
    struct download_wait *wait = malloc(sizeof *wait);
    if (wait == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    *wait = (struct download_wait){ .on_done = on_done,
                                    .ctx = ctx,
                                    .is_new = is_new };
    list_push_back(&d->waits, &wait->node);
    return 0;
}

/* `error`: there is no such task. */
void
download_tell_waits(struct download *d, const struct error *error)
{
    struct list *node;
    while ((node = list_first(&d->waits)) != NULL) {
        struct download_wait wait =
            *LIST_ENTRY(node, struct download_wait, node);
        list_remove(node);
        free(LIST_ENTRY(node, struct download_wait, node));
        wait.on_done(wait.ctx, error == NULL ? d : NULL, wait.is_new, error);
    }
}

void
download_end(struct download *d, enum download_state state)
{
    struct downloads *downloads = d->all;
    d->is_busy = false;
    if (!d->is_interrupted)
        download_set_state(d, state);
    download_tell_waits(d, NULL);
    downloads_look(downloads);
}

/* ---- once more ---- */

/* A token that was set since then counts. */
static void
take_token(struct download *d)
{
    if (d->token[0] != '\0')
        return;
    char *token = download_text(downloads_token(d->all, d->source));
    if (token == NULL)
        return;
    free(d->token);
    d->token = token;
}

void
download_queue_again(struct download *d)
{
    for (size_t i = 0; i < d->n_files; i++)
        if (d->files[i].state != DOWNLOAD_COMPLETED)
            d->files[i].state = DOWNLOAD_QUEUED;
    take_token(d);
    download_set_state(d, DOWNLOAD_QUEUED);
    downloads_look(d->all);
}
