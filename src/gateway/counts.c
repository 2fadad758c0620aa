/* What has been relayed, in numbers: gateway.h. */
#include <inttypes.h>

#include "base/units.h"
#include "gateway/gateway_internal.h"

const int64_t latency_bounds_ms[LATENCY_BUCKETS - 1] = {
    5,    10,   25,   50,    100,   250,    500,
    1000, 2500, 5000, 10000, 30000, 120000, 600000,
};

static void
add(struct latency *latency, int64_t from_ms, int64_t to_ms)
{
    int64_t took_ms = to_ms > from_ms ? to_ms - from_ms : 0;
    int i = 0;
    while (i < LATENCY_BUCKETS - 1 && took_ms > latency_bounds_ms[i])
        i++;
    latency->n_in[i]++;
    latency->n++;
    latency->sum_ms += (uint64_t)took_ms;
}

static void
add_known(uint64_t *sum, int64_t count)
{
    if (count > 0)
        *sum += (uint64_t)count;
}

void
gateway_count(struct gateway *gateway, const struct counted_request *request)
{
    struct gateway_counts *counts = &gateway->counts;
    int class = request->status / 100;
    if (class < 0 || class >= GATEWAY_STATUS_CLASSES)
        class = GATEWAY_NO_ANSWER;
    counts->n_requests[class]++;
    add(&counts->duration, request->started_at_ms, request->ended_at_ms);
    if (request->first_byte_at_ms != 0)
        add(&counts->first_byte, request->started_at_ms,
            request->first_byte_at_ms);
    if (request->leased_at_ms != 0)
        add(&counts->waiting, request->started_at_ms, request->leased_at_ms);
    add_known(&counts->n_prompt_tokens, request->usage.prompt_tokens);
    add_known(&counts->n_completion_tokens, request->usage.completion_tokens);
    add_known(&counts->n_cached_tokens, request->usage.cached_tokens);
    add_known(&counts->n_answer_bytes, request->n_answer_bytes);
}

const struct gateway_counts *
gateway_counts(const struct gateway *gateway)
{
    return &gateway->counts;
}

/* ---- as text ---- */

static void
write_head(struct strbuf *out, const char *name, const char *type,
           const char *help)
{
    strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
write_number(struct strbuf *out, const char *name, const char *type,
             const char *help, uint64_t value)
{
    write_head(out, name, type, help);
    strbuf_addf(out, "%s %" PRIu64 "\n", name, value);
}

static double
seconds(uint64_t ms)
{
    return (double)ms / SECOND_MS;
}

/* Each bucket counts those below it too. */
static void
write_latency(struct strbuf *out, const char *name, const char *help,
              const struct latency *latency)
{
    uint64_t n = 0;
    write_head(out, name, "histogram", help);
    for (int i = 0; i < LATENCY_BUCKETS - 1; i++) {
        n += latency->n_in[i];
        strbuf_addf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
                    seconds((uint64_t)latency_bounds_ms[i]), n);
    }
    strbuf_addf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, latency->n);
    strbuf_addf(out, "%s_sum %.15g\n", name, seconds(latency->sum_ms));
    strbuf_addf(out, "%s_count %" PRIu64 "\n", name, latency->n);
}

void
gateway_write_counts(const struct gateway *gateway, struct strbuf *out)
{
    static const char *const codes[GATEWAY_STATUS_CLASSES] = { "none", "1xx",
                                                               "2xx",  "3xx",
                                                               "4xx",  "5xx" };
    const struct gateway_counts *counts = &gateway->counts;
    write_head(out, "hearth_requests_total", "counter",
               "Requests for a model that have ended, by their answer's "
               "status; none: the client left before it.");
    for (int i = 0; i < GATEWAY_STATUS_CLASSES; i++)
        strbuf_addf(out, "hearth_requests_total{code=\"%s\"} %" PRIu64 "\n",
                    codes[i], counts->n_requests[i]);
    write_number(out, "hearth_requests_active", "gauge",
                 "Requests for a model that are under way.", gateway->n_relays);
    write_latency(out, "hearth_request_duration_seconds",
                  "From a request's head to its end.", &counts->duration);
    write_latency(out, "hearth_request_first_byte_seconds",
                  "From a request's head to the head of the engine's answer.",
                  &counts->first_byte);
    write_latency(out, "hearth_request_wait_seconds",
                  "From a request's head to its turn: queue and load.",
                  &counts->waiting);
    write_number(out, "hearth_prompt_tokens_total", "counter",
                 "Tokens of prompts, as engines told.",
                 counts->n_prompt_tokens);
    write_number(out, "hearth_cached_tokens_total", "counter",
                 "Those of them that came from an engine's cache.",
                 counts->n_cached_tokens);
    write_number(out, "hearth_completion_tokens_total", "counter",
                 "Tokens of answers, as engines told.",
                 counts->n_completion_tokens);
    write_number(out, "hearth_answer_bytes_total", "counter",
                 "Bytes of answers that were relayed.", counts->n_answer_bytes);
}
