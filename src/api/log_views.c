/* Views of the log that take a while: GET /api/logs/follow and
 * /api/logs/export.
 *
 * Following is by server-sent events: first the newest lines that memory has,
 * then each as it comes. A reader that does not keep up is not written to; when
 * it has caught up it gets what memory still holds, and is told how many went
 * by. The export is one JSON document, sent page by page as the client takes
 * it. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "api/log_filter.h"
#include "api/sse.h"

enum { DEFAULT_LINES = 100, EXPORT_PAGE = 500 };
static const size_t EXPORT_PAGE_BYTES = 16 * MIB;

/* ---- following ---- */

struct follower {
    struct sse sse;
    struct subscription subscription;
    struct log_filter filter;
    int64_t last_id; /* that was sent, or passed over */
    size_t n_skip;   /* of memory's entries, at the beginning */
    bool is_behind;
    bool is_ended;
};

static void
send_entry(struct follower *follower, const struct log_entry *entry)
{
    struct strbuf data = STRBUF_INIT(16 * KIB);
    struct json_writer w;
    char id[24];
    json_writer_init(&w, &data);
    log_entry_write(entry, &w);
    snprintf(id, sizeof id, "%" PRId64, entry->id);
    if (!strbuf_failed(&data))
        sse_event(&follower->sse, id, NULL, strbuf_view(&data));
    strbuf_release(&data);
}

static void
take_entry(struct follower *follower, const struct log_entry *entry)
{
    follower->last_id = entry->id;
    if (log_filter_matches(&follower->filter, entry))
        send_entry(follower, entry);
    follower->is_behind = sse_is_behind(&follower->sse);
}

static bool
on_held(void *ctx, const struct log_entry *entry)
{
    struct follower *follower = ctx;
    if (follower->n_skip > 0 && log_filter_matches(&follower->filter, entry)) {
        follower->n_skip--;
        follower->last_id = entry->id;
        return true;
    }
    take_entry(follower, entry);
    return !follower->is_behind;
}

static bool
count_held(void *ctx, const struct log_entry *entry)
{
    struct follower *follower = ctx;
    follower->n_skip += log_filter_matches(&follower->filter, entry);
    return true;
}

static bool
stop_at_first(void *ctx, const struct log_entry *entry)
{
    (void)ctx;
    (void)entry;
    return false;
}

/* What went by while the reader was behind and is not in memory any more. */
static void
tell_gap(struct follower *follower)
{
    const struct logs *logs = follower->sse.call->api->options.logs;
    char data[64];
    int64_t oldest_id =
        logs_each_after(logs, follower->last_id, stop_at_first, NULL);
    if (oldest_id <= follower->last_id + 1)
        return;
    snprintf(data, sizeof data, "{\"dropped\":%" PRId64 "}",
             oldest_id - follower->last_id - 1);
    sse_event(&follower->sse, NULL, "dropped", str_from(data));
}

static void
catch_up(struct follower *follower)
{
    follower->is_behind = sse_is_behind(&follower->sse);
    if (!follower->is_behind)
        logs_each_after(follower->sse.call->api->options.logs,
                        follower->last_id, on_held, follower);
}

static void
end_follower(struct follower *follower, const char *reason)
{
    char data[96];
    if (follower->is_ended)
        return;
    follower->is_ended = true;
    events_unsubscribe(&follower->subscription);
    snprintf(data, sizeof data, "{\"reason\":\"%s\"}", reason);
    sse_event(&follower->sse, NULL, "end", str_from(data));
    sse_end(&follower->sse);
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct follower *follower =
        LIST_ENTRY(subscription, struct follower, subscription);
    const struct log_entry *entry = event->payload;
    const struct logs *logs = follower->sse.call->api->options.logs;
    if (!follower->is_behind && entry->id > follower->last_id &&
        entry->level >= logs_config(logs)->level)
        take_entry(follower, entry);
}

static void
on_drain(struct call *call)
{
    struct follower *follower = call->state;
    if (!follower->is_behind || follower->is_ended)
        return;
    tell_gap(follower);
    catch_up(follower);
}

static void
on_close(struct call *call)
{
    struct follower *follower = call->state;
    sse_release(&follower->sse);
    events_unsubscribe(&follower->subscription);
    call_unref(call);
}

static void
on_end_stream(struct call *call, int code, const char *reason)
{
    (void)code;
    end_follower(call->state, reason);
}

static bool
note_newest(void *ctx, const struct log_entry *entry)
{
    int64_t *newest_id = ctx;
    *newest_id = entry->id;
    return true;
}

/* One that is still to come is of another log. */
static bool
is_of_this_log(const struct logs *logs, int64_t id)
{
    int64_t newest_id = INT64_MAX; /* none in memory: who knows */
    logs_each_after(logs, 0, note_newest, &newest_id);
    return id <= newest_id;
}

/* After Last-Event-ID, else `lines` before the end. */
static void
set_position(struct follower *follower, struct call *call)
{
    struct str last = http_headers_get(http_request(call->exchange)->headers,
                                       "last-event-id");
    int64_t id;
    if (last.n > 0 && str_to_i64(last, &id) == 0 && id > 0 &&
        is_of_this_log(call->api->options.logs, id)) {
        follower->last_id = id;
        return;
    }
    size_t n = (size_t)query_int(call, "lines", DEFAULT_LINES);
    logs_each_after(call->api->options.logs, 0, count_held, follower);
    follower->n_skip -= follower->n_skip < n ? follower->n_skip : n;
}

void
logs_follow(struct call *call)
{
    struct follower *follower = arena_alloc(&call->arena, sizeof *follower);
    if (follower == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    log_filter_read(call, &follower->filter);
    set_position(follower, call);
    bool is_followed = query_bool(call, "follow", true);
    if (!sse_begin(&follower->sse, call))
        return;
    call->state = follower;
    call_ref(call);
    call->on_close = on_close;
    call->on_drain = on_drain;
    call->on_end_stream = on_end_stream;
    events_subscribe(call->api->options.events, &follower->subscription,
                     EVENT_BIT(LOG), on_event);
    if (follower->last_id > 0 && follower->n_skip == 0)
        tell_gap(follower);
    catch_up(follower);
    if (!is_followed)
        end_follower(follower, "that is all");
}

/* ---- the export ---- */

struct exporter {
    struct call *call;
    struct logs_query query;
    size_t n_written;
    bool is_asking; /* the log was asked and has not answered */
    bool has_more;
    bool is_over;
};

static void pump(struct exporter *exporter);

static void
write_page(struct exporter *exporter, const struct log_entry *entries, size_t n)
{
    struct strbuf text = STRBUF_INIT(EXPORT_PAGE_BYTES);
    for (size_t i = 0; i < n; i++) {
        struct json_writer w;
        strbuf_add_text(&text, exporter->n_written++ == 0 ? "\n" : ",\n");
        json_writer_init(&w, &text);
        log_entry_write(&entries[i], &w);
    }
    if (strbuf_failed(&text))
        http_abort(exporter->call->exchange);
    else if (text.n > 0)
        http_write(exporter->call->exchange, strbuf_view(&text));
    strbuf_release(&text);
}

/* An answer that has begun can only be broken. */
static void
on_page(void *ctx, const struct log_entry *entries, size_t n,
        const struct error *error)
{
    struct exporter *exporter = ctx;
    struct call *call = exporter->call;
    exporter->is_asking = false;
    if (error == NULL && call->exchange != NULL) {
        exporter->has_more = n == (size_t)exporter->query.limit;
        if (n > 0)
            exporter->query.before_id = entries[n - 1].id;
        write_page(exporter, entries, n);
    } else if (call->exchange != NULL) {
        http_abort(call->exchange);
    }
    pump(exporter);
    call_unref(call);
}

static void
pump(struct exporter *exporter)
{
    struct call *call = exporter->call;
    while (call->exchange != NULL && !exporter->is_asking &&
           !exporter->is_over) {
        if (!exporter->has_more) {
            exporter->is_over = true;
            http_write(call->exchange, STR("\n]}\n"));
            http_finish(call->exchange);
            return;
        }
        if (http_pending(call->exchange) > LIMIT_RELAY_WINDOW_BYTES)
            return;
        exporter->is_asking = true;
        call_ref(call);
        logs_find(call->api->options.logs, &exporter->query, on_page, exporter);
    }
}

static void
on_export_drain(struct call *call)
{
    pump(call->state);
}

static void
on_export_close(struct call *call)
{
    call_unref(call);
}

static bool
begin_export(struct call *call)
{
    struct http_header headers[REPLY_HEADERS_MAX + 2];
    size_t n = reply_headers(&call->who, false, headers);
    char disposition[96], head[160];
    int64_t now_ms = loop_wall_ms();
    time_t seconds = (time_t)(now_ms / SECOND_MS);
    struct tm parts;
    char stamp[32] = "";
    if (gmtime_r(&seconds, &parts) != NULL)
        strftime(stamp, sizeof stamp, "-%Y%m%dT%H%M%SZ", &parts);
    snprintf(disposition, sizeof disposition,
             "attachment; filename=\"hearth-logs%s.json\"", stamp);
    headers[n++] =
        (struct http_header){ STR("Content-Type"), STR("application/json") };
    headers[n++] = (struct http_header){ STR("Content-Disposition"),
                                         str_from(disposition) };
    call->is_answered = true;
    if (http_respond_head(call->exchange, 200,
                          (struct http_headers){ headers, n }, -1) < 0)
        return false;
    if (http_request(call->exchange)->is_head) {
        http_finish(call->exchange);
        return false;
    }
    snprintf(head, sizeof head,
             "{\"version\":\"%s\",\"exported_at_ms\":%" PRId64 ",\"entries\":[",
             call->api->options.version, now_ms);
    http_write(call->exchange, str_from(head));
    return true;
}

void
logs_export(struct call *call)
{
    struct exporter *exporter = arena_alloc(&call->arena, sizeof *exporter);
    if (exporter == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    exporter->call = call;
    exporter->query.limit = EXPORT_PAGE;
    exporter->has_more = true;
    log_filter_read(call, &exporter->query.filter);
    if (!begin_export(call))
        return;
    call->state = exporter;
    call_ref(call);
    call->on_close = on_export_close;
    call->on_drain = on_export_drain;
    pump(exporter);
}
