/* A transfer's phases: see transfer.h and transfer_internal.h.
 *
 * Everything that happens ends in transfer_turn(), which looks at the whole
 * and does what there is to do. A tick gathers what the connections brought;
 * it is the only clock. */
#include "core/downloads/transfer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "core/downloads/transfer_internal.h"

enum {
    TICK_MS = 50,
    SYNC_MS = 1000,
};

#define SYNC_BYTES (16 * UINT64_C(1048576))

/* ---- what came ---- */

static void
fold(struct connection *c)
{
    struct transfer *t = c->transfer;
    uint64_t at = atomic_load_explicit(&c->at, memory_order_acquire);
    if (at > c->folded) {
        if (spans_add(&t->done, c->folded, at) < 0)
            return; /* the next tick tries again */
        c->folded = at;
        t->is_dirty = true;
    }
    if (!atomic_load_explicit(&c->has_head, memory_order_acquire))
        return;
    c->piece.to = c->end;
    if (c->is_ranged)
        t->is_ranged = true;
    if (t->size < 0 && c->total >= 0)
        t->size = c->total;
    if (t->etag[0] == '\0')
        snprintf(t->etag, sizeof t->etag, "%s", c->etag);
}

static void
fold_all(struct transfer *t)
{
    for (size_t i = 0; i < TRANSFER_CONNECTIONS_MAX; i++) {
        struct connection *c = &t->connections[i];
        if (c->fetch == NULL || c->is_cancelled)
            continue;
        fold(c);
        if (atomic_exchange(&c->is_paused, false))
            fetch_resume(c->fetch);
    }
}

/* ---- connections ---- */

static void
on_done(void *ctx, const struct error *error)
{
    struct connection *c = ctx;
    struct transfer *t = c->transfer;
    if (!c->is_cancelled)
        fold(c);
    c->fetch = NULL;
    t->n_active--;
    transfer_judge(c, error);
    transfer_turn(t);
}

static void
begin_connection(struct transfer *t, struct connection *c, struct span piece)
{
    bool is_all =
        piece.from == 0 && t->size >= 0 && piece.to == (uint64_t)t->size;
    *c = (struct connection){ .transfer = t,
                              .piece = piece,
                              .end = piece.to,
                              .folded = piece.from,
                              .has_range = !t->is_sequential && !is_all,
                              .is_question = t->is_asking,
                              .expect_size = t->size,
                              .total = -1 };
    atomic_init(&c->at, piece.from);
    snprintf(c->expect_etag, sizeof c->expect_etag, "%s", t->etag);
    const struct fetch_request request = {
        .url = t->url,
        .bearer = t->bearer,
        .range_first = c->has_range ? (int64_t)piece.from : -1,
        .range_last = c->has_range ? (int64_t)piece.to - 1 : -1,
        .stall_ms = t->options.stall_ms,
        .on_head = wire_on_head,
        .on_body = wire_on_body,
        .on_done = on_done,
        .ctx = c,
    };
    c->fetch = fetch_start(t->options.fetcher, &request);
    if (c->fetch != NULL) {
        t->n_active++;
        return;
    }
    struct error error;
    error_set(&error, ERR_NO_MEMORY, "out of memory for a connection");
    transfer_fail(t, &error);
}

/* Small pieces keep every connection busy to the end, and the digest close
 * behind; large ones ask the hub less often. */
static uint64_t
piece_bytes(const struct transfer *t)
{
    uint64_t bytes = t->size < 0 ? TRANSFER_PIECE_MIN
                                 : (uint64_t)t->size /
                                       (4 * (uint64_t)t->options.n_connections);
    if (bytes < TRANSFER_PIECE_MIN)
        return TRANSFER_PIECE_MIN;
    return bytes > TRANSFER_PIECE_MAX ? TRANSFER_PIECE_MAX : bytes;
}

/* The next piece that is neither there nor on its way. */
static bool
next_piece(const struct transfer *t, struct span *ret_piece)
{
    struct spans taken;
    if (t->is_sequential) {
        *ret_piece =
            (struct span){ 0, t->size >= 0 ? (uint64_t)t->size : UINT64_MAX };
        return t->n_active == 0 && ret_piece->to > 0;
    }
    if (spans_copy(&taken, &t->done) < 0)
        return false;
    bool is_ok = true;
    for (size_t i = 0; i < TRANSFER_CONNECTIONS_MAX; i++)
        if (t->connections[i].fetch != NULL)
            is_ok &= spans_add(&taken, t->connections[i].piece.from,
                               t->connections[i].piece.to) == 0;
    uint64_t size = t->size >= 0 ? (uint64_t)t->size : UINT64_MAX;
    is_ok = is_ok && spans_gap(&taken, size, piece_bytes(t), ret_piece);
    spans_release(&taken);
    return is_ok;
}

/* One byte shows what there is; not even that is read. */
static void
ask_version(struct transfer *t)
{
    if (t->n_active == 0 && !timer_is_armed(&t->retry))
        begin_connection(t, &t->connections[0], (struct span){ 0, 1 });
}

static void
connect_all(struct transfer *t)
{
    size_t wanted = t->is_ranged ? (size_t)t->options.n_connections : 1;
    struct span piece;
    for (size_t i = 0; i < wanted && t->error.code == ERR_OK; i++) {
        struct connection *c = &t->connections[i];
        if (c->fetch == NULL && next_piece(t, &piece))
            begin_connection(t, c, piece);
    }
}

static void
cancel_all(struct transfer *t)
{
    for (size_t i = 0; i < TRANSFER_CONNECTIONS_MAX; i++) {
        struct connection *c = &t->connections[i];
        if (c->fetch == NULL || c->is_cancelled)
            continue;
        fetch_cancel(c->fetch); /* no byte comes after this */
        fold(c);
        c->is_cancelled = true;
    }
}

/* ---- decisions ---- */

void
transfer_fail(struct transfer *t, const struct error *error)
{
    if (t->error.code == ERR_OK)
        t->error = *error;
    cancel_all(t);
}

void
transfer_restart(struct transfer *t)
{
    cancel_all(t);
    transfer_throw_away(t);
    t->is_whole = false;
    t->etag[0] = '\0';
    t->size = t->options.size_bytes;
    t->is_ranged = false; /* one connection, until the version is known */
}

/* Nothing new is written before the journal has forgotten what was there: two
 * versions under one journal would look whole after a crash. */
void
transfer_throw_away(struct transfer *t)
{
    spans_release(&t->done);
    t->version++;
    t->hashed = 0;
    t->synced_bytes = 0;
    t->is_dirty = true;
    t->is_stale = true;
}

int
transfer_set_taken(const struct transfer *t, const char *why,
                   struct error *error)
{
    return error_set(error, ERR_CONFLICT,
                     "%.300s is there already, and %s: move it away, or "
                     "choose another name or target",
                     t->path, why);
}

void
transfer_retry_after(struct transfer *t, int64_t ms)
{
    if (timer_is_armed(&t->retry))
        return;
    t->phase = TRANSFER_WAITING;
    (void)timer_start(t->options.loop, &t->retry, ms);
}

bool
transfer_has_all(const struct transfer *t)
{
    return t->size >= 0 && spans_front(&t->done) == (uint64_t)t->size;
}

/* The digest agrees. */
static void
name(struct transfer *t)
{
    if (t->is_syncing || t->n_active > 0)
        return;
    if (t->is_dirty) {
        transfer_sync(t);
        return;
    }
    if (!t->is_told) {
        t->is_told = true;
        if (t->options.on_verified == NULL)
            t->is_let = true;
        else
            t->options.on_verified(t->options.ctx);
    }
    if (t->is_let)
        transfer_finish(t);
}

/* Of nothing there is nothing to check. */
static bool
agrees(const struct transfer *t)
{
    if (t->git_blob[0] != '\0')
        return t->size == 0 || strcmp(t->git_blob, t->found_git_blob) == 0;
    return t->sha256[0] == '\0' || strcmp(t->sha256, t->found_sha256) == 0;
}

static void
fail_checksum(struct transfer *t)
{
    struct error error;
    bool is_git = t->git_blob[0] != '\0';
    error_set(&error, ERR_CHECKSUM,
              "the checksum is wrong: %s %s was announced, %s came",
              is_git ? "Git's" : "SHA-256", is_git ? t->git_blob : t->sha256,
              is_git ? t->found_git_blob : t->found_sha256);
    t->forgets = true;
    transfer_fail(t, &error);
}

/* All bytes are there: does the digest agree? */
static void
check(struct transfer *t)
{
    t->phase = TRANSFER_CHECKING;
    if (t->is_hashing || t->hashed < (uint64_t)t->size)
        return; /* transfer_hash goes on */
    if (t->digest == NULL && t->size == 0)
        t->digest = sha256_new(&t->error);
    if (t->digest == NULL || sha256_hex(t->digest, t->found_sha256) < 0)
        return;
    if (agrees(t))
        name(t);
    else if (t->n_restarts++ == 0)
        transfer_restart(t);
    else
        fail_checksum(t);
}

/* Whether there is room for the whole, as far as its size is known. */
static bool
has_room(struct transfer *t)
{
    if (t->size > 0 && t->reserved != t->size) {
        if (!t->is_reserving)
            transfer_reserve(t);
        return false;
    }
    for (size_t i = 0; i < TRANSFER_CONNECTIONS_MAX; i++) {
        struct connection *c = &t->connections[i];
        if (c->fetch != NULL && !c->is_cancelled &&
            atomic_exchange(&c->is_held, false))
            fetch_resume(c->fetch);
    }
    return true;
}

static void
go_on(struct transfer *t)
{
    if (t->fd < 0 && t->is_whole) { /* it was there before */
        transfer_finish(t);
        return;
    }
    if (t->is_asking) {
        ask_version(t);
        return;
    }
    if (!has_room(t))
        return;
    transfer_hash(t);
    if (transfer_has_all(t)) {
        check(t);
        if (transfer_has_all(t) || t->error.code != ERR_OK)
            return;
    }
    if (!timer_is_armed(&t->retry) && !t->is_stale) {
        t->phase = TRANSFER_RUNNING;
        connect_all(t);
    }
}

/* A crash costs at most about one piece, and of large ones not even that. */
static uint64_t
sync_bytes(const struct transfer *t)
{
    uint64_t bytes = piece_bytes(t);
    return bytes < SYNC_BYTES ? bytes : SYNC_BYTES;
}

static void
maybe_sync(struct transfer *t)
{
    int64_t now_ms = loop_now_ms(t->options.loop);
    bool is_due = t->is_stale || now_ms - t->synced_at_ms >= SYNC_MS ||
                  spans_total(&t->done) >= t->synced_bytes + sync_bytes(t);
    if (t->is_dirty && !t->is_syncing && t->fd >= 0 &&
        (is_due || t->error.code != ERR_OK))
        transfer_sync(t);
}

void
transfer_turn(struct transfer *t)
{
    if (t->is_opening || t->is_finishing)
        return;
    if (t->error.code == ERR_OK)
        go_on(t);
    if (t->is_finishing)
        return;
    if (!t->forgets)
        maybe_sync(t);
    bool is_quiet = t->n_active == 0 && !t->is_hashing && !t->is_syncing &&
                    !t->is_reserving && t->is_told == t->is_let;
    if (t->error.code != ERR_OK && is_quiet)
        transfer_close(t);
}

static void
on_tick(struct timer *timer)
{
    struct transfer *t = LIST_ENTRY(timer, struct transfer, tick);
    fold_all(t);
    (void)timer_start(t->options.loop, &t->tick, TICK_MS);
    if (t->options.on_progress != NULL)
        t->options.on_progress(t->options.ctx);
    transfer_turn(t);
}

static void
on_retry(struct timer *timer)
{
    transfer_turn(LIST_ENTRY(timer, struct transfer, retry));
}

/* ---- begin and stop ---- */

static char *
with_ending(const char *path, const char *ending)
{
    struct strbuf text = STRBUF_INIT(TRANSFER_PATH_BYTES + 64);
    strbuf_add_text(&text, path);
    strbuf_add_text(&text, ending);
    return strbuf_detach(&text, NULL);
}

static void
free_unstarted(struct transfer *t)
{
    free(t->url);
    free(t->bearer);
    free(t->path);
    free(t->part);
    free(t->journal);
    free(t->journal_new);
    free(t->lock_path);
    free(t);
}

struct transfer *
transfer_start(const struct transfer_options *options)
{
    struct transfer *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->options = *options;
    if (t->options.n_connections > TRANSFER_CONNECTIONS_MAX)
        t->options.n_connections = TRANSFER_CONNECTIONS_MAX;
    t->fd = -1;
    t->lock.fd = -1;
    t->made_bytes = options->made_bytes;
    t->size = options->size_bytes;
    t->reserved = -1;
    t->url = str_dup(str_from(options->url));
    t->bearer = str_dup(str_from(options->bearer));
    t->path = str_dup(str_from(options->path));
    t->part = with_ending(options->path, ".part");
    t->journal = with_ending(options->path, ".part.journal");
    t->journal_new = with_ending(options->path, ".part.journal.new");
    t->lock_path = with_ending(options->path, ".part.lock");
    snprintf(t->sha256, sizeof t->sha256, "%s", options->sha256);
    if (t->sha256[0] == '\0')
        snprintf(t->git_blob, sizeof t->git_blob, "%s", options->git_blob);
    snprintf(t->known_sha256, sizeof t->known_sha256, "%s",
             options->known_sha256);
    snprintf(t->known_etag, sizeof t->known_etag, "%s", options->known_etag);
    timer_init(&t->tick, on_tick);
    timer_init(&t->retry, on_retry);
    if (t->url == NULL || t->bearer == NULL || t->path == NULL ||
        t->part == NULL || t->journal == NULL || t->journal_new == NULL ||
        t->lock_path == NULL ||
        timer_start(options->loop, &t->tick, TICK_MS) != 0) {
        free_unstarted(t);
        return NULL;
    }
    transfer_open(t);
    return t;
}

void
transfer_stop(struct transfer *t, bool forgets)
{
    struct error error;
    error_set(&error, ERR_CANCELLED, "stopped");
    t->forgets = t->forgets || forgets;
    timer_stop(&t->retry);
    transfer_fail(t, &error);
    /* What follows comes in a turn of its own: on_done is never inside. */
    (void)timer_start(t->options.loop, &t->tick, 0);
}

void
transfer_publish(struct transfer *t)
{
    t->is_let = true;
    (void)timer_start(t->options.loop, &t->tick, 0);
}

void
transfer_view(const struct transfer *t, struct transfer_view *ret_view)
{
    if (t->is_opening) { /* a worker has the rest */
        *ret_view =
            (struct transfer_view){ .phase = TRANSFER_OPENING,
                                    .size_bytes = -1,
                                    .sha256 = "",
                                    .etag = "",
                                    .made_bytes = t->options.made_bytes };
        return;
    }
    *ret_view = (struct transfer_view){
        .phase = t->phase,
        .downloaded_bytes = spans_total(&t->done),
        .size_bytes = t->size,
        .sha256 = t->found_sha256,
        .etag = t->etag,
        .made_bytes = t->made_bytes,
    };
}
