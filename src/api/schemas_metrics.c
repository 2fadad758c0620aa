/* The shapes of what the collector measured. */
#include "api/schema.h"
#include "core/metrics/metrics.h"

#define FIELDS(table) \
    .fields = (table), .n_fields = sizeof(table) / sizeof *(table)

enum { NUL = FIELD_IS_NULLABLE };

static const struct schema_field reading_fields[] = {
#define X(name, wire, part) { wire, &schema_real, NUL, NULL },
    METRICS_READINGS(X)
#undef X
};
static const struct schema schema_readings = { .type = SCHEMA_OBJECT,
                                               FIELDS(reading_fields) };

static const struct schema_field gpu_fields[] = {
    { "name", &schema_text, 0, NULL },
    { "memory_total_bytes", &schema_int, 0, NULL },
    { "memory_used_bytes", &schema_int, NUL, NULL },
    { "busy_percent", &schema_int, NUL, "Of the time since it was last told." },
    { "temperature_c", &schema_int, NUL, NULL },
    { "power_w", &schema_real, NUL, NULL },
};
static const struct schema schema_gpu = { .type = SCHEMA_OBJECT,
                                          FIELDS(gpu_fields) };
static const struct schema schema_gpus = { .type = SCHEMA_ARRAY,
                                           .of = &schema_gpu };

static const struct schema_field engine_reading_fields[] = {
#define X(name, wire, llama, vllm) { wire, &schema_real, NUL, NULL },
    METRICS_ENGINE_READINGS(X)
#undef X
        { "error", &schema_text, NUL, "Why nothing is known." },
};
static const struct schema schema_engine_readings = {
    .type = SCHEMA_OBJECT, FIELDS(engine_reading_fields)
};

static const struct schema_field measured_fields[] = {
    { "profile_id", &schema_text, 0, NULL },
    { "profile_name", &schema_text, 0, NULL },
    { "pid", &schema_int, 0, NULL },
    { "rss_bytes", &schema_int, NUL, "Of the process group." },
    { "cpu_percent", &schema_real, NUL, "Of one core." },
    { "threads", &schema_int, NUL, NULL },
    { "gpu_memory_bytes", &schema_int, NUL, NULL },
    { "engine", &schema_engine_readings, 0, "What it measures itself." },
};
static const struct schema schema_measured = { .type = SCHEMA_OBJECT,
                                               FIELDS(measured_fields) };
static const struct schema schema_measured_all = { .type = SCHEMA_ARRAY,
                                                   .of = &schema_measured };
static const struct schema schema_reasons = { .type = SCHEMA_MAP,
                                              .of = &schema_text };

static const struct schema_field sample_fields[] = {
    { "at_ms", &schema_int, 0, "Unix time." },
    { "interval_ms", &schema_int, NUL, "Since the sample before." },
    { "readings", &schema_readings, 0,
      "Also the names of series of the history." },
    { "gpus", &schema_gpus, 0, "With memory of their own." },
    { "servers", &schema_measured_all, 0, "Those with a process." },
    { "unknown", &schema_reasons, 0, "Why a part could not be read." },
};
const struct schema schema_sample = { "Sample", SCHEMA_OBJECT,
                                      FIELDS(sample_fields) };

static const struct schema schema_times = { .type = SCHEMA_ARRAY,
                                            .of = &schema_int };
static const struct schema schema_values = { .type = SCHEMA_ARRAY,
                                             .of = &schema_any };
static const struct schema schema_series = { .type = SCHEMA_MAP,
                                             .of = &schema_values };
static const struct schema_field history_fields[] = {
    { "step_ms", &schema_int, 0, "What one point is the average of." },
    { "at_ms", &schema_times, 0,
      "Begin of each step, Unix time; steps without a value are left out." },
    { "series", &schema_series, 0,
      "For each name a value for each of at_ms; null: none." },
};
const struct schema schema_metrics_history = { "MetricsHistory", SCHEMA_OBJECT,
                                               FIELDS(history_fields) };

static const struct schema_field ran_fields[] = {
    { "profile_id", &schema_text, 0, NULL },
    { "profile_name", &schema_text, NUL,
      "As it was named last; null: not known." },
};
static const struct schema schema_ran = { .type = SCHEMA_OBJECT,
                                          FIELDS(ran_fields) };
const struct schema schema_metrics_servers = { .type = SCHEMA_ARRAY,
                                               .of = &schema_ran };
