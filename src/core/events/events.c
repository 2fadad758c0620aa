/* The event bus: see events.h. */
#include "core/events/events.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "formats/redact.h"
#include "io/loop.h"

static const char *const event_type_names[] = {
#define X(name, wire) [EVENT_##name] = (wire),
    EVENT_TYPES(X)
#undef X
};

_Static_assert(EVENT_TYPE_COUNT <= 32, "event types fit a 32-bit mask");

const char *
event_type_name(enum event_type type)
{
    return event_type_names[type];
}

void
events_init(struct events *events)
{
    list_init(&events->subscriptions);
    events->next_seq = 1;
    events->next_log_id = 1;
    memset(events->hidden, 0, sizeof events->hidden);
}

void
events_subscribe(struct events *events, struct subscription *subscription,
                 uint32_t types,
                 void (*fn)(struct subscription *subscription,
                            const struct event *event))
{
    subscription->types = types;
    subscription->fn = fn;
    list_push_back(&events->subscriptions, &subscription->node);
}

void
events_unsubscribe(struct subscription *subscription)
{
    if (subscription->node.next != NULL)
        list_remove(&subscription->node);
}

/* A marker node walks the list, so that a subscriber may remove itself or
 * any other from inside its call. */
void
events_publish(struct events *events, enum event_type type, const char *subject,
               const void *payload)
{
    struct event event = { .seq = events->next_seq++,
                           .at_ms = loop_wall_ms(),
                           .type = type,
                           .subject = subject,
                           .payload = payload };
    struct subscription marker = { .types = 0, .fn = NULL };
    list_push_front(&events->subscriptions, &marker.node);
    while (marker.node.next != &events->subscriptions) {
        struct list *node = marker.node.next;
        list_remove(&marker.node);
        list_insert_after(node, &marker.node);
        struct subscription *subscription =
            LIST_ENTRY(node, struct subscription, node);
        if ((subscription->types & (UINT32_C(1) << type)) != 0)
            subscription->fn(subscription, &event);
    }
    list_remove(&marker.node);
}

void
events_log(struct events *events, enum log_level level, const char *source,
           const char *format, ...)
{
    struct log_entry entry = { .id = events->next_log_id++,
                               .at_ms = loop_wall_ms(),
                               .level = level };
    snprintf(entry.source, sizeof entry.source, "%s", source);
    va_list args;
    va_start(args, format);
    vsnprintf(entry.message, sizeof entry.message, format, args);
    va_end(args);
    redact(entry.message);
    for (unsigned i = 0; i < EVENTS_HIDDEN_MAX; i++)
        redact_known(entry.message, events->hidden[i]);
    events_publish(events, EVENT_LOG, "", &entry);
}

void
events_hide(struct events *events, unsigned i, const char *secret)
{
    assert(i < EVENTS_HIDDEN_MAX);
    snprintf(events->hidden[i], EVENTS_HIDDEN_BYTES, "%s",
             secret == NULL ? "" : secret);
}
