/* The event loop: see loop.h.
 *
 * Deferred work runs at two places of a turn, because libuv runs timers and
 * closing callbacks outside the poll phase: what they defer must not wait
 * until something else wakes the loop. */
#include "io/loop.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

struct post {
    struct list node;
    void (*fn)(void *arg);
    void *arg;
};

static void
run_deferred(struct loop *loop)
{
    struct list *node;
    while ((node = list_first(&loop->deferred)) != NULL) {
        struct deferred *deferred = LIST_ENTRY(node, struct deferred, node);
        list_remove(node);
        deferred->fn(deferred);
    }
}

static void
on_turn_end(uv_check_t *check)
{
    run_deferred(check->data);
}

static void
on_turn_start(uv_prepare_t *prepare)
{
    run_deferred(prepare->data);
}

/* True when something was there. What a post posts waits for its turn. */
static bool
run_posts(struct loop *loop)
{
    struct list posts;
    list_init(&posts);
    pthread_mutex_lock(&loop->post_lock);
    struct list *node;
    while ((node = list_first(&loop->posts)) != NULL) {
        list_remove(node);
        list_push_back(&posts, node);
    }
    pthread_mutex_unlock(&loop->post_lock);
    bool had_any = !list_is_empty(&posts);
    while ((node = list_first(&posts)) != NULL) {
        struct post *post = LIST_ENTRY(node, struct post, node);
        list_remove(node);
        post->fn(post->arg);
        free(post);
    }
    return had_any;
}

static void
on_wake(uv_async_t *async)
{
    run_posts(async->data);
}

/* The loop's own handles do not keep it running. */
static int
open_handles(struct loop *loop)
{
    uv_timer_init(&loop->uv, &loop->tick);
    loop->tick.data = loop;
    uv_check_init(&loop->uv, &loop->turn_end);
    loop->turn_end.data = loop;
    uv_check_start(&loop->turn_end, on_turn_end);
    uv_unref((uv_handle_t *)&loop->turn_end);
    uv_prepare_init(&loop->uv, &loop->turn_start);
    loop->turn_start.data = loop;
    uv_prepare_start(&loop->turn_start, on_turn_start);
    uv_unref((uv_handle_t *)&loop->turn_start);
    int status = uv_async_init(&loop->uv, &loop->wake, on_wake);
    if (status != 0)
        return status;
    loop->wake.data = loop;
    uv_unref((uv_handle_t *)&loop->wake);
    return 0;
}

static void
close_handles(struct loop *loop, bool has_wake)
{
    uv_close((uv_handle_t *)&loop->tick, NULL);
    uv_close((uv_handle_t *)&loop->turn_end, NULL);
    uv_close((uv_handle_t *)&loop->turn_start, NULL);
    if (has_wake)
        uv_close((uv_handle_t *)&loop->wake, NULL);
    do
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    while (uv_loop_close(&loop->uv) == UV_EBUSY && uv_loop_alive(&loop->uv));
}

int
loop_init(struct loop *loop, struct error *error)
{
    memset(loop, 0, sizeof *loop);
    loop->thread = pthread_self();
    list_init(&loop->posts);
    list_init(&loop->deferred);
    loop->read_buffer = malloc(LOOP_READ_BYTES);
    if (loop->read_buffer == NULL)
        return error_set(error, ERR_NO_MEMORY, "no memory for an event loop");
    signal(SIGPIPE, SIG_IGN);
    int status = uv_loop_init(&loop->uv);
    if (status != 0) {
        free(loop->read_buffer);
        return error_set(error, status == UV_ENOMEM ? ERR_NO_MEMORY : ERR_IO,
                         "cannot make an event loop: %s", uv_strerror(status));
    }
    status = open_handles(loop);
    if (status != 0) {
        close_handles(loop, false);
        free(loop->read_buffer);
        return error_set(error, status == UV_ENOMEM ? ERR_NO_MEMORY : ERR_IO,
                         "cannot make an event loop: %s", uv_strerror(status));
    }
    pthread_mutex_init(&loop->post_lock, NULL);
    return 0;
}

int
loop_run(struct loop *loop)
{
    __atomic_store_n(&loop->thread, pthread_self(), __ATOMIC_RELAXED);
    for (;;) {
        int is_stopped = uv_run(&loop->uv, UV_RUN_DEFAULT);
        if (is_stopped)
            return 0;
        /* Closing callbacks run last in a turn: what they defer or post
         * may be all that is left. */
        bool had_any = !list_is_empty(&loop->deferred);
        run_deferred(loop);
        had_any |= run_posts(loop);
        if (!had_any && !uv_loop_alive(&loop->uv))
            return 0;
    }
}

void
loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

void
loop_close(struct loop *loop)
{
    loop->thread = pthread_self();
    do
        run_deferred(loop);
    while (run_posts(loop));
    loop->is_closing = true;
    close_handles(loop, true);
    do /* what the closing callbacks left behind */
        run_deferred(loop);
    while (run_posts(loop));
    pthread_mutex_destroy(&loop->post_lock);
    free(loop->heap);
    loop->heap = NULL;
    free(loop->read_buffer);
    loop->read_buffer = NULL;
}

int64_t
loop_now_ms(const struct loop *loop)
{
    return (int64_t)uv_now(&loop->uv);
}

int64_t
loop_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
loop_is_here(const struct loop *loop)
{
    pthread_t thread = __atomic_load_n(&loop->thread, __ATOMIC_RELAXED);
    return pthread_equal(thread, pthread_self()) != 0;
}

int
loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
    struct post *post = malloc(sizeof *post);
    if (post == NULL)
        return -1;
    post->fn = fn;
    post->arg = arg;
    pthread_mutex_lock(&loop->post_lock);
    list_push_back(&loop->posts, &post->node);
    pthread_mutex_unlock(&loop->post_lock);
    uv_async_send(&loop->wake);
    return 0;
}

void
deferred_init(struct deferred *deferred, void (*fn)(struct deferred *deferred))
{
    list_init(&deferred->node);
    deferred->fn = fn;
}

void
loop_defer(struct loop *loop, struct deferred *deferred)
{
    assert(loop_is_here(loop));
    if (list_is_empty(&deferred->node))
        list_push_back(&loop->deferred, &deferred->node);
}

void
deferred_cancel(struct deferred *deferred)
{
    list_remove(&deferred->node);
}

static void
on_signal(uv_signal_t *uv, int signum)
{
    struct loop_signal *handle = uv->data;
    handle->fn(handle->arg, signum);
}

int
loop_signal_open(struct loop *loop, struct loop_signal *handle, int signum,
                 void (*fn)(void *arg, int signum), void *arg,
                 struct error *error)
{
    handle->fn = fn;
    handle->arg = arg;
    int status = uv_signal_init(&loop->uv, &handle->uv);
    if (status == 0) {
        handle->uv.data = handle;
        status = uv_signal_start(&handle->uv, on_signal, signum);
        if (status != 0)
            uv_close((uv_handle_t *)&handle->uv, NULL);
        else
            uv_unref((uv_handle_t *)&handle->uv);
    }
    if (status != 0)
        return error_set(error, ERR_IO, "cannot watch signal %d: %s", signum,
                         uv_strerror(status));
    return 0;
}

void
loop_signal_close(struct loop_signal *handle)
{
    if (!uv_is_closing((uv_handle_t *)&handle->uv))
        uv_close((uv_handle_t *)&handle->uv, NULL);
}
