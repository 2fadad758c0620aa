/* GET /api/events: the bus as a live view. A snapshot first (profiles,
 * servers, library), then every change with its id; the last event says why
 * the stream ended. A client that comes back with Last-Event-ID is told
 * "resumed" instead, and what it missed (event_ring.h); a snapshot if that is
 * not kept any more.
 *
 * The lines of engines (instance.log) come only when `types` names them. A
 * reader that is behind loses log events first and is told how many; one
 * that falls behind its bound is disconnected with a reason, and starts
 * again from a snapshot. Nobody else waits for it. */
#include <inttypes.h>

#include "api/handlers.h"
#include "api/sse.h"

static const size_t SNAPSHOT_BYTES_MAX = 64 * MIB;

struct watcher {
    struct sse sse;
    struct subscription subscription;
    struct metrics_watch measuring; /* only if it asked for an interval */
    uint64_t n_dropped;
    bool is_ended;
};

static bool
is_droppable(enum event_type type)
{
    return type == EVENT_LOG || type == EVENT_INSTANCE_LOG ||
           type == EVENT_METRICS || type == EVENT_DOWNLOAD_PROGRESS ||
           type == EVENT_LIBRARY_SCAN;
}

static void
end_watcher(struct watcher *watcher, const char *reason)
{
    if (watcher->is_ended)
        return;
    watcher->is_ended = true;
    metrics_watch_stop(&watcher->measuring);
    events_unsubscribe(&watcher->subscription);
    struct strbuf data = STRBUF_INIT(1 * KIB);
    struct json_writer w;
    json_writer_init(&w, &data);
    json_object_begin(&w);
    member_text(&w, "reason", reason);
    json_object_end(&w);
    sse_event(&watcher->sse, NULL, "end", strbuf_view(&data));
    strbuf_release(&data);
    sse_end(&watcher->sse);
}

/* ---- payloads ---- */

static void
write_state(struct api *api, const struct instance_change *change,
            struct json_writer *out)
{
    struct instance_view view;
    json_object_begin(out);
    member_text(out, "profile_id", change->profile_id);
    member_text(out, "from", instance_state_name(change->from));
    member_text(out, "to", instance_state_name(change->to));
    member_text(out, "reason", change->reason);
    json_key(out, "server");
    if (instances_view(api->options.instances, change->profile_id, &view) ==
            0 &&
        view.profile != NULL)
        server_write(api, &view, out);
    else
        json_null(out);
    json_object_end(out);
}

static void
write_line(const struct instance_line *line, struct json_writer *out)
{
    json_object_begin(out);
    member_text(out, "profile_id", line->profile_id);
    member_int(out, "seq", (int64_t)line->seq);
    json_key(out, "line");
    json_str(out, (struct str){ line->text, line->n });
    json_object_end(out);
}

static void
write_llama_change(const struct llama_change *change, struct json_writer *out)
{
    const struct llama_model *model = change->model;
    json_object_begin(out);
    member_text(out, "profile_id", change->profile_id);
    member_text(out, "model", model->name);
    member_text(out, "from", llama_state_name(change->from));
    member_text(out, "to", llama_state_name(model->state));
    member_real_if(out, "progress", model->progress >= 0, model->progress);
    member_int_if(out, "exit_code", model->exit_code >= 0, model->exit_code);
    json_object_end(out);
}

static void
write_payload(struct api *api, const struct event *event,
              struct json_writer *out)
{
    switch (event->type) {
    case EVENT_PROFILE_CREATED:
    case EVENT_PROFILE_UPDATED:
    case EVENT_PROFILE_DELETED: {
        const struct profile *profile = event->payload;
        profile_to_json(api->options.engines, profile, false, out);
        break;
    }
    case EVENT_INSTANCE_STATE: write_state(api, event->payload, out); break;
    case EVENT_INSTANCE_LOG: write_line(event->payload, out); break;
    case EVENT_LIBRARY_SCAN: scan_write(event->payload, out); break;
    case EVENT_DOWNLOAD_CHANGED:
    case EVENT_DOWNLOAD_REMOVED:
    case EVENT_DOWNLOAD_PROGRESS: download_write(event->payload, out); break;
    case EVENT_LLAMA_MODEL: write_llama_change(event->payload, out); break;
    case EVENT_METRICS: sample_write(event->payload, out); break;
    case EVENT_ACTIVITY: activity_news_write(event->payload, out); break;
    case EVENT_LOG: log_entry_write(event->payload, out); break;
    case EVENT_LOG_CLEARED:
        json_object_begin(out);
        member_int(out, "count", *(const int64_t *)event->payload);
        json_object_end(out);
        break;
    default: json_null(out); break;
    }
}

void
event_write(struct api *api, const struct event *event, struct json_writer *out)
{
    json_object_begin(out);
    member_text(out, "type", event_type_name(event->type));
    member_int(out, "at_ms", event->at_ms);
    member_text(out, "subject", event->subject);
    json_key(out, "data");
    write_payload(api, event, out);
    json_object_end(out);
}

static void
send_event(struct watcher *watcher, uint64_t seq, enum event_type type,
           struct str data)
{
    char id[EVENT_ID_BYTES];
    event_ring_write_id(&watcher->sse.call->api->ring, seq, id);
    sse_event(&watcher->sse, id, event_type_name(type), data);
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct watcher *watcher =
        LIST_ENTRY(subscription, struct watcher, subscription);
    if (is_droppable(event->type) && sse_is_behind(&watcher->sse)) {
        watcher->n_dropped++;
        return;
    }
    if (sse_is_hopeless(&watcher->sse)) {
        end_watcher(watcher, "the reader did not keep up");
        return;
    }
    struct api *api = watcher->sse.call->api;
    const struct ring_entry *kept = event_ring_newest(&api->ring, event->seq);
    if (kept != NULL) { /* the ring was told first */
        send_event(watcher, kept->seq, kept->type,
                   (struct str){ kept->text, kept->n });
        return;
    }
    struct strbuf data = STRBUF_INIT(SNAPSHOT_BYTES_MAX);
    struct json_writer w;
    json_writer_init(&w, &data);
    event_write(api, event, &w);
    if (!strbuf_failed(&data))
        send_event(watcher, event->seq, event->type, strbuf_view(&data));
    strbuf_release(&data);
}

static void
on_drain(struct call *call)
{
    struct watcher *watcher = call->state;
    watcher->sse.picture_bytes = 0;
    if (watcher->n_dropped == 0 || watcher->is_ended)
        return;
    char data[64];
    snprintf(data, sizeof data, "{\"dropped\":%" PRIu64 "}",
             watcher->n_dropped);
    watcher->n_dropped = 0;
    sse_event(&watcher->sse, NULL, "dropped", str_from(data));
}

static void
on_close(struct call *call)
{
    struct watcher *watcher = call->state;
    sse_release(&watcher->sse);
    metrics_watch_stop(&watcher->measuring);
    events_unsubscribe(&watcher->subscription);
    call_unref(call);
}

static void
on_end_stream(struct call *call, int code, const char *reason)
{
    (void)code;
    end_watcher(call->state, reason);
}

static void
send_snapshot(struct watcher *watcher)
{
    struct api *api = watcher->sse.call->api;
    struct profiles *profiles = api->options.profiles;
    struct library *library = api->options.library;
    struct strbuf data = STRBUF_INIT(SNAPSHOT_BYTES_MAX);
    struct json_writer w;
    json_writer_init(&w, &data);
    json_object_begin(&w);
    member_text(&w, "version", api->options.version);
    json_key(&w, "profiles");
    json_array_begin(&w);
    for (size_t i = 0; i < profiles_count(profiles); i++)
        profile_write(api, profiles_at(profiles, i), &w);
    json_array_end(&w);
    json_key(&w, "servers");
    servers_write(api, false, &w);
    json_key(&w, "models");
    json_array_begin(&w);
    for (size_t i = 0; i < library_count(library); i++)
        model_write(api, library_at(library, i), &w);
    json_array_end(&w);
    json_object_end(&w);
    char id[EVENT_ID_BYTES];
    event_ring_write_id(&api->ring, api->options.events->next_seq - 1, id);
    watcher->sse.picture_bytes = data.n;
    if (!strbuf_failed(&data))
        sse_event(&watcher->sse, id, "snapshot", strbuf_view(&data));
    else
        end_watcher(watcher, "there is not enough memory for a snapshot");
    strbuf_release(&data);
}

/* What was told since then. False: that is not known any more. */
static bool
send_missed(struct watcher *watcher, struct str last_id, uint32_t types)
{
    const struct event_ring *ring = &watcher->sse.call->api->ring;
    const struct ring_entry *entry = NULL;
    uint64_t seq;
    int64_t n = 0;
    char data[64];
    if (!event_ring_reaches(ring, last_id, &seq))
        return false;
    while ((entry = event_ring_next(ring, entry, seq)) != NULL)
        n += (types & UINT32_C(1) << entry->type) != 0;
    snprintf(data, sizeof data, "{\"missed\":%" PRId64 "}", n);
    sse_event(&watcher->sse, NULL, "resumed", str_from(data));
    while ((entry = event_ring_next(ring, entry, seq)) != NULL)
        if ((types & UINT32_C(1) << entry->type) != 0)
            send_event(watcher, entry->seq, entry->type,
                       (struct str){ entry->text, entry->n });
    return true;
}

/* The bits of ?types=; names that do not exist are 422. */
static bool
parse_types(struct call *call, uint32_t *ret_types)
{
    struct str rest = query_text(call, "types");
    *ret_types = EVENT_ALL & ~EVENT_BIT(INSTANCE_LOG);
    if (rest.n == 0)
        return true;
    *ret_types = 0;
    while (rest.n > 0) {
        struct str name = str_trim(str_split(&rest, ','));
        int type = 0;
        while (type < EVENT_TYPE_COUNT &&
               !str_is(name, event_type_name((enum event_type)type)))
            type++;
        if (type == EVENT_TYPE_COUNT) {
            struct error error;
            error_field(&error, "types", "there is no event \"%.*s\"",
                        STR_ARG(name));
            reply_error(call, &error);
            return false;
        }
        *ret_types |= UINT32_C(1) << type;
    }
    return true;
}

void
events_follow(struct call *call)
{
    uint32_t types = 0;
    if (!parse_types(call, &types))
        return;
    struct watcher *watcher = arena_alloc(&call->arena, sizeof *watcher);
    if (watcher == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    struct str last_id = http_headers_get(http_request(call->exchange)->headers,
                                          "last-event-id");
    event_ring_open(&call->api->ring);
    if (!sse_begin(&watcher->sse, call))
        return;
    call->state = watcher;
    call_ref(call);
    call->on_close = on_close;
    call->on_drain = on_drain;
    call->on_end_stream = on_end_stream;
    events_subscribe(call->api->options.events, &watcher->subscription, types,
                     on_event);
    int64_t interval_s = query_int(call, "metrics_interval_s", 0);
    if (interval_s > 0 && call->api->options.metrics != NULL)
        metrics_watch_start(call->api->options.metrics, &watcher->measuring,
                            interval_s * SECOND_MS);
    if (!send_missed(watcher, last_id, types))
        send_snapshot(watcher);
}
