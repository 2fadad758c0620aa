/* The router: which instance a request is served by, and what must be
 * started or stopped for it.
 *
 * Decisions are a pure function (router_decide.h) with its own tests; this
 * is the owner that feeds it snapshots, carries its actions out through
 * core/instances and answers the waiters. The gateway asks by message and
 * gets a lease by value; it never reads core's structs. Loop thread only. */
#ifndef CORE_ROUTER_H
#define CORE_ROUTER_H

#include "core/instances/instances.h"
#include "core/llama/llama.h"
#include "core/profiles/profiles.h"

struct router;
struct router_ticket;

struct router_options {
    struct loop *loop;
    struct events *events;
    struct instances *instances;
    struct profiles *profiles;
    const struct engines *engines;
    struct llama *llama; /* NULL: there is none */
    int models_max;      /* 0: no limit */
    int64_t drain_after_ms;
    int64_t drain_timeout_ms;
    int64_t default_ttl_s; /* of library models */
};

int router_new(const struct router_options *options, struct router **ret_router,
               struct error *error);
void router_configure(struct router *router,
                      const struct router_options *options);
void router_free(struct router *router);

/* A right to send one request to one instance. By value. */
struct lease {
    uint64_t id; /* 0: none */
    char profile_id[ID_BYTES];
    char model[1024]; /* what the engine is sent when rewrites_model:
                              * the profile's name, or the part after it */
    struct address address;
    char api_key[80];
    bool rewrites_model;
    uint64_t generation; /* changes when the engine was restarted */
};

/* What is known of a model before it is leased. */
struct router_model {
    struct profile *profile; /* borrowed until the next turn */
    const struct engine_manifest *manifest;
    struct str engine_model; /* what the engine is to be sent as `model` */
    bool rewrites_model;     /* and whether it has to */
};
/* Alias, profile name, library model; else `profile/model` of an engine that
 * serves many models by itself. While the managed llama router is ready, it
 * has the library models that it serves, and whatever else it calls by that
 * name (llama_resolve). 0, or -1 with ERR_NOT_FOUND. */
int router_resolve(struct router *router, struct str name,
                   struct router_model *ret_model, struct error *error);

/* The lease of a model that is ready and has a free place: true. False: it
 * has to be waited for or cannot be had, ask router_acquire(). `model` is
 * what router_resolve() found in this turn. */
bool router_lease_now(struct router *router, const struct router_model *model,
                      struct lease *ret_lease);

struct router_need {
    struct str model;  /* as the client sent it */
    struct str client; /* for fairness among clients: its address */
    /* The answer: a lease, or an error (lease NULL) whose retry_after_s is
     * for the header; never before router_acquire() returns. */
    void (*on_ready)(void *ctx, const struct lease *lease,
                     const struct error *error, int retry_after_s);
    /* While waiting, whenever it changes; may be NULL. position 0: being
     * loaded or next, or not asked for: it costs a walk along the queue. */
    bool wants_position;
    void (*on_progress)(void *ctx, enum instance_state state, size_t position);
    void *ctx;
};

/* NULL with `error` when it can not even wait: unknown model, queue full
 * (ERR_QUEUE_FULL), in back-off (ERR_UNAVAILABLE), draining for shutdown. */
struct router_ticket *router_acquire(struct router *router,
                                     const struct router_need *need,
                                     struct error *error,
                                     int *ret_retry_after_s);
/* The client is gone: leaves the queue; on_ready will not be called. Not
 * after on_ready, with which the ticket ends. */
void router_cancel(struct router_ticket *ticket);

/* How the request went. An engine that failed one is probed at once; its
 * probes decide what becomes of it. */
enum lease_outcome { LEASE_OK, LEASE_UPSTREAM_FAILED, LEASE_CLIENT_GONE };
void router_release(struct router *router, const struct lease *lease,
                    enum lease_outcome outcome);

/* Load and unload by hand (POST /models/load, start and stop of servers):
 * return at once, events tell the rest. Loading obeys models_max (evicts or
 * waits); unloading drains first unless `is_forced`. */
int router_load(struct router *router, struct profile *profile,
                struct error *error);
int router_unload(struct router *router, const char *profile_id, bool is_forced,
                  struct error *error);
int router_restart(struct router *router, struct profile *profile,
                   struct error *error);

/* Loads the model at start-up, into free room only: it evicts nothing, and
 * where there is no room it is not loaded. */
int router_preload(struct router *router, struct profile *profile,
                   struct error *error);

/* What a profile's queue looks like now. */
struct router_status {
    enum instance_state state;
    size_t n_active; /* leases out */
    size_t n_waiting;
    uint64_t n_served;     /* leases since the start of this program */
    int64_t idle_since_ms; /* Unix time of the last lease's end, 0 */
};
void router_status(struct router *router, const char *profile_id,
                   struct router_status *ret_status);

/* Since the start of this program. */
struct router_counts {
    uint64_t n_evicted; /* asked to stop, to make room for another */
};
struct router_counts router_counts(const struct router *router);

/* From now on nothing is admitted; calls back when every lease is back or
 * after the deadline. */
void router_drain_all(struct router *router, int64_t deadline_ms,
                      void (*on_done)(void *ctx), void *ctx);

#endif
