/* The orderly end: nothing new is let in, what runs may finish, engines stop
 * (or stay with their keepers under keep_engines), everything closes.
 *
 *   server drains -> router drains -> downloads stop -> instances shut down
 *   -> server closes -> the loop stops
 *
 * Each arrow is a callback. A second signal skips the waiting. */
#include "base/limits.h"
#include "daemon/daemon.h"

static void
on_server_closed(void *ctx)
{
    struct daemon *daemon = ctx;
    daemon->server = NULL;
    loop_stop(&daemon->loop);
}

static void
on_instances_down(void *ctx)
{
    struct daemon *daemon = ctx;
    if (daemon->server == NULL)
        on_server_closed(daemon);
    else
        http_server_close(daemon->server, on_server_closed, daemon);
}

static void
on_downloads_stopped(void *ctx)
{
    struct daemon *daemon = ctx;
    instances_shutdown(daemon->instances, on_instances_down, daemon);
}

static void
on_quiet(void *ctx)
{
    struct daemon *daemon = ctx;
    daemon->is_router_draining = false;
    downloads_stop(daemon->downloads, on_downloads_stopped, daemon);
}

static void
on_drained(void *ctx)
{
    struct daemon *daemon = ctx;
    daemon->is_router_draining = true;
    router_drain_all(daemon->router, daemon->is_hasty ? 0 : LIMIT_DRAIN_MS,
                     on_quiet, daemon);
}

static void
hasten(struct daemon *daemon)
{
    daemon->is_hasty = true;
    if (daemon->is_router_draining)
        router_drain_all(daemon->router, 0, on_quiet, daemon);
    else if (daemon->server != NULL)
        http_server_drain(daemon->server, 0, NULL, NULL);
}

void
daemon_stop(struct daemon *daemon)
{
    if (daemon->is_stopping) {
        hasten(daemon);
        return;
    }
    daemon->is_stopping = true;
    if (daemon->server == NULL) { /* failed before it listened */
        on_quiet(daemon);
        return;
    }
    api_end_streams(daemon->api);
    http_server_drain(daemon->server, LIMIT_DRAIN_MS, on_drained, daemon);
}
