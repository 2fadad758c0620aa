/* What a relay tells core/activity of its request, step by step. */
#include <math.h>

#include "gateway/relay_internal.h"

/* As much as there is room for, whole characters. */
static void
copy_text(char *to, size_t size, struct str text)
{
    size_t n = text.n < size ? text.n : size - 1;
    while (n < text.n && n > 0 && ((unsigned char)text.p[n] & 0xC0) == 0x80)
        n--;
    if (n > 0)
        memcpy(to, text.p, n);
    to[n] = '\0';
}

static const char *
key_name(const struct gateway *gateway, const char *key_id)
{
    const struct auth *auth = gateway->options.auth;
    for (size_t i = 0; auth != NULL && i < auth_key_count(auth); i++)
        if (strcmp(auth_key_at(auth, i)->id, key_id) == 0)
            return auth_key_at(auth, i)->name;
    return key_id;
}

static const char *
caller_name(const struct gateway *gateway, const struct auth_answer *who)
{
    switch (who->who) {
    case WHO_KEY: return key_name(gateway, who->key_id);
    case WHO_SESSION: return "dashboard";
    case WHO_UNIX: return "socket";
    case WHO_LOOPBACK: return "loopback";
    case WHO_NOBODY: break;
    }
    return "";
}

static void
on_cancel(struct activity_item *item)
{
    relay_cancel(LIST_ENTRY(item, struct relay, item));
}

void
relay_track(struct relay *relay, const struct auth_answer *who)
{
    const struct http_request *request = http_request(relay->exchange);
    const struct gateway *gateway = relay->gateway;
    bool only_asks = request->is_head || str_is(request->method, "GET") ||
                     str_is(request->method, "OPTIONS");
    if (gateway->options.activity == NULL ||
        (only_asks && !request->is_upgrade))
        return;
    struct activity_entry *entry = &relay->item.entry;
    activity_entry_init(entry);
    copy_text(entry->method, sizeof entry->method, request->method);
    copy_text(entry->path, sizeof entry->path, request->path);
    if (!request->client->is_unix)
        copy_text(entry->client, sizeof entry->client,
                  str_from(request->client->host));
    copy_text(entry->key_id, sizeof entry->key_id, str_from(who->key_id));
    copy_text(entry->caller, sizeof entry->caller,
              str_from(caller_name(gateway, who)));
    relay->is_tracked = true;
    activity_begin(gateway->options.activity, &relay->item, on_cancel);
    activity_capture_type(gateway->options.activity, &relay->item,
                          CAPTURE_REQUEST,
                          http_headers_get(request->headers, "content-type"));
}

void
relay_track_model(struct relay *relay)
{
    copy_text(relay->item.entry.model, sizeof relay->item.entry.model,
              strbuf_view(&relay->model));
    relay->item.entry.is_stream = finder_streams(&relay->finder);
}

void
relay_track_phase(struct relay *relay, enum activity_phase phase)
{
    if (!relay->is_tracked)
        return;
    copy_text(relay->item.entry.profile_id, sizeof relay->item.entry.profile_id,
              str_from(relay->lease.profile_id));
    activity_enter(relay->gateway->options.activity, &relay->item, phase);
}

void
relay_track_wait(struct relay *relay, enum instance_state state)
{
    bool is_load = state == INSTANCE_STARTING || state == INSTANCE_LOADING ||
                   state == INSTANCE_ATTACHING;
    relay_track_phase(relay, is_load ? ACTIVITY_LOADING : ACTIVITY_QUEUED);
}

void
relay_track_head(struct relay *relay, struct str content_type, bool is_events)
{
    if (!relay->is_tracked)
        return;
    relay->item.entry.is_stream |= is_events;
    activity_capture_type(relay->gateway->options.activity, &relay->item,
                          CAPTURE_ANSWER, content_type);
}

void
relay_track_asked(struct relay *relay, struct str bytes)
{
    if (relay->is_tracked)
        activity_capture(relay->gateway->options.activity, &relay->item,
                         CAPTURE_REQUEST, bytes);
}

void
relay_track_answered(struct relay *relay, struct str bytes)
{
    struct activity *activity = relay->gateway->options.activity;
    if (!relay->is_tracked)
        return;
    if (relay->item.phase != ACTIVITY_ANSWERING) {
        activity_enter(activity, &relay->item, ACTIVITY_ANSWERING);
        if (relay->item.entry.is_stream)
            activity_first_token(activity, &relay->item);
    }
    activity_capture(activity, &relay->item, CAPTURE_ANSWER, bytes);
    relay->item.entry.answer_bytes = relay->n_answer_bytes;
}

void
relay_track_error(struct relay *relay, const struct error *error)
{
    copy_text(relay->item.entry.error, sizeof relay->item.entry.error,
              str_from(error->message));
}

static enum activity_outcome
outcome_of(const struct relay *relay)
{
    if (relay->is_cancelled)
        return ACTIVITY_CANCELLED;
    if (relay->is_left)
        return ACTIVITY_GONE;
    return relay->is_whole && relay->status < 400 ? ACTIVITY_COMPLETED
                                                  : ACTIVITY_FAILED;
}

void
relay_track_end(struct relay *relay, const struct usage *usage)
{
    struct activity_entry *entry = &relay->item.entry;
    if (!relay->is_tracked)
        return;
    relay->is_tracked = false;
    entry->outcome = outcome_of(relay);
    entry->status = relay->status;
    entry->request_bytes = (int64_t)relay->n_received;
    entry->answer_bytes = relay->n_answer_bytes;
    entry->prompt_tokens = usage->prompt_tokens;
    entry->completion_tokens = usage->completion_tokens;
    entry->cached_tokens = usage->cached_tokens;
    if (!isnan(usage->prompt_per_second))
        entry->prompt_per_s = usage->prompt_per_second;
    if (!isnan(usage->predicted_per_second))
        entry->completion_per_s = usage->predicted_per_second;
    activity_end(relay->gateway->options.activity, &relay->item);
}
