/* A sample from two looks at counters: metrics_internal.h. */
#include <math.h>

#include "base/units.h"
#include "core/metrics/metrics_internal.h"

static const struct {
    const char *name;
    enum hardware_part part; /* HARDWARE_PARTS: none of the machine's */
} rows[METRICS_READING_COUNT] = {
#define X(name, wire, part) [METRICS_##name] = { (wire), HARDWARE_##part },
    METRICS_READINGS(X)
#undef X
};

const char *
metrics_reading_name(enum metrics_reading reading)
{
    return rows[reading].name;
}

/* Per second; a counter that fell began anew. */
static double
rate(int64_t before, int64_t now, int64_t elapsed_ms)
{
    if (now < before || elapsed_ms <= 0)
        return (double)NAN;
    return (double)(now - before) * SECOND_MS / (double)elapsed_ms;
}

static double
share_percent(const struct hardware_sample *before,
              const struct hardware_sample *now)
{
    int64_t busy = now->cpu_busy - before->cpu_busy;
    int64_t total = now->cpu_total - before->cpu_total;
    if (total <= 0 || busy < 0 || busy > total)
        return (double)NAN;
    return 100 * (double)busy / (double)total;
}

static void
take_levels(const struct hardware_sample *now, double *values)
{
    values[METRICS_LOAD_1M] = now->load[0];
    values[METRICS_LOAD_5M] = now->load[1];
    values[METRICS_LOAD_15M] = now->load[2];
    values[METRICS_MEMORY_TOTAL] = (double)now->memory_total_bytes;
    values[METRICS_MEMORY_USED] =
        (double)(now->memory_total_bytes - now->memory_available_bytes);
    values[METRICS_SWAP_TOTAL] = (double)now->swap_total_bytes;
    values[METRICS_SWAP_USED] =
        (double)(now->swap_total_bytes - now->swap_free_bytes);
    values[METRICS_MODELS_TOTAL] = (double)now->models_disk_total_bytes;
    values[METRICS_MODELS_FREE] = (double)now->models_disk_free_bytes;
    values[METRICS_DATA_TOTAL] = (double)now->data_disk_total_bytes;
    values[METRICS_DATA_FREE] = (double)now->data_disk_free_bytes;
    values[METRICS_OWN_RSS] = (double)now->own_rss_bytes;
    values[METRICS_OWN_THREADS] = (double)now->own_threads;
}

/* `last` has the reasons of the parts then; what was unknown then counts from
 * nothing, so it is unknown now. */
static void
take_rates(const struct metrics_counters *before,
           const struct metrics_counters *now, bool has_traffic, double *values)
{
    const struct hardware_sample *then = &before->hardware;
    int64_t elapsed_ms = now->at_ms - before->at_ms;
    if (then->why[HARDWARE_CPU].code == ERR_OK)
        values[METRICS_CPU] = share_percent(then, &now->hardware);
    if (then->why[HARDWARE_NETWORK].code == ERR_OK) {
        values[METRICS_RECEIVED] = rate(
            then->received_bytes, now->hardware.received_bytes, elapsed_ms);
        values[METRICS_SENT] =
            rate(then->sent_bytes, now->hardware.sent_bytes, elapsed_ms);
    }
    if (then->why[HARDWARE_OWN].code == ERR_OK)
        values[METRICS_OWN_CPU] =
            rate(then->own_cpu_ms, now->hardware.own_cpu_ms, elapsed_ms) / 10;
    if (!has_traffic)
        return;
    values[METRICS_REQUESTS] =
        rate((int64_t)before->traffic.n_requests,
             (int64_t)now->traffic.n_requests, elapsed_ms);
    values[METRICS_PROMPT_TOKENS] =
        rate((int64_t)before->traffic.n_prompt_tokens,
             (int64_t)now->traffic.n_prompt_tokens, elapsed_ms);
    values[METRICS_ANSWER_TOKENS] =
        rate((int64_t)before->traffic.n_completion_tokens,
             (int64_t)now->traffic.n_completion_tokens, elapsed_ms);
}

void
metrics_make_sample(const struct metrics_counters *before,
                    const struct metrics_counters *now, bool has_traffic,
                    struct metrics_sample *ret_sample)
{
    const struct hardware_sample *hardware = &now->hardware;
    *ret_sample = (struct metrics_sample){ .n_gpus = hardware->n_gpus };
    for (int i = 0; i < METRICS_READING_COUNT; i++)
        ret_sample->values[i] = (double)NAN;
    take_levels(hardware, ret_sample->values);
    if (before->at_ms != 0) {
        ret_sample->interval_ms = now->at_ms - before->at_ms;
        take_rates(before, now, has_traffic, ret_sample->values);
    }
    for (int i = 0; i < HARDWARE_PARTS; i++)
        ret_sample->why[i] = hardware->why[i];
    for (int i = 0; i < METRICS_READING_COUNT; i++)
        if (rows[i].part < HARDWARE_PARTS &&
            hardware->why[rows[i].part].code != ERR_OK)
            ret_sample->values[i] = (double)NAN;
    for (size_t i = 0; i < hardware->n_gpus; i++)
        ret_sample->gpus[i] = hardware->gpus[i];
}
