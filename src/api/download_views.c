/* The progress of a download as a live view: server-sent events, or a
 * WebSocket. The record first, then at most ten a second, and always the
 * record of its end last; also for a task of an earlier run, and for one that
 * has ended. */
#include <string.h>

#include "api/handlers.h"
#include "api/socket.h"
#include "api/sse.h"

enum { VIEW_BYTES = 16 * 1024 * 1024, SOCKET_MESSAGE_BYTES = 4096 };

struct view {
    struct call *call;
    struct sse sse;
    struct socket socket;
    bool is_socket;
    bool is_ended;
    struct subscription subscription;
    char id[ID_BYTES];
};

static void
send_data(struct view *view, struct str data)
{
    if (view->is_socket)
        socket_send(&view->socket, data);
    else
        sse_event(&view->sse, NULL, NULL, data);
}

static void
end(struct view *view)
{
    view->is_ended = true;
    events_unsubscribe(&view->subscription);
    if (view->is_socket)
        socket_end(&view->socket, WEBSOCKET_NORMAL, "");
    else
        sse_end(&view->sse);
}

static bool
is_last(const struct download *d)
{
    enum download_state state = download_state(d);
    return state == DOWNLOAD_COMPLETED || state == DOWNLOAD_FAILED ||
           state == DOWNLOAD_CANCELLED;
}

static void
tell(struct view *view, const struct download *d)
{
    struct strbuf data = STRBUF_INIT(VIEW_BYTES);
    struct json_writer w;
    json_writer_init(&w, &data);
    if (view->is_socket) {
        json_object_begin(&w);
        member_text(&w, "type", "progress");
        json_key(&w, "data");
    }
    download_write(d, &w);
    if (view->is_socket)
        json_object_end(&w);
    if (!strbuf_failed(&data))
        send_data(view, strbuf_view(&data));
    strbuf_release(&data);
    if (is_last(d))
        end(view);
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct view *view = LIST_ENTRY(subscription, struct view, subscription);
    bool is_progress = event->type == EVENT_DOWNLOAD_PROGRESS;
    bool is_behind = view->is_socket ? socket_is_behind(&view->socket)
                                     : sse_is_behind(&view->sse);
    if (view->is_ended || strcmp(event->subject, view->id) != 0 ||
        (is_progress && is_behind)) /* a later one says more */
        return;
    tell(view, event->payload);
}

static void
on_close(struct call *call)
{
    struct view *view = call->state;
    events_unsubscribe(&view->subscription);
    if (view->is_socket)
        socket_release(&view->socket);
    else
        sse_release(&view->sse);
    call_unref(call);
}

static void
on_end_stream(struct call *call, int code, const char *reason)
{
    struct view *view = call->state;
    if (view->is_ended)
        return;
    view->is_ended = true;
    events_unsubscribe(&view->subscription);
    if (view->is_socket)
        socket_end(&view->socket, code, reason);
    else
        sse_end(&view->sse);
}

static void
follow(struct call *call, bool is_socket)
{
    struct str id = call->params[0];
    const struct download *d = downloads_find(call->api->options.downloads, id);
    if (d == NULL && is_socket) {
        socket_no_task(call, id);
        return;
    }
    if (d == NULL) {
        reply_errorf(call, ERR_NOT_FOUND, "there is no download \"%.*s\"",
                     (int)(id.n > 64 ? 64 : id.n), id.p);
        return;
    }
    struct view *view = arena_alloc(&call->arena, sizeof *view);
    if (view == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    view->call = call;
    view->is_socket = is_socket;
    snprintf(view->id, sizeof view->id, "%s", download_id(d));
    bool has_begun = is_socket ? socket_begin(&view->socket, call,
                                              SOCKET_MESSAGE_BYTES, NULL)
                               : sse_begin(&view->sse, call);
    if (!has_begun)
        return;
    call->state = view;
    call_ref(call);
    call->on_close = on_close;
    call->on_end_stream = on_end_stream;
    events_subscribe(call->api->options.events, &view->subscription,
                     EVENT_BIT(DOWNLOAD_CHANGED) | EVENT_BIT(DOWNLOAD_PROGRESS),
                     on_event);
    tell(view, d);
}

void
downloads_follow(struct call *call)
{
    follow(call, false);
}

void
downloads_follow_socket(struct call *call)
{
    follow(call, true);
}
