/* What the files of this folder share. */
#ifndef CORE_INSTANCES_INTERNAL_H
#define CORE_INSTANCES_INTERNAL_H

#include "core/instances/binary_probe.h"
#include "core/instances/instance_log.h"
#include "core/instances/instances.h"
#include "core/instances/keeper_link.h"
#include "engines/engines.h"
#include "http/client.h"
#include "io/timer.h"
#include "platform/process.h"
#include "store/store.h"

enum { SOCKET_PATH_BYTES = 112, PROGRAM_BYTES = 1024 };

struct instances {
    struct instances_options options;
    struct list all;        /* struct instance.node, in order of birth */
    struct list links;      /* struct keeper_link.node */
    struct list waiters;    /* struct instance_waiter.node */
    struct deferred settle; /* tells waiters at the turn's end */
    struct binary_probes *probes;
    struct timer sample_timer;
    struct timer shutdown_timer;
    struct instances_counts counts;
    char boot_id[BOOT_ID_BYTES];
    char *data_dir;
    char *hearth_path;
    int n_jobs; /* worker jobs and commits under way */
    bool is_sampling;
    bool is_shutting_down;
    bool is_freed;          /* jobs free the rest */
    int64_t shutdown_by_ms; /* of the loop's clock */
    void (*on_shutdown)(void *ctx);
    void *shutdown_ctx;
    void (*on_attached)(void *ctx);
    void *attached_ctx;
};

struct instance {
    struct list node;
    struct instances *all;
    char id[ID_BYTES];
    struct profile *profile;
    const struct engine_manifest *manifest;
    enum instance_state state; /* set by instance_set_state() only */
    char reason[128];
    int64_t state_since_ms;

    /* this run; a new one begins with each start */
    uint64_t run;             /* answers to older ones are ignored */
    struct keeper_link *link; /* NULL: no process */
    char socket_path[SOCKET_PATH_BYTES];
    struct process_identity keeper;
    struct process_identity engine;
    struct address address;
    char api_key[80];
    char *ready_path;
    bool has_preset; /* its command names the file */
    int slots;
    int64_t started_at_ms;
    int64_t ready_at_ms;
    bool restart_required;
    uint64_t log_from; /* the first line of this run */
    struct instance_exit exit;
    enum stop_kind stop;
    struct error error;
    char advice[256];

    /* readiness and health, see instance_probe.c */
    struct http_pool *pool;
    struct http_call *call;
    bool is_real_probe; /* `call` is a small real request */
    struct timer probe_timer;
    struct timer load_timer;
    int64_t probe_begun_ms; /* of the loop's clock */
    bool is_owner_known;
    bool is_owner_asked;
    int last_status; /* of the readiness path */
    int n_health_failures;
    int n_probe_failures;
    int64_t real_probe_at_ms; /* loop time of the next one */
    int n_leases;

    /* stopping, failing, trying again, see instance_exit.c */
    struct timer stop_timer;
    struct timer retry_timer; /* the back-off */
    struct timer stable_timer;
    struct timer port_timer;
    int64_t port_by_ms;
    int n_failures; /* in a row */
    int n_restarts;
    int64_t backoff_until_ms; /* Unix time */
    struct error stop_error;  /* stopping because of it: FAILED follows */
    struct profile *next;     /* to start once stopped */
    bool is_stop_wanted;      /* while attaching */
    bool is_row_stopping;     /* as found at an attach */
    bool is_forgetting;
    void (*on_forgotten)(void *ctx);
    void *forgotten_ctx;

    int64_t rss_bytes;
    int64_t n_threads;
    double cpu_percent;
    int64_t cpu_ms; /* at the last sample, -1: none */
    int64_t sampled_at_ms;

    struct instance_log log;
};

/* instances.c */
struct instance *instance_find(struct instances *instances,
                               const char *profile_id);
/* Makes one in STOPPED, with a reference of the profile. NULL: no memory. */
struct instance *instance_new(struct instances *instances,
                              struct profile *profile);
/* A job ended: the last one frees what instances_free() left. True when
 * everything is gone and the caller must not touch it. */
bool instances_job_done(struct instances *instances);
/* Something settled: waiters, forgetting and the shutdown look again. */
void instances_look(struct instances *instances);
/* True while an engine's process is or may be there. */
bool instance_is_active(const struct instance *instance);

/* instance_state.c: the one setter. `error` NULL clears it; it must be set
 * for FAILED. The row of the database follows. */
void instance_set_state(struct instance *instance, enum instance_state state,
                        const struct error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Writes the row; `release` (or NULL) is let go once that is on disk. */
void instance_store(struct instance *instance, struct keeper_link *release);

/* instance_start.c */
int instance_start(struct instance *instance, struct profile *profile,
                   const char *reason, struct error *error);
/* A new run begins: nothing of the last one holds. */
void instance_begin_run(struct instance *instance);
/* In STARTING: asks the binary for its flags unless they are known, then
 * launches, or fails. */
void instance_go_on(struct instance *instance, const char *program);
/* What start and preview have in common. */
int start_check_model(const struct engine_manifest *manifest,
                      const struct profile *profile, struct error *error);
/* The profile itself names the program. */
bool start_has_own_program(const struct engine_manifest *manifest);
/* Without a key and a preset. */
struct engine_launch start_order(const struct instances *all,
                                 const struct profile *profile,
                                 const struct engine_binary *binary);

/* installed.c: the engine's program, as configured or on PATH. */
int instances_find_program(const struct instances *all,
                           const struct engine_manifest *manifest,
                           char *ret_path, size_t size, struct error *error);

/* instance_external.c */
int instance_start_external(struct instance *instance, struct profile *profile,
                            const char *reason, struct error *error);

/* instance_preset.c: the file of instances_options.compose. */
int instances_compose(const struct instances *all,
                      const struct engine_manifest *manifest,
                      struct profile *profile, struct strbuf *ret_text,
                      struct error *error);
/* Takes over the text; then goes on. */
int instance_write_preset(struct instance *instance, const char *program,
                          struct strbuf *text, struct error *error);
void instance_preset_path(const struct instances *all, const char *profile_id,
                          char ret_path[512]);
extern const struct keeper_link_ops instance_link_ops; /* instance_link.c */
/* Where its log lies: the newest file, or the i-th before it. */
void instance_log_path(const struct instance *instance, int i,
                       char ret_path[512]);
/* The address at which the engine of this profile is reached. */
void instance_set_address(struct instance *instance, int port);

/* instance_link.c */
void instance_drop_link(struct instance *instance); /* without a release */

/* instance_probe.c */
void instance_probe_begin(struct instance *instance); /* the process runs */
void instance_probe_end(struct instance *instance);   /* none of it goes on */
/* While ready: asks at once instead of at its time. */
void instance_probe_now(struct instance *instance);
void instance_health_begin(struct instance *instance); /* it became READY */
void instance_leases_changed(struct instance *instance);

/* instance_exit.c */
void instance_exited(struct instance *instance,
                     const struct keeper_status *status);
void instance_exec_failed(struct instance *instance,
                          const struct keeper_status *status);
/* -> FAILED, and what the restart policy makes of it. The process is gone. */
void instance_fail(struct instance *instance, const struct error *error,
                   const char *advice);
/* Stops the process; then FAILED with `error`, or STOPPED when NULL. */
void instance_begin_stop(struct instance *instance, bool is_forced,
                         const struct error *error, const char *reason);
void instance_become_stable(struct instance *instance); /* READY began */

/* instance_stats.c */
void instances_sample_begin(struct instances *all);
void instances_sample_end(struct instances *all);

#endif
