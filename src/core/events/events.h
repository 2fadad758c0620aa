/* The event bus: what happened, told once to whoever asked.
 *
 * Loop thread only. Publishing calls the subscribers in order of
 * subscription, before events_publish() returns; a subscriber that needs
 * the contents later copies them. A subscriber may unsubscribe itself or
 * others from inside a call. */
#ifndef CORE_EVENTS_H
#define CORE_EVENTS_H

#include <stdint.h>

#include "base/list.h"
#include "records/instance.h"
#include "records/log_entry.h"

/* clang-format off */
/*    name                wire                    payload */
#define EVENT_TYPES(X)                                                      \
    X(PROFILE_CREATED,    "profile.created")   /* struct profile */         \
    X(PROFILE_UPDATED,    "profile.updated")   /* struct profile */         \
    X(PROFILE_DELETED,    "profile.deleted")   /* struct profile */         \
    X(INSTANCE_STATE,     "instance.state")    /* struct instance_change */ \
    X(INSTANCE_LOG,       "instance.log")      /* struct instance_line */   \
    X(LIBRARY_CHANGED,    "model.changed")     /* NULL; no subject: any */  \
    X(LIBRARY_SCAN,       "model.scan")  /* struct library_progress */      \
    X(DOWNLOAD_CHANGED,   "download.changed")  /* struct download */        \
    X(DOWNLOAD_PROGRESS,  "download.progress") /* struct download */        \
    X(DOWNLOAD_REMOVED,   "download.removed")  /* struct download */        \
    X(SETTINGS_CHANGED,   "settings.changed")  /* key, const char */        \
    X(CONFIG_RELOADED,    "config.reloaded")   /* NULL */                   \
    X(PRESETS_CHANGED,    "presets.changed")   /* NULL; subject: name */    \
    X(KEYS_CHANGED,       "keys.changed")      /* NULL */                   \
    X(ACCESS_ENDED,       "access.ended")      /* NULL; of somebody */      \
    X(LLAMA_MODEL,        "llama.model")       /* struct llama_change */    \
    X(LLAMA_MODELS,       "llama.models")      /* NULL; subject: profile */ \
    X(METRICS,            "metrics")           /* struct metrics_sample */  \
    X(ACTIVITY,           "activity")          /* struct activity_news */   \
    X(LOG,                "log")               /* struct log_entry */       \
    X(LOG_CLEARED,        "log.cleared")       /* entries, const int64_t */
/* clang-format on */

enum event_type {
#define X(name, wire) EVENT_##name,
    EVENT_TYPES(X)
#undef X
        EVENT_TYPE_COUNT
};

const char *event_type_name(enum event_type type);

struct instance_change {
    const char *instance_id;
    const char *profile_id;
    enum instance_state from;
    enum instance_state to;
    const char *reason;
};

struct instance_line {
    const char *profile_id;
    uint64_t seq;     /* position in this instance's log, rises by one */
    const char *text; /* without the line end */
    size_t n;
};

struct event {
    uint64_t seq;  /* rises by one over all types */
    int64_t at_ms; /* Unix time */
    enum event_type type;
    const char *subject; /* id of what it is about, or "" */
    const void *payload; /* by type, see EVENT_TYPES */
};

enum { EVENTS_HIDDEN_MAX = 8, EVENTS_HIDDEN_BYTES = 513 };

struct events {
    struct list subscriptions;
    uint64_t next_seq;
    int64_t next_log_id;
    /* what no log entry may say, beside what looks like a secret */
    char hidden[EVENTS_HIDDEN_MAX][EVENTS_HIDDEN_BYTES];
};

struct subscription {
    struct list node;
    uint32_t types; /* bits of enum event_type */
    void (*fn)(struct subscription *subscription, const struct event *event);
};

#define EVENT_BIT(name) (UINT32_C(1) << EVENT_##name)
#define EVENT_ALL       UINT32_MAX

void events_init(struct events *events);
void events_subscribe(struct events *events, struct subscription *subscription,
                      uint32_t types,
                      void (*fn)(struct subscription *subscription,
                                 const struct event *event));
/* Twice is once. */
void events_unsubscribe(struct subscription *subscription);
void events_publish(struct events *events, enum event_type type,
                    const char *subject, const void *payload);

/* A log event: formats into a struct log_entry, gives it the next id, takes
 * out what is a secret (formats/redact.h, and the texts of events_hide) and
 * publishes it. */
void events_log(struct events *events, enum log_level level, const char *source,
                const char *format, ...) __attribute__((format(printf, 4, 5)));
/* From now on no log entry says this; "" or NULL: slot `i` is free again. */
void events_hide(struct events *events, unsigned i, const char *secret);

#endif
