/* Events for those who come back: see event_ring.h. */
#include "api/event_ring.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/handlers.h"

enum { ENTRIES_MAX = 4096 };
/* More than a reader may be behind by would only end it. */
static const size_t BYTES_MAX = LIMIT_SSE_READER_BYTES;
static const uint32_t NOT_KEPT =
    EVENT_BIT(INSTANCE_LOG) | EVENT_BIT(METRICS) | EVENT_BIT(DOWNLOAD_PROGRESS);

static void
forget_first(struct event_ring *ring)
{
    struct ring_entry *entry =
        LIST_ENTRY(list_first(&ring->entries), struct ring_entry, node);
    ring->forgotten_seq = entry->seq;
    ring->n--;
    ring->n_bytes -= sizeof *entry + entry->n;
    list_remove(&entry->node);
    free(entry);
}

static void
forget_all(struct event_ring *ring)
{
    while (ring->n > 0)
        forget_first(ring);
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct event_ring *ring =
        LIST_ENTRY(subscription, struct event_ring, subscription);
    struct strbuf text = STRBUF_INIT(BYTES_MAX);
    struct json_writer w;
    json_writer_init(&w, &text);
    event_write(ring->api, event, &w);
    struct ring_entry *entry =
        strbuf_failed(&text) ? NULL : malloc(sizeof *entry + text.n);
    if (entry == NULL) { /* a gap: nobody can be told of what was before */
        forget_all(ring);
        ring->forgotten_seq = event->seq;
        strbuf_release(&text);
        return;
    }
    *entry = (struct ring_entry){ .seq = event->seq,
                                  .type = event->type,
                                  .n = text.n };
    memcpy(entry->text, strbuf_text(&text), text.n);
    strbuf_release(&text);
    list_push_back(&ring->entries, &entry->node);
    ring->n++;
    ring->n_bytes += sizeof *entry + entry->n;
    while (ring->n > ENTRIES_MAX || ring->n_bytes > BYTES_MAX)
        forget_first(ring);
}

void
event_ring_init(struct event_ring *ring, struct api *api)
{
    *ring = (struct event_ring){ .api = api, .boot = loop_wall_ms() };
    list_init(&ring->entries);
}

void
event_ring_release(struct event_ring *ring)
{
    if (ring->is_open)
        events_unsubscribe(&ring->subscription);
    ring->is_open = false;
    forget_all(ring);
}

void
event_ring_open(struct event_ring *ring)
{
    if (ring->is_open)
        return;
    struct events *events = ring->api->options.events;
    ring->is_open = true;
    ring->forgotten_seq = events->next_seq - 1;
    events_subscribe(events, &ring->subscription, EVENT_ALL & ~NOT_KEPT,
                     on_event);
}

void
event_ring_write_id(const struct event_ring *ring, uint64_t seq,
                    char ret_id[EVENT_ID_BYTES])
{
    snprintf(ret_id, EVENT_ID_BYTES, "%" PRIx64 "-%" PRIu64,
             (uint64_t)ring->boot, seq);
}

bool
event_ring_reaches(const struct event_ring *ring, struct str id,
                   uint64_t *ret_seq)
{
    char ours[EVENT_ID_BYTES];
    struct str rest = id;
    int64_t seq;
    str_split(&rest, '-');
    if (!ring->is_open || str_to_i64(rest, &seq) != 0 || seq < 0)
        return false;
    event_ring_write_id(ring, (uint64_t)seq, ours);
    *ret_seq = (uint64_t)seq;
    return str_is(id, ours) && *ret_seq >= ring->forgotten_seq &&
           *ret_seq < ring->api->options.events->next_seq;
}

const struct ring_entry *
event_ring_next(const struct event_ring *ring, const struct ring_entry *after,
                uint64_t seq)
{
    const struct list *node =
        after == NULL ? ring->entries.next : after->node.next;
    for (; node != &ring->entries; node = node->next) {
        const struct ring_entry *entry =
            LIST_ENTRY((struct list *)(uintptr_t)node, struct ring_entry, node);
        if (entry->seq > seq)
            return entry;
    }
    return NULL;
}

const struct ring_entry *
event_ring_newest(const struct event_ring *ring, uint64_t seq)
{
    if (ring->n == 0)
        return NULL;
    const struct ring_entry *entry =
        LIST_ENTRY(ring->entries.prev, struct ring_entry, node);
    return entry->seq == seq ? entry : NULL;
}
