/* The connection to one keeper, over the socket that it listens on.
 *
 * A link outlives its instance's interest in it: once the engine's end is on
 * record it is detached, tells the keeper to go, and reaps it. */
#ifndef CORE_INSTANCES_KEEPER_LINK_H
#define CORE_INSTANCES_KEEPER_LINK_H

#include "base/list.h"
#include "formats/keeper_protocol.h"
#include "io/stream.h"
#include "io/timer.h"

struct keeper_link;

struct keeper_link_ops {
    void (*on_status)(void *ctx, const struct keeper_status *status);
    void (*on_log)(void *ctx, uint64_t position, struct str bytes);
    /* The keeper cannot be reached, or has gone without an exit status. The
     * link ends by itself; no other callback follows. */
    void (*on_lost)(void *ctx, bool was_connected, const char *why);
};

struct keeper_link {
    struct list node; /* of the list given at the opening */
    struct stream stream;
    struct loop *loop;
    const struct keeper_link_ops *ops;
    void *ctx;         /* NULL: detached, nobody is told anything */
    int64_t child_pid; /* our child, to be reaped; 0: none */
    int64_t reap_pause_ms;
    int n_reaps;
    struct timer reap_timer;
    struct strbuf in;
    struct strbuf first; /* what is sent once connected */
    bool is_connected;
    bool is_stop_asked; /* before there was a connection */
    bool is_stop_forced;
    bool is_closed; /* the stream is */
};

struct keeper_link_options {
    struct loop *loop;
    struct list *links; /* the list that it is put in */
    const char *socket_path;
    const struct keeper_link_ops *ops;
    void *ctx;
};

/* Starts a keeper, `hearth_path __keeper label`, that listens at the path,
 * and hands it the spec. NULL with `error`; nothing was started then. */
struct keeper_link *keeper_link_start(const struct keeper_link_options *options,
                                      const char *hearth_path,
                                      const char *label,
                                      const struct keeper_spec *spec,
                                      struct error *error);
/* Connects to one that is there already. */
struct keeper_link *
keeper_link_attach(const struct keeper_link_options *options,
                   const char *instance_id, struct error *error);

/* Runs the stop steps. 0, or -1: the link is broken. */
int keeper_link_stop(struct keeper_link *link, bool is_forced);
/* Nobody wants to hear of it any more; it stays open. */
void keeper_link_detach(struct keeper_link *link);
/* Lets the keeper go (its engine has ended), detached or not. */
void keeper_link_release(struct keeper_link *link);
/* Closes the connection; the keeper goes on by itself. */
void keeper_link_close(struct keeper_link *link);

#endif
