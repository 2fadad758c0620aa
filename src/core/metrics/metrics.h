/* The collector: what the machine, Hearth and its engines use, every 10 s.
 *
 * A sample is read on a worker and published as EVENT_METRICS; the newest is
 * kept. Whoever wants them more often starts a watch (1 to 60 s): the shortest
 * one counts, down from 10 s; a watch that is longer is served by what comes.
 * Each sample goes to the store, whose history has the names of series below.
 *
 *   one of METRICS_READINGS         "cpu_percent"
 *   of a GPU, by its number         "gpu.0.memory_used_bytes", ".busy_percent"
 *   of an engine, by its profile    "server.<profile id>.cpu_percent",
 *                                   ".rss_bytes", ".threads",
 *                                   ".gpu_memory_bytes", and where it tells
 *                                   ".requests_active", ".requests_waiting",
 *                                   ".prompt_tokens_per_s",
 *                                   ".completion_tokens_per_s", ".slots_busy"
 *
 * What is not known is NAN or -1, and `why` says why; it is never 0. Loop
 * thread only. */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include "core/events/events.h"
#include "core/hardware/hardware.h"
#include "core/instances/instances.h"
#include "core/llama/llama.h"
#include "store/store.h"

/* clang-format off */
/*    name             wire                                part */
#define METRICS_READINGS(X)                                               \
    X(CPU,             "cpu_percent",                      CPU)           \
    X(LOAD_1M,         "load_1m",                          LOAD)          \
    X(LOAD_5M,         "load_5m",                          LOAD)          \
    X(LOAD_15M,        "load_15m",                         LOAD)          \
    X(MEMORY_TOTAL,    "memory_total_bytes",               MEMORY)        \
    X(MEMORY_USED,     "memory_used_bytes",                MEMORY)        \
    X(SWAP_TOTAL,      "swap_total_bytes",                 SWAP)          \
    X(SWAP_USED,       "swap_used_bytes",                  SWAP)          \
    X(MODELS_TOTAL,    "models_disk_total_bytes",          MODELS_DISK)   \
    X(MODELS_FREE,     "models_disk_free_bytes",           MODELS_DISK)   \
    X(DATA_TOTAL,      "data_disk_total_bytes",            DATA_DISK)     \
    X(DATA_FREE,       "data_disk_free_bytes",             DATA_DISK)     \
    X(RECEIVED,        "network_received_bytes_per_s",     NETWORK)       \
    X(SENT,            "network_sent_bytes_per_s",         NETWORK)       \
    X(OWN_RSS,         "hearth_rss_bytes",                 OWN)           \
    X(OWN_CPU,         "hearth_cpu_percent",               OWN)           \
    X(OWN_THREADS,     "hearth_threads",                   OWN)           \
    X(REQUESTS,        "requests_per_s",                   PARTS)         \
    X(PROMPT_TOKENS,   "prompt_tokens_per_s",              PARTS)         \
    X(ANSWER_TOKENS,   "completion_tokens_per_s",          PARTS)
/* clang-format on */

enum metrics_reading {
#define X(name, wire, part) METRICS_##name,
    METRICS_READINGS(X)
#undef X
        METRICS_READING_COUNT
};
/* Its name in answers and as a series. */
const char *metrics_reading_name(enum metrics_reading reading);

/* What an engine measures itself, where it tells at /metrics. */
/* clang-format off */
/*    name              wire */
#define METRICS_ENGINE_READINGS(X)                                         \
    X(ACTIVE,           "requests_active",                                 \
      "llamacpp:requests_processing",       "vllm:num_requests_running")   \
    X(WAITING,          "requests_waiting",                                \
      "llamacpp:requests_deferred",         "vllm:num_requests_waiting")   \
    X(PROMPT_SPEED,     "prompt_tokens_per_s",                             \
      "llamacpp:prompt_tokens_seconds",     "")                            \
    X(ANSWER_SPEED,     "completion_tokens_per_s",                         \
      "llamacpp:predicted_tokens_seconds",  "")                            \
    X(BUSY_SLOTS,       "busy_slots_per_decode",                           \
      "llamacpp:n_busy_slots_per_decode",   "")                            \
    X(DECODES,          "decodes_total",                                   \
      "llamacpp:n_decode_total",            "")                            \
    X(TOKENS_MAX,       "tokens_max",                                      \
      "llamacpp:n_tokens_max",              "")                            \
    X(PROMPT_TOKENS,    "prompt_tokens_total",                             \
      "llamacpp:prompt_tokens_total",       "vllm:prompt_tokens_total")    \
    X(ANSWER_TOKENS,    "completion_tokens_total",                         \
      "llamacpp:tokens_predicted_total",    "vllm:generation_tokens_total") \
    X(PROMPT_SECONDS,   "prompt_seconds_total",                            \
      "llamacpp:prompt_seconds_total",      "")                            \
    X(ANSWER_SECONDS,   "completion_seconds_total",                        \
      "llamacpp:tokens_predicted_seconds_total", "")                       \
    /* counted at /slots, which llama-server serves */                     \
    X(SLOTS,            "slots_total", "", "")                             \
    X(SLOTS_BUSY,       "slots_busy", "", "")
/* clang-format on */

enum metrics_engine_reading {
#define X(name, wire, llama, vllm) METRICS_ENGINE_##name,
    METRICS_ENGINE_READINGS(X)
#undef X
        METRICS_ENGINE_COUNT
};
const char *metrics_engine_reading_name(enum metrics_engine_reading reading);

struct metrics_engine {
    double values[METRICS_ENGINE_COUNT]; /* NAN: unknown */
    char why[128];                       /* nothing is known; "": it is */
};

struct metrics_server {
    char profile_id[ID_BYTES];
    char name[256]; /* of the profile; cut off */
    int64_t pid;
    int64_t rss_bytes;  /* -1: unknown, as for each number below */
    double cpu_percent; /* of one core */
    int64_t n_threads;
    int64_t gpu_memory_bytes;
    struct metrics_engine engine; /* as of the sample before */
};
enum { METRICS_SERVERS_MAX = 256 };

struct metrics_sample {
    int64_t at_ms;       /* Unix time */
    int64_t interval_ms; /* since the one before; 0: the first */
    double values[METRICS_READING_COUNT]; /* NAN: unknown */
    struct error why[HARDWARE_PARTS];     /* ERR_OK: the part is known */
    struct hardware_gpu_use gpus[HARDWARE_GPUS_MAX];
    size_t n_gpus;
    const struct metrics_server *servers; /* with a process, by birth */
    size_t n_servers;
};

/* What was relayed since the start. */
struct metrics_traffic {
    uint64_t n_requests;
    uint64_t n_prompt_tokens;
    uint64_t n_completion_tokens;
};

struct metrics;

struct metrics_options {
    struct loop *loop;
    struct events *events;
    struct instances *instances;
    struct store *store;       /* NULL: no history */
    const struct llama *llama; /* NULL: no router is asked */
    const char *models_dir;    /* these two are copied */
    const char *data_dir;
    /* NULL: not counted. */
    void (*read_traffic)(void *ctx, struct metrics_traffic *ret_traffic);
    void *ctx;
    int64_t interval_ms; /* 0: 10 s */
};

/* Reads the first sample as soon as the loop runs, and a second one soon
 * after: some readings take two. */
int metrics_new(const struct metrics_options *options,
                struct metrics **ret_metrics, struct error *error);
/* From the next look on. */
void metrics_set_models_dir(struct metrics *metrics, const char *models_dir);
/* Stores what is still to be stored. Every watch must have been stopped.
 * Accepts NULL. */
void metrics_free(struct metrics *metrics);

/* The newest, or NULL before the first; valid until the loop's next turn. */
const struct metrics_sample *metrics_newest(const struct metrics *metrics);

enum { METRICS_INTERVAL_MIN_MS = 1000, METRICS_INTERVAL_MAX_MS = 60000 };
struct metrics_watch {
    struct list node;
    struct metrics *metrics; /* NULL: not started */
    int64_t interval_ms;
};
/* Clamps the interval to the limits above; starting again changes it. */
void metrics_watch_start(struct metrics *metrics, struct metrics_watch *watch,
                         int64_t interval_ms);
/* Twice is once. */
void metrics_watch_stop(struct metrics_watch *watch);

/* The newest answer of the engine's /metrics, as it is; of a llama router those
 * of its loaded models, each with its name, else "". None that is not known.
 */
void metrics_each_answer(const struct metrics *metrics, const char *profile_id,
                         void (*fn)(void *ctx, const char *model,
                                    struct str text),
                         void *ctx);

typedef void metrics_history_fn(void *ctx, const struct metric_history *history,
                                const struct error *error);
/* As store_query_metrics(), up to the newest sample; `now_ms` is set. */
void metrics_query(struct metrics *metrics, const struct metric_query *query,
                   metrics_history_fn *on_done, void *ctx);
/* The servers that ran in [from, to), deleted ones too: one series of each,
 * whose label is the name that it had last. */
void metrics_find_servers(struct metrics *metrics, int64_t from_ms,
                          int64_t to_ms, store_metrics_found_fn *on_done,
                          void *ctx);
/* The profile's id in the name of such a series. */
struct str metrics_server_of(const char *series);

#endif
