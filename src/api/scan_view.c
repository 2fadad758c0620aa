/* GET /ws/scan/{task}: a scan of the model folders as it goes on. How far it is
 * first, then what the library tells, and always the record of its end last;
 * then the connection is closed in order. What waits behind another scan is
 * "queued" until its own begins. Only the newest scans can be followed: those to
 * come, the one that runs, and the last one that has ended. */
#include <inttypes.h>

#include "api/handlers.h"
#include "api/socket.h"

enum { VIEW_BYTES = 4096, SOCKET_MESSAGE_BYTES = 4096 };

struct view {
    struct socket socket;
    struct subscription subscription;
    int64_t number;
    bool is_ended;
};

static void
end(struct view *view, int code, const char *reason)
{
    view->is_ended = true;
    events_unsubscribe(&view->subscription);
    socket_end(&view->socket, code, reason);
}

static void
tell(struct view *view, const struct library_progress *progress)
{
    struct strbuf data = STRBUF_INIT(VIEW_BYTES);
    struct json_writer w;
    json_writer_init(&w, &data);
    json_object_begin(&w);
    member_text(&w, "type", "progress");
    json_key(&w, "data");
    scan_write_of(view->number, progress, &w);
    json_object_end(&w);
    if (!strbuf_failed(&data))
        socket_send(&view->socket, strbuf_view(&data));
    strbuf_release(&data);
    if (!progress->is_running && progress->number >= view->number)
        end(view, WEBSOCKET_NORMAL, "");
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct view *view = LIST_ENTRY(subscription, struct view, subscription);
    const struct library_progress *progress = event->payload;
    bool is_last = !progress->is_running && progress->number >= view->number;
    if (is_last || !socket_is_behind(&view->socket)) /* a later one says more */
        tell(view, progress);
}

static void
on_close(struct call *call)
{
    struct view *view = call->state;
    events_unsubscribe(&view->subscription);
    socket_release(&view->socket);
    call_unref(call);
}

static void
on_end_stream(struct call *call, int code, const char *reason)
{
    struct view *view = call->state;
    if (!view->is_ended)
        end(view, code, reason);
}

/* The number in a task's id; 0: it is none that can be followed. */
static int64_t
number_of(struct str id, const struct library_progress *progress)
{
    int64_t number;
    char text[SCAN_ID_BYTES];
    const struct str prefix = STR(SCAN_ID_PREFIX);
    if (!str_starts_with(id, prefix) ||
        str_to_i64((struct str){ id.p + prefix.n, id.n - prefix.n }, &number) !=
            0)
        return 0;
    snprintf(text, sizeof text, SCAN_ID_FORMAT, number);
    int64_t most = progress->number + (progress->is_running ? 1 : 0);
    bool is_known = number >= progress->number && number <= most;
    return is_known && number > 0 && str_is(id, text) ? number : 0;
}

void
scan_follow_socket(struct call *call)
{
    struct library_progress progress;
    struct str id = call->params[0];
    library_progress(call->api->options.library, &progress);
    int64_t number = number_of(id, &progress);
    if (number == 0) {
        socket_no_task(call, id); /* or there was one since */
        return;
    }
    struct view *view = arena_alloc(&call->arena, sizeof *view);
    if (view == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    view->number = number;
    view->is_ended = false;
    if (!socket_begin(&view->socket, call, SOCKET_MESSAGE_BYTES, NULL))
        return;
    call->state = view;
    call_ref(call);
    call->on_close = on_close;
    call->on_end_stream = on_end_stream;
    events_subscribe(call->api->options.events, &view->subscription,
                     EVENT_BIT(LIBRARY_SCAN), on_event);
    tell(view, &progress);
}
