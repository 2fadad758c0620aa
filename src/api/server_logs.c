/* GET /api/servers/{id}/logs: the output of an engine as a live view.
 *
 * Each reader has its own position, the sequence number of the next line it
 * is to get; the lines are those of the instance's ring. A reader that does
 * not keep up is not written to (its lines wait in the ring, not in its
 * queue); when it has caught up it gets what the ring still holds, and is
 * told how many lines it missed. The last event is {"status":...}: the
 * process is gone, or everything that was asked for has been said. */
#include <inttypes.h>
#include <string.h>

#include "api/handlers.h"
#include "api/sse.h"

enum { DEFAULT_LINES = 100 };

struct reader {
    struct sse sse;
    struct subscription subscription;
    struct profile *profile; /* one reference */
    uint64_t next_seq;       /* of the next line to send */
    bool has_position;       /* a gap before the next line is a loss */
    bool is_behind;
    bool is_ended; /* say the last event once caught up */
};

static void
send_line(struct reader *reader, uint64_t seq, struct str line)
{
    struct strbuf data = STRBUF_INIT(8 * LIMIT_LOG_LINE_BYTES);
    struct json_writer w;
    json_writer_init(&w, &data);
    json_object_begin(&w);
    json_key(&w, "line");
    json_str(&w, line);
    json_object_end(&w);
    char id[24];
    snprintf(id, sizeof id, "%" PRIu64, seq);
    if (!strbuf_failed(&data))
        sse_event(&reader->sse, id, NULL, strbuf_view(&data));
    strbuf_release(&data);
    reader->next_seq = seq + 1;
    reader->has_position = true;
}

static void
send_gap(struct reader *reader, uint64_t n_missed)
{
    char data[64];
    snprintf(data, sizeof data, "{\"dropped\":%" PRIu64 "}", n_missed);
    sse_event(&reader->sse, NULL, NULL, str_from(data));
}

/* A line of the ring, in order: those before our position are skipped. */
static void
on_held_line(void *ctx, uint64_t seq, struct str line)
{
    struct reader *reader = ctx;
    if (seq < reader->next_seq || reader->is_behind)
        return;
    if (seq > reader->next_seq && reader->has_position)
        send_gap(reader, seq - reader->next_seq);
    send_line(reader, seq, line);
    reader->is_behind = sse_is_behind(&reader->sse);
}

static void
reader_release(struct reader *reader)
{
    sse_release(&reader->sse);
    events_unsubscribe(&reader->subscription);
    profile_unref(reader->profile);
}

static void
on_close(struct call *call)
{
    reader_release(call->state);
    call_unref(call);
}

static void
send_last(struct reader *reader)
{
    struct call *call = reader->sse.call;
    struct instance_view view;
    server_view(call->api, reader->profile, &view);
    view.profile = reader->profile;
    struct strbuf data = STRBUF_INIT(4 * KIB);
    struct json_writer w;
    json_writer_init(&w, &data);
    json_object_begin(&w);
    member_text(&w, "status", server_is_running(&view) ? "running" : "stopped");
    member_text(&w, "state", instance_state_name(view.state));
    const struct instance_exit *end = &view.exit;
    member_int_if(&w, "exit_code", end->has_exited && end->exit_signal == 0,
                  end->exit_code);
    member_int_if(&w, "exit_signal", end->has_exited && end->exit_signal != 0,
                  end->exit_signal);
    json_object_end(&w);
    sse_event(&reader->sse, NULL, NULL, strbuf_view(&data));
    strbuf_release(&data);
    sse_end(&reader->sse);
}

/* Sends what the ring holds from our position on. */
static void
catch_up(struct reader *reader)
{
    reader->is_behind = sse_is_behind(&reader->sse);
    if (!reader->is_behind)
        instances_log_tail(reader->sse.call->api->options.instances,
                           reader->profile->id, LIMIT_LOG_RING_LINES,
                           on_held_line, reader);
    if (reader->is_ended && !reader->is_behind)
        send_last(reader);
}

static void
on_drain(struct call *call)
{
    struct reader *reader = call->state;
    if (reader->is_behind)
        catch_up(reader);
}

static void
end_reader(struct reader *reader)
{
    if (reader->is_ended)
        return;
    events_unsubscribe(&reader->subscription);
    reader->is_ended = true;
    catch_up(reader);
}

static bool
is_over(enum instance_state state)
{
    return state == INSTANCE_STOPPED || state == INSTANCE_FAILED ||
           state == INSTANCE_BACKOFF;
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct reader *reader =
        LIST_ENTRY(subscription, struct reader, subscription);
    if (event->type == EVENT_INSTANCE_LOG) {
        const struct instance_line *line = event->payload;
        if (strcmp(line->profile_id, reader->profile->id) != 0 ||
            reader->is_behind || line->seq < reader->next_seq)
            return;
        send_line(reader, line->seq, (struct str){ line->text, line->n });
        reader->is_behind = sse_is_behind(&reader->sse);
        return;
    }
    const struct instance_change *change = event->payload;
    if (strcmp(change->profile_id, reader->profile->id) == 0 &&
        is_over(change->to))
        end_reader(reader);
}

static void
on_end_stream(struct call *call, int code, const char *reason)
{
    (void)code;
    (void)reason;
    struct reader *reader = call->state;
    end_reader(reader);
    if (reader->is_behind)
        sse_end(&reader->sse);
}

static void
ignore_line(void *ctx, uint64_t seq, struct str line)
{
    (void)ctx;
    (void)seq;
    (void)line;
}

/* Where to begin: after Last-Event-ID, else `lines` before the end. */
static void
set_position(struct reader *reader, struct call *call, const char *profile_id)
{
    struct instances *instances = call->api->options.instances;
    uint64_t end =
        instances_log_tail(instances, profile_id, 0, ignore_line, NULL);
    struct str last = http_headers_get(http_request(call->exchange)->headers,
                                       "last-event-id");
    uint64_t seq = 0;
    if (last.n > 0 && str_to_u64(last, &seq) == 0 && seq < end) {
        reader->next_seq = seq + 1;
        reader->has_position = true;
        return;
    }
    uint64_t n = (uint64_t)query_int(call, "lines", DEFAULT_LINES);
    reader->next_seq = end > n ? end - n : 0;
}

void
servers_follow_log(struct call *call)
{
    struct profile *profile = call_profile(call);
    if (profile == NULL)
        return;
    struct reader *reader = arena_alloc(&call->arena, sizeof *reader);
    if (reader == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    struct instance_view view;
    server_view(call->api, profile, &view);
    set_position(reader, call, profile->id);
    bool is_followed = query_bool(call, "follow", true) && !is_over(view.state);
    if (!sse_begin(&reader->sse, call))
        return;
    reader->profile = profile_ref(profile);
    call->state = reader;
    call_ref(call);
    call->on_close = on_close;
    call->on_drain = on_drain;
    call->on_end_stream = on_end_stream;
    events_subscribe(call->api->options.events, &reader->subscription,
                     EVENT_BIT(INSTANCE_LOG) | EVENT_BIT(INSTANCE_STATE),
                     on_event);
    if (is_followed)
        catch_up(reader);
    else
        end_reader(reader);
}
