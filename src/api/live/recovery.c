/* Connection state recovery: a log of what was sent, shared by all, and the
 * clients that were cut off.
 *
 * An offset is the number of a message; who comes back with one is sent every
 * later message that was for all or for it, if the log still has all of them.
 * Else it joins anew, and asks for what it wants to know. The log is bounded by
 * age and by bytes; it reaches further back than a client may be away, for it
 * takes a heartbeat to notice that somebody is gone. */
#include <inttypes.h>
#include <stdlib.h>

#include "api/live/live_internal.h"

enum { LOST_MAX = 4096 };
static const size_t LOG_BYTES_MAX = 16 * MIB;
static const size_t ENTRY_BYTES_MAX = 1 * MIB;
/* An answer to one client: a long one is asked for again. */
static const size_t ANSWER_BYTES_MAX = 64 * KIB;

bool
recovery_is_on(const struct live *live)
{
    return live->options.recovery_ms > 0;
}

bool
recovery_has_audience(const struct live *live)
{
    return !list_is_empty(&live->connections) || live->n_lost > 0;
}

void
recovery_write_offset(uint64_t seq, char ret_text[24])
{
    snprintf(ret_text, 24, "%" PRIu64, seq);
}

static int64_t
now_ms(const struct live *live)
{
    return loop_now_ms(live->api->options.loop);
}

/* ---- the log ---- */

static void
forget_entry(struct live *live, struct live_entry *entry)
{
    live->forgotten_seq = entry->seq;
    live->n_log_bytes -= sizeof *entry + entry->n;
    list_remove(&entry->node);
    free(entry);
}

static void
prune_log(struct live *live)
{
    const struct live_options *options = &live->options;
    int64_t oldest_ms = now_ms(live) - options->recovery_ms -
                        options->ping_interval_ms - options->ping_timeout_ms;
    LIST_FOR_SAFE(node, &live->log)
    {
        struct live_entry *entry = LIST_ENTRY(node, struct live_entry, node);
        if (entry->at_ms >= oldest_ms && live->n_log_bytes <= LOG_BYTES_MAX)
            break;
        forget_entry(live, entry);
    }
}

void
recovery_note(struct live *live, uint64_t seq, const char *sid, struct str text)
{
    if (text.n > (sid == NULL ? ENTRY_BYTES_MAX : ANSWER_BYTES_MAX))
        text.n = 0;
    struct live_entry *entry = malloc(sizeof *entry + text.n);
    if (entry == NULL) { /* nobody can be told of what came before */
        while (!list_is_empty(&live->log))
            forget_entry(live, LIST_ENTRY(list_first(&live->log),
                                          struct live_entry, node));
        live->forgotten_seq = seq;
        return;
    }
    *entry =
        (struct live_entry){ .seq = seq, .at_ms = now_ms(live), .n = text.n };
    if (sid != NULL)
        snprintf(entry->sid, sizeof entry->sid, "%s", sid);
    if (text.n > 0)
        memcpy(entry->text, text.p, text.n);
    list_push_back(&live->log, &entry->node);
    live->n_log_bytes += sizeof *entry + text.n;
    prune_log(live);
}

/* ---- who was cut off ---- */

static void
forget_lost(struct live *live, struct live_lost *lost)
{
    list_remove(&lost->node);
    live->n_lost--;
    free(lost);
}

/* They are in the order in which their time ends. */
static void
prune_lost(struct live *live)
{
    LIST_FOR_SAFE(node, &live->lost)
    {
        struct live_lost *lost = LIST_ENTRY(node, struct live_lost, node);
        if (lost->until_ms > now_ms(live) && live->n_lost <= LOST_MAX)
            break;
        forget_lost(live, lost);
    }
}

void
recovery_remember(struct live_connection *connection)
{
    struct live *live = connection->live;
    if (!recovery_is_on(live) || live->api->is_closed)
        return;
    struct live_lost *lost = calloc(1, sizeof *lost);
    if (lost == NULL)
        return; /* it will have to join anew */
    memcpy(lost->sid, connection->sid, sizeof lost->sid);
    memcpy(lost->pid, connection->pid, sizeof lost->pid);
    memcpy(lost->key_id, connection->key_id, sizeof lost->key_id);
    lost->who = connection->who;
    lost->metrics_interval_ms = connection->metrics_interval_ms;
    lost->until_ms = now_ms(live) + live->options.recovery_ms;
    list_push_back(&live->lost, &lost->node);
    live->n_lost++;
    prune_lost(live);
}

static struct live_lost *
find_lost(const struct live_connection *connection, struct str pid)
{
    LIST_FOR(node, &connection->live->lost)
    {
        struct live_lost *lost = LIST_ENTRY(node, struct live_lost, node);
        if (str_is(pid, lost->pid))
            return lost->who == connection->who &&
                           strcmp(lost->key_id, connection->key_id) == 0
                       ? lost
                       : NULL;
    }
    return NULL;
}

static bool
concerns(const struct live_entry *entry, const char *sid)
{
    return entry->sid[0] == '\0' || strcmp(entry->sid, sid) == 0;
}

/* Are all messages after `seq` there that are for the client? */
static bool
is_covered(const struct live *live, uint64_t seq, const char *sid)
{
    if (seq < live->forgotten_seq || seq >= live->next_seq)
        return false;
    LIST_FOR(node, &live->log)
    {
        const struct live_entry *entry =
            LIST_ENTRY(node, struct live_entry, node);
        if (entry->seq > seq && entry->n == 0 && concerns(entry, sid))
            return false;
    }
    return true;
}

bool
recovery_resume(struct live_connection *connection, struct str pid,
                struct str offset)
{
    struct live *live = connection->live;
    uint64_t seq;
    if (!recovery_is_on(live) || pid.n == 0 || str_to_u64(offset, &seq) < 0)
        return false;
    prune_lost(live);
    struct live_lost *lost = find_lost(connection, pid);
    if (lost == NULL || !is_covered(live, seq, lost->sid))
        return false;
    memcpy(connection->sid, lost->sid, sizeof connection->sid);
    memcpy(connection->pid, lost->pid, sizeof connection->pid);
    measured_restore(connection, lost->metrics_interval_ms);
    forget_lost(live, lost);
    LIST_FOR(node, &live->log)
    {
        const struct live_entry *entry =
            LIST_ENTRY(node, struct live_entry, node);
        if (entry->seq > seq && concerns(entry, connection->sid))
            live_connection_send(connection,
                                 (struct str){ entry->text, entry->n });
    }
    return true;
}

void
recovery_release(struct live *live)
{
    while (!list_is_empty(&live->log))
        forget_entry(
            live, LIST_ENTRY(list_first(&live->log), struct live_entry, node));
    while (!list_is_empty(&live->lost))
        forget_lost(
            live, LIST_ENTRY(list_first(&live->lost), struct live_lost, node));
}
