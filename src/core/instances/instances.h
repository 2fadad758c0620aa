/* Instances: engine processes under keepers, each in exactly one state.
 *
 * There is at most one instance per profile; it is made at the first start
 * and stays known (stopped, failed) until its profile is deleted. The one
 * setter, instance_set_state(), lives in instance_state.c: it checks the
 * table of records/instance.h, undoes what the new state may not hold and
 * publishes EVENT_INSTANCE_STATE. *up* is not *ready*: READY means that the
 * engine's readiness probe said so and that the listener on its port
 * belongs to its process group.
 *
 * An engine whose manifest says that it is external is attached to: there is
 * no process of ours, no keeper, no log. Its states are those of the others,
 * but by what it answers alone: who does not answer at once FAILED, and is
 * looked for again as the restart policy says. To stop it is to let it go.
 *
 * Every request for a change is asynchronous: it returns at once and what
 * became of it is told by events, or by instances_wait(). Loop thread
 * only. */
#ifndef CORE_INSTANCES_H
#define CORE_INSTANCES_H

#include "base/strbuf.h"
#include "core/events/events.h"
#include "io/stream.h"
#include "records/instance.h"
#include "records/profile.h"

struct instances;
struct instance;
struct engine_manifest;
struct store;
struct engines;

struct instances_options {
    struct loop *loop;
    struct events *events;
    struct store *store;
    struct engines *engines;
    const char *data_dir;    /* sockets, logs live below it */
    const char *hearth_path; /* our own binary, re-executed as keeper */
    int64_t orphan_timeout_s;
    bool keep_engines; /* at shutdown, see instances_shutdown */

    /* Below: NULL or 0 gives what the comment says. */

    /* The configured path of an engine's program, or NULL: then its
     * manifest's names are looked up on PATH. */
    const char *(*engine_path)(void *ctx, const char *engine);
    /* For options that name a file: -1 with `error` when outside the model
     * roots. NULL: not checked. */
    int (*check_path)(void *ctx, const char *path, struct error *error);
    /* The text of the file that an engine which is a router is to read at its
     * start (${preset} of its manifest); none when `out` stays empty. -1 with
     * `error`: it cannot be started. NULL: there is none. */
    int (*compose)(void *ctx, struct profile *profile, struct strbuf *out,
                   struct error *error);
    void *ctx;                   /* of all three */
    const char *default_threads; /* for engines that have such an option */
    int64_t health_interval_ms;  /* 5 s */
    int64_t health_timeout_ms;   /* 5 s, for the readiness path */
    int64_t probe_interval_ms;   /* 60 s between small real requests */
    int64_t probe_timeout_ms;    /* 30 s for one */
    int health_failures;         /* 3 in a row make it unhealthy */
    int64_t backoff_min_ms;      /* 1 s, doubling ... */
    int64_t backoff_max_ms;      /* ... up to 60 s */
    int64_t stable_ms;           /* ready for 60 s: the back-off resets */
    int64_t sample_interval_ms;  /* 2 s between looks at memory and CPU */
};

int instances_new(const struct instances_options *options,
                  struct instances **ret_instances, struct error *error);
/* Takes over what may change while running: keep_engines, the orphan timeout
 * and the threads of later starts, the intervals of probes. The texts of
 * `options` are kept by reference, as in instances_new. */
void instances_configure(struct instances *instances,
                         const struct instances_options *options);
/* Re-attaches to the engines of an earlier run from the stored rows;
 * `find_profile` gives the profile of an id or NULL (then the engine is
 * stopped). `on_done` fires when every one of them has a settled state. */
void instances_attach_all(struct instances *instances,
                          struct profile *(*find_profile)(void *ctx,
                                                          const char *id),
                          void (*on_done)(void *ctx), void *ctx);

/* What others may see of an instance; a copy, valid as long as the caller
 * likes, but for `profile` which is borrowed until the next turn. */
struct instance_view {
    char id[ID_BYTES];
    struct profile *profile;
    enum instance_state state;
    char reason[128];       /* of the last change */
    int64_t state_since_ms; /* Unix time */
    int64_t pid;            /* engine's, 0: none */
    struct address address; /* where it listens */
    char api_key[80];       /* "" when the engine has none */
    const struct engine_manifest *manifest;
    int slots;             /* parallel requests it takes; >= 1 */
    int64_t started_at_ms; /* Unix time of the exec, 0: never */
    int64_t ready_at_ms;
    struct instance_exit exit;
    struct error error;       /* why it failed; code OK: none */
    char advice[256];         /* what the user can do about it */
    enum stop_kind stop;      /* how the last stop went */
    int64_t rss_bytes;        /* of the process group, -1: unknown */
    double cpu_percent;       /* of one core, over the last interval */
    int64_t n_threads;        /* of the process group, -1: unknown */
    int64_t backoff_until_ms; /* in BACKOFF: Unix time of the next try */
    int n_restarts;
    bool restart_required; /* the profile changed since the exec */
    uint64_t log_from;     /* the first line of this run's log */
};

/* 0, or -1 when the profile has no instance (never started). */
int instances_view(struct instances *instances, const char *profile_id,
                   struct instance_view *ret_view);
/* Since the start of this program. */
struct instances_counts {
    uint64_t n_loads;  /* that ended ready */
    uint64_t load_ms;  /* how long those took, together */
    uint64_t n_failed; /* became FAILED, whatever was tried then */
};
struct instances_counts instances_counts(const struct instances *instances);

/* Every known instance, in order of birth. */
void instances_each(struct instances *instances,
                    void (*fn)(void *ctx, const struct instance_view *view),
                    void *ctx);

/* ---- restarts ----
 *
 * After a failure `on-failure` tries again unless trying again cannot help
 * (no such program, model or option; a model that is damaged or gated);
 * `always` tries again in any case; `never` stays FAILED. An unhealthy
 * engine is stopped first. */

/* Starts the profile's engine. Already starting, loading or ready is fine
 * (returns 0). -1 with `error` when the profile can not be started at all:
 * unknown engine, binary missing, a flag the binary lacks, a bad option, a
 * missing model, stopping right now (ERR_CONFLICT). */
int instances_start(struct instances *instances, struct profile *profile,
                    const char *reason, struct error *error);
/* Stops it: TERM, wait, TERM, wait, KILL to the process group as the
 * manifest's steps say; `is_forced` goes straight to KILL. -1 with
 * ERR_NOT_FOUND or ERR_CONFLICT when there is nothing to stop. */
int instances_stop(struct instances *instances, const char *profile_id,
                   bool is_forced, const char *reason, struct error *error);
/* Stop (if running), then start with the given profile. */
int instances_restart(struct instances *instances, struct profile *profile,
                      const char *reason, struct error *error);
/* Writes that file anew for an engine that runs with one. -1 with `error` when
 * it does not, or when nothing can be composed; `on_done` is not called. */
int instances_write_preset(struct instances *instances, const char *profile_id,
                           void (*on_done)(void *ctx,
                                           const struct error *error),
                           void *ctx, struct error *error);
/* READY -> DRAINING, and back. The router does this before a stop. */
int instances_drain(struct instances *instances, const char *profile_id,
                    const char *reason);
int instances_undrain(struct instances *instances, const char *profile_id);
/* How many leases the router has out: the health probe by a real request
 * runs only at zero. */
void instances_set_leases(struct instances *instances, const char *profile_id,
                          int n_leases);
/* A request found the engine not answering: it is probed now instead of at
 * its next time. */
void instances_suspect(struct instances *instances, const char *profile_id);
/* The profile was edited: keeps the new one, sets restart_required. */
void instances_profile_changed(struct instances *instances,
                               struct profile *profile);
/* Stops if running, then removes the instance, its row and its log. */
void instances_forget(struct instances *instances, const char *profile_id,
                      void (*on_done)(void *ctx), void *ctx);

/* Calls once when the instance is settled (ready, stopped, failed, backoff
 * or unhealthy), at the next turn if it is already. The returned waiter can be
 * cancelled before that. NULL when out of memory. */
struct instance_waiter;
struct instance_waiter *
instances_wait(struct instances *instances, const char *profile_id,
               void (*fn)(void *ctx, const struct instance_view *view),
               void *ctx);
void instance_waiter_cancel(struct instance_waiter *waiter);

/* ---- its log: a ring of lines, each with a sequence number ---- */

/* Calls `fn` for the newest `n_lines` lines in order (all that are held
 * when n_lines is larger); returns the sequence number that the next new
 * line will get. 0 lines gives just the number. New lines come by
 * EVENT_INSTANCE_LOG, so a reader that starts from the returned number
 * misses none and sees none twice. */
uint64_t instances_log_tail(
    struct instances *instances, const char *profile_id, size_t n_lines,
    void (*fn)(void *ctx, uint64_t seq, struct str line), void *ctx);

/* The loop is about to end: stops every engine gracefully (or leaves them
 * to their keepers with keep_engines), then calls back. */
void instances_shutdown(struct instances *instances, void (*on_done)(void *ctx),
                        void *ctx);
void instances_free(struct instances *instances);

#endif
