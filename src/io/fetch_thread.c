/* The fetch thread: libcurl's multi handle and the queue of what is asked.
 *
 * A turn: do what was asked, let libcurl work, gather what ended, give up
 * what stalls, wait. The loop's thread and others only put a fetch into
 * `asking` and wake this thread. What is over goes into `over`, which takes
 * no memory, so that it cannot fail; the loop empties it. */
#include <signal.h>

#include "io/fetch_internal.h"

enum { LONGEST_WAIT_MS = 60 * 1000 };

void
fetch_ask(struct fetch *fetch, unsigned asks)
{
    struct fetcher *fetcher = fetch->fetcher;
    pthread_mutex_lock(&fetcher->lock);
    bool is_wanted = !fetch->is_over;
    if (is_wanted) {
        fetch->asks |= asks;
        if (list_is_empty(&fetch->ask))
            list_push_back(&fetcher->asking, &fetch->ask);
    }
    pthread_mutex_unlock(&fetcher->lock);
    if (is_wanted)
        fetcher->curl.multi_wakeup(fetcher->multi);
}

/* The last thing that this thread does with a fetch. */
static void
end_fetch(struct fetch *fetch)
{
    struct fetcher *fetcher = fetch->fetcher;
    if (fetch->is_added)
        fetcher->curl.multi_remove_handle(fetcher->multi, fetch->easy);
    fetch->is_added = false;
    fetch_hop_release(fetch);
    list_remove(&fetch->node);
    pthread_mutex_lock(&fetcher->lock);
    fetch->is_over = true;
    list_remove(&fetch->ask);
    list_push_back(&fetcher->over, &fetch->node);
    pthread_mutex_unlock(&fetcher->lock);
    uv_async_send(fetcher->wake);
}

static void
watch_stall(struct fetch *fetch)
{
    struct fetcher *fetcher = fetch->fetcher;
    int64_t at_ms = fetch->progress_at_ms + fetch->stall_ms;
    if (at_ms < fetcher->next_stall_at_ms)
        fetcher->next_stall_at_ms = at_ms;
}

static void
add_hop(struct fetch *fetch)
{
    CURLMcode code =
        fetch->curl->multi_add_handle(fetch->fetcher->multi, fetch->easy);
    if (code != CURLM_OK) {
        error_set(&fetch->error,
                  code == CURLM_OUT_OF_MEMORY ? ERR_NO_MEMORY : ERR_INTERNAL,
                  "cannot begin a request: %s",
                  fetch->curl->multi_strerror(code));
        end_fetch(fetch);
        return;
    }
    fetch->is_added = true;
    watch_stall(fetch);
}

static void
start(struct fetch *fetch)
{
    list_push_back(&fetch->fetcher->fetches, &fetch->node);
    if (fetch_hop_first(fetch) < 0)
        end_fetch(fetch);
    else
        add_hop(fetch);
}

static void
resume(struct fetch *fetch)
{
    fetch->is_held = false;
    if (!fetch->is_paused)
        return;
    fetch->is_paused = false;
    fetch->progress_at_ms = fetch_now_ms();
    watch_stall(fetch);
    /* What was kept comes during this call. */
    CURLcode code = fetch->curl->easy_pause(fetch->easy, CURLPAUSE_CONT);
    if (code != CURLE_OK) {
        fetch_hop_judge(fetch, code);
        end_fetch(fetch);
    }
}

static void
cancel(struct fetch *fetch)
{
    if (fetch->error.code == ERR_OK)
        error_set(&fetch->error, ERR_CANCELLED, "cancelled");
    end_fetch(fetch);
}

/* False when the fetcher stops. */
static bool
do_asked(struct fetcher *fetcher)
{
    for (;;) {
        pthread_mutex_lock(&fetcher->lock);
        bool is_stopping = fetcher->is_stopping;
        struct list *node = list_first(&fetcher->asking);
        struct fetch *fetch = NULL;
        unsigned asks = 0;
        if (node != NULL) {
            fetch = LIST_ENTRY(node, struct fetch, ask);
            list_remove(node);
            asks = fetch->asks;
            fetch->asks = 0;
        }
        pthread_mutex_unlock(&fetcher->lock);
        if (fetch == NULL)
            return !is_stopping;
        if (asks & FETCH_ASKS_CANCEL || is_stopping)
            cancel(fetch);
        else if (asks & FETCH_ASKS_START)
            start(fetch);
        else
            resume(fetch);
    }
}

static void
on_transfer_end(struct fetch *fetch, CURLcode code)
{
    if (fetch->error.code == ERR_OK && fetch->is_redirect) {
        fetch->curl->multi_remove_handle(fetch->fetcher->multi, fetch->easy);
        fetch->is_added = false;
        if (fetch_hop_next(fetch) < 0)
            end_fetch(fetch);
        else
            add_hop(fetch);
        return;
    }
    fetch_hop_judge(fetch, code);
    end_fetch(fetch);
}

static void
gather_ended(struct fetcher *fetcher)
{
    int n_left;
    CURLMsg *message;
    while ((message = fetcher->curl.multi_info_read(fetcher->multi, &n_left)) !=
           NULL) {
        char *owner = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        fetcher->curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
                                   &owner);
        on_transfer_end((struct fetch *)(void *)owner, code);
    }
}

static void
end_stalled(struct fetcher *fetcher)
{
    int64_t now_ms = fetch_now_ms();
    if (now_ms < fetcher->next_stall_at_ms)
        return;
    fetcher->next_stall_at_ms = INT64_MAX;
    LIST_FOR_SAFE(node, &fetcher->fetches)
    {
        struct fetch *fetch = LIST_ENTRY(node, struct fetch, node);
        if (fetch->is_paused)
            continue;
        if (now_ms - fetch->progress_at_ms < fetch->stall_ms) {
            watch_stall(fetch);
            continue;
        }
        error_set(&fetch->error, ERR_TIMEOUT,
                  "%.200s:%d brought no byte for %lld ms", fetch->place.host,
                  fetch->place.port, (long long)fetch->stall_ms);
        end_fetch(fetch);
    }
}

static int
wait_ms(const struct fetcher *fetcher)
{
    int64_t left_ms = fetcher->next_stall_at_ms - fetch_now_ms();
    if (left_ms > LONGEST_WAIT_MS)
        return LONGEST_WAIT_MS;
    return left_ms < 0 ? 0 : (int)left_ms;
}

/* Signals are the loop's; look-up threads inherit this. */
static void
block_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

void *
fetch_thread(void *arg)
{
    struct fetcher *fetcher = arg;
    block_signals();
    while (do_asked(fetcher)) {
        int n_running;
        fetcher->curl.multi_perform(fetcher->multi, &n_running);
        gather_ended(fetcher);
        end_stalled(fetcher);
        fetcher->curl.multi_poll(fetcher->multi, NULL, 0, wait_ms(fetcher),
                                 NULL);
    }
    struct list *node;
    while ((node = list_first(&fetcher->fetches)) != NULL)
        cancel(LIST_ENTRY(node, struct fetch, node));
    return NULL;
}
