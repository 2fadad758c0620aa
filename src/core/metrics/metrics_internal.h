/* Inside core/metrics: the collector and what its files share. */
#ifndef CORE_METRICS_INTERNAL_H
#define CORE_METRICS_INTERNAL_H

#include "base/limits.h"
#include "core/metrics/metrics.h"
#include "io/timer.h"

/* What a rate is made from: two of these. */
struct metrics_counters {
    int64_t at_ms; /* monotonic; 0: none yet */
    struct hardware_sample hardware;
    struct metrics_traffic traffic;
};

/* Points that wait for the store, and the names of servers that are among
 * them. */
struct metrics_pending {
    struct metric_point *points;
    size_t n, capacity;
    struct metric_label *labels; /* METRICS_SERVERS_MAX, made at need */
    size_t n_labels;
    int64_t since_ms; /* Unix time of the first */
};

/* The series of each server that carries its name. */
#define METRICS_SERVER_SERIES "server.%s.rss_bytes"

struct metrics_look;

struct metrics {
    struct metrics_options options;
    struct timer timer;
    char models_dir[LIMIT_PATH_BYTES], data_dir[LIMIT_PATH_BYTES];
    struct metrics_look *look; /* on a worker now; or NULL */
    struct list watches;
    struct list asked; /* engines.c */
    struct metrics_counters last;
    struct metrics_sample newest;
    bool has_newest;
    struct metrics_server *servers; /* METRICS_SERVERS_MAX, made at need */
    struct metrics_pending pending;
};

/* collector.c: the sample from what was read now and before. */
void metrics_make_sample(const struct metrics_counters *before,
                         const struct metrics_counters *now, bool has_traffic,
                         struct metrics_sample *ret_sample);

/* engines.c: asks those that are ready; fills what was answered before. */
void metrics_ask_engines(struct metrics *metrics);
void metrics_take_engine(struct metrics *metrics,
                         struct metrics_server *server);
void metrics_forget_engines(struct metrics *metrics);
/* What an engine's answer says. */
void metrics_read_engine(struct str text, struct metrics_engine *ret_engine);
/* The same of /slots: how many there are, and are at work. False: that is no
 * list of slots. */
bool metrics_read_slots(struct str text, int64_t *ret_n, int64_t *ret_n_busy);

/* series.c: the sample's known values as points of series. -1: there is not
 * enough memory, or too much waits; some are missing then. */
int metrics_add_points(struct metrics_pending *pending,
                       const struct metrics_sample *sample);

#endif
