/* Inside core/router: what the router does to the world, so that tests can
 * put a simulated one in its place, and the turn that a simulation drives by
 * hand. */
#ifndef CORE_ROUTER_INTERNAL_H
#define CORE_ROUTER_INTERNAL_H

#include "base/map.h"
#include "core/router/router.h"
#include "core/router/router_decide.h"
#include "engines/engines.h"
#include "io/timer.h"

struct router_effects {
    int (*start)(void *ctx, struct profile *profile, const char *reason,
                 struct error *error);
    int (*stop)(void *ctx, const char *profile_id, bool is_forced,
                const char *reason, struct error *error);
    int (*drain)(void *ctx, const char *profile_id, const char *reason);
    int (*undrain)(void *ctx, const char *profile_id);
    void (*set_leases)(void *ctx, const char *profile_id, int n_leases);
    void (*suspect)(void *ctx, const char *profile_id);
    int (*view)(void *ctx, const char *profile_id,
                struct instance_view *ret_view);
    struct profile *(*resolve)(void *ctx, struct str name);
    /* Whose the name is instead of `profile`'s, or of nobody's (NULL), and
     * what the engine is told (valid in this turn); NULL: as it is. May be
     * NULL. */
    struct profile *(*elsewhere)(void *ctx, struct str name,
                                 const struct profile *profile,
                                 struct str *ret_model);
    const struct engine_manifest *(*manifest)(void *ctx, const char *name);
    int64_t (*now_ms)(void *ctx); /* monotonic */
    int64_t (*wall_ms)(void *ctx);
    /* Calls router_turn() at that time, at the end of this turn when it has
     * come; the latest call counts. INT64_MAX: not needed. */
    void (*wake_at)(void *ctx, int64_t at_ms);
    void *ctx;
};

/* Instead of router_new: `effects` is copied. */
int router_new_with(const struct router_options *options,
                    const struct router_effects *effects,
                    struct router **ret_router, struct error *error);
/* Answers whom it has an answer for, then looks at everything again when
 * something changed or a time has come. */
void router_turn(struct router *router);

/* ---- the owner's own structs ---- */

struct router_slot {
    struct profile *profile; /* referenced */
    const struct engine_manifest *manifest;
    size_t at; /* index into the rows */
    uint64_t generation;
    struct address address;
    char api_key[80];
    struct error failure; /* why the last start or engine failed */
    int n_failures;       /* in a row, for the back-off of starts */
    int64_t ready_at_ms;
    uint64_t n_served; /* leases since the start */
    int64_t idle_since_wall_ms;
    bool has_failed;  /* its waiters are still to be answered */
    bool is_dropped;  /* the same: it was taken away */
    bool is_deleted;  /* the profile is gone */
    bool is_retired;  /* its model's file is: it goes when it is idle */
    bool is_unwanted; /* so the slot may go too */
};

struct router_ticket {
    struct list node; /* in router->waiting or router->answered */
    struct router *router;
    struct router_slot *slot;
    enum router_wait kind;
    uint64_t client, tag;
    int64_t since_ms;
    void (*on_ready)(void *ctx, const struct lease *lease,
                     const struct error *error, int retry_after_s);
    bool wants_position;
    void (*on_progress)(void *ctx, enum instance_state state, size_t position);
    void *ctx;
    enum instance_state told_state;
    size_t told_position; /* SIZE_MAX: nothing told yet */
    bool is_answered;
    bool has_lease;
    bool rewrites_model;
    int retry_after_s;
    char model[1024]; /* what the engine is sent */
    union {
        struct lease lease;
        struct error error;
    } answer;
};

struct router {
    struct router_options options;
    struct router_effects effects;
    struct router_row *rows; /* parallel to slots */
    struct router_slot **slots;
    size_t n_slots, capacity;
    struct map by_profile; /* id -> slot */
    struct list waiting;   /* tickets, in order of arrival */
    size_t n_waiting;
    struct list answered;          /* tickets to be told at the turn's end */
    struct router_waiter *waiters; /* of one decision */
    struct router_ticket **waiter_tickets;
    size_t waiters_capacity;
    struct router_actions actions;
    struct subscription subscription;
    struct router_counts counts;
    uint64_t next_lease_id;
    size_t n_leases; /* out, of any generation */
    bool is_dirty;
    bool is_over_limit; /* more are up than models_max */
    bool is_closing;
    int64_t wake_at_ms;
    struct error *sync_error; /* takes the error of a start, or NULL */
    void (*on_drained)(void *ctx);
    void *on_drained_ctx;
    int64_t drain_deadline_ms;
    /* the real effects' own */
    struct timer timer;
    struct deferred deferred;
};

/* Fills `ret_effects` with those that act on the instances. */
void router_real_effects(struct router *router,
                         struct router_effects *ret_effects);

/* ---- between the files of the router ---- */

int64_t router_now_ms(struct router *router);
/* The router looks at everything again at the end of the loop's turn. */
void router_mark_dirty(struct router *router);

/* router_slots.c */

/* Takes over what the profile says now, and a reference to it. */
void router_slot_configure(struct router *router, struct router_slot *slot,
                           struct profile *profile);
struct router_slot *router_find_slot(const struct router *router,
                                     const char *profile_id);
/* The slot of a profile, made at its first use; brought up to date. NULL
 * when out of memory. */
struct router_slot *router_slot_of(struct router *router,
                                   struct profile *profile);
void router_slot_free(struct router_slot *slot);
void router_remove_unwanted(struct router *router);

/* router_news.c */

void router_on_event(struct subscription *subscription,
                     const struct event *event);
void router_apply_state(struct router *router, struct router_slot *slot,
                        enum instance_state from, enum instance_state to);
void router_note_start_error(struct router *router, struct router_slot *slot,
                             const struct error *error);

/* router_leases.c */

/* In no list yet; NULL when out of memory. */
struct router_ticket *router_ticket_new(struct router *router,
                                        struct router_slot *slot,
                                        enum router_wait kind);
/* The ticket has left the queue and is answered; a load by hand that is
 * served ends here. */
void router_answer_serve(struct router_ticket *ticket, uint64_t tag);
void router_answer_refuse(struct router_ticket *ticket, enum error_code code,
                          int64_t retry_after_ms);
void router_leave_queue(struct router_ticket *ticket);

/* router_apply.c */

/* 0, or -1 when out of memory. Valid until the next change. */
int router_fill_snapshot(struct router *router,
                         struct router_snapshot *ret_snapshot);
/* Decides and carries out; answers are told by the next router_turn(). */
void router_review(struct router *router, const struct router_event *event);

#endif
