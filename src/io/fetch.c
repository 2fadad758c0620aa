/* The verbs of fetch.h, on the loop's thread: see fetch_internal.h. */
#include <assert.h>
#include <stdlib.h>

#include "io/fetch_internal.h"

/* ---- what is over ---- */

static void
free_fetch(struct fetch *fetch)
{
    fetch_heads_release(&fetch->heads);
    strbuf_release(&fetch->url_text);
    fetch_rules_unref(fetch->rules);
    pthread_mutex_destroy(&fetch->callback_lock);
    arena_release(&fetch->arena);
    free(fetch);
}

static struct fetch *
take_over(struct fetcher *fetcher)
{
    struct fetch *fetch = NULL;
    pthread_mutex_lock(&fetcher->lock);
    struct list *node = list_first(&fetcher->over);
    if (node != NULL) {
        fetch = LIST_ENTRY(node, struct fetch, node);
        list_remove(node);
    }
    pthread_mutex_unlock(&fetcher->lock);
    return fetch;
}

static void
tell_over(struct fetcher *fetcher)
{
    struct fetch *fetch;
    while ((fetch = take_over(fetcher)) != NULL) {
        if (fetch->is_cancelled)
            error_set(&fetch->error, ERR_CANCELLED, "cancelled");
        if (--fetcher->n_fetches == 0)
            uv_unref((uv_handle_t *)fetcher->wake);
        if (fetch->request.on_done != NULL)
            fetch->request.on_done(fetch->request.ctx,
                                   fetch->error.code == ERR_OK ? NULL
                                                               : &fetch->error);
        free_fetch(fetch);
    }
}

static void
on_wake(uv_async_t *wake)
{
    tell_over(wake->data);
}

/* ---- the fetcher ---- */

static void
on_wake_closed(uv_handle_t *handle)
{
    free(handle);
}

static int
open_wake(struct fetcher *fetcher, struct error *error)
{
    fetcher->wake = calloc(1, sizeof *fetcher->wake);
    if (fetcher->wake == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    int status = uv_async_init(&fetcher->loop->uv, fetcher->wake, on_wake);
    if (status != 0) {
        free(fetcher->wake);
        fetcher->wake = NULL;
        return error_set(error, ERR_IO, "cannot wake the loop: %s",
                         uv_strerror(status));
    }
    fetcher->wake->data = fetcher;
    uv_unref((uv_handle_t *)fetcher->wake);
    return 0;
}

static void
close_fetcher(struct fetcher *fetcher)
{
    if (fetcher->wake != NULL)
        uv_close((uv_handle_t *)fetcher->wake, on_wake_closed);
    if (fetcher->multi != NULL)
        fetcher->curl.multi_cleanup(fetcher->multi);
    if (fetcher->is_loaded)
        fetcher->curl.global_cleanup(); /* counted by libcurl */
    fetch_rules_unref(fetcher->rules);
    pthread_mutex_destroy(&fetcher->lock);
    free(fetcher->user_agent);
    free(fetcher);
}

/* libcurl is for those who ask for something. */
static int
load(struct fetcher *fetcher, struct error *error)
{
    if (fetcher->is_loaded)
        return 0;
    if (curl_api_load(&fetcher->curl, error) < 0)
        return -1;
    if (fetcher->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_set(error, ERR_NO_MEMORY, "libcurl does not start");
    fetcher->is_loaded = true;
    return 0;
}

static int
run(struct fetcher *fetcher, struct error *error)
{
    if (fetcher->is_running)
        return 0;
    if (load(fetcher, error) < 0)
        return -1;
    if (fetcher->multi == NULL)
        fetcher->multi = fetcher->curl.multi_init();
    if (fetcher->multi == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    int status = pthread_create(&fetcher->thread, NULL, fetch_thread, fetcher);
    if (status != 0)
        return error_errno(error, status, "cannot start the fetch thread");
    fetcher->is_running = true;
    return 0;
}

static int
open_fetcher(struct fetcher *fetcher, const struct fetcher_options *options,
             struct error *error)
{
    if (fetch_rules_new(options->allow_http, options->n_allow_http,
                        &fetcher->rules, error) < 0 ||
        open_wake(fetcher, error) < 0)
        return -1;
    fetcher->user_agent = str_dup(str_from(options->user_agent));
    if (fetcher->user_agent == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    return 0;
}

int
fetcher_new(const struct fetcher_options *options, struct fetcher **ret_fetcher,
            struct error *error)
{
    *ret_fetcher = NULL;
    struct fetcher *fetcher = calloc(1, sizeof *fetcher);
    if (fetcher == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    fetcher->loop = options->loop;
    fetcher->next_stall_at_ms = INT64_MAX;
    pthread_mutex_init(&fetcher->lock, NULL);
    list_init(&fetcher->fetches);
    list_init(&fetcher->asking);
    list_init(&fetcher->over);
    if (open_fetcher(fetcher, options, error) < 0) {
        close_fetcher(fetcher);
        return -1;
    }
    *ret_fetcher = fetcher;
    return 0;
}

int
fetcher_set_allow_http(struct fetcher *fetcher, const char *const *allow_http,
                       size_t n, struct error *error)
{
    assert(loop_is_here(fetcher->loop));
    struct fetch_rules *rules;
    if (fetch_rules_new(allow_http, n, &rules, error) < 0)
        return -1;
    fetch_rules_unref(fetcher->rules);
    fetcher->rules = rules;
    return 0;
}

void
fetcher_stop(struct fetcher *fetcher)
{
    assert(loop_is_here(fetcher->loop));
    if (fetcher->is_stopped)
        return;
    fetcher->is_stopped = true;
    pthread_mutex_lock(&fetcher->lock);
    fetcher->is_stopping = true;
    pthread_mutex_unlock(&fetcher->lock);
    if (fetcher->is_running) {
        fetcher->curl.multi_wakeup(fetcher->multi);
        pthread_join(fetcher->thread, NULL);
    }
    tell_over(fetcher);
}

void
fetcher_free(struct fetcher *fetcher)
{
    if (fetcher == NULL)
        return;
    fetcher_stop(fetcher);
    close_fetcher(fetcher);
}

/* ---- a fetch ---- */

static int
copy_text(struct arena *arena, const char **text)
{
    if (*text == NULL)
        return 0;
    *text = arena_str(arena, str_from(*text));
    return *text == NULL ? -1 : 0;
}

static int
copy_lines(struct arena *arena, const char *const **lines)
{
    if (*lines == NULL)
        return 0;
    size_t n = 0;
    while ((*lines)[n] != NULL)
        n++;
    const char **copy = arena_alloc(arena, (n + 1) * sizeof *copy);
    if (copy == NULL)
        return -1;
    for (size_t i = 0; i < n; i++) {
        copy[i] = (*lines)[i];
        if (copy_text(arena, &copy[i]) < 0)
            return -1;
    }
    *lines = copy;
    return 0;
}

static int
copy_request(struct fetch *fetch, const struct fetch_request *request)
{
    struct arena *arena = &fetch->arena;
    struct fetch_request *copy = &fetch->request;
    *copy = *request;
    if (copy_text(arena, &copy->url) < 0 ||
        copy_text(arena, &copy->method) < 0 ||
        copy_text(arena, &copy->bearer) < 0 ||
        copy_lines(arena, &copy->headers) < 0 ||
        copy_lines(arena, &copy->private_headers) < 0)
        return -1;
    if (request->body.n == 0)
        return 0;
    copy->body.p = arena_str(arena, request->body);
    return copy->body.p == NULL ? -1 : 0;
}

/* There is no thread that could do it. */
static void
end_unasked(struct fetch *fetch)
{
    struct fetcher *fetcher = fetch->fetcher;
    pthread_mutex_lock(&fetcher->lock);
    fetch->is_over = true;
    list_push_back(&fetcher->over, &fetch->node);
    pthread_mutex_unlock(&fetcher->lock);
    uv_async_send(fetcher->wake);
}

struct fetch *
fetch_start(struct fetcher *fetcher, const struct fetch_request *request)
{
    assert(loop_is_here(fetcher->loop));
    if (fetcher->is_stopped)
        return NULL;
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (fetch == NULL)
        return NULL;
    fetch->fetcher = fetcher;
    fetch->curl = &fetcher->curl;
    list_init(&fetch->node);
    list_init(&fetch->ask);
    arena_init(&fetch->arena, FETCH_REQUEST_BYTES_MAX);
    strbuf_init(&fetch->url_text, (size_t)4 * FETCH_URL_BYTES_MAX);
    fetch_heads_init(&fetch->heads);
    pthread_mutex_init(&fetch->callback_lock, NULL);
    fetch->rules = fetch_rules_ref(fetcher->rules);
    fetch->stall_ms =
        request->stall_ms > 0 ? request->stall_ms : FETCH_STALL_MS;
    if (copy_request(fetch, request) < 0) {
        free_fetch(fetch);
        return NULL;
    }
    if (fetcher->n_fetches++ == 0)
        uv_ref((uv_handle_t *)fetcher->wake);
    if (run(fetcher, &fetch->error) < 0)
        end_unasked(fetch);
    else
        fetch_ask(fetch, FETCH_ASKS_START);
    return fetch;
}

void
fetch_cancel(struct fetch *fetch)
{
    assert(loop_is_here(fetch->fetcher->loop));
    pthread_mutex_lock(&fetch->callback_lock);
    fetch->is_cancelled = true;
    pthread_mutex_unlock(&fetch->callback_lock);
    fetch_ask(fetch, FETCH_ASKS_CANCEL);
}

void
fetch_resume(struct fetch *fetch)
{
    fetch_ask(fetch, FETCH_ASKS_RESUME);
}

int
fetch_check_url(struct fetcher *fetcher, const char *url, struct error *error)
{
    struct fetch_place place;
    if (load(fetcher, error) < 0)
        return -1;
    CURLU *parsed = fetcher->curl.url();
    if (parsed == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    int status = fetch_rules_check(fetcher->rules, &fetcher->curl, parsed,
                                   str_from(url), &place, error);
    fetcher->curl.url_cleanup(parsed);
    return status;
}
