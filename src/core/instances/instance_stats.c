/* Memory and processor time of the engines' process groups, looked at on a
 * worker: one look over the system serves all of them. */
#include <stdlib.h>
#include <string.h>

#include "core/instances/instances_internal.h"
#include "io/worker.h"

struct sample {
    struct instances *all;
    int n;
    bool is_good;
    struct group_stats rows[];
};

static void
take(struct instance *instance, const struct group_stats *row, int64_t now_ms)
{
    int64_t elapsed_ms = now_ms - instance->sampled_at_ms;
    instance->rss_bytes = row->rss_bytes;
    instance->n_threads = row->n_threads;
    if (instance->cpu_ms >= 0 && elapsed_ms > 0 &&
        row->cpu_ms >= instance->cpu_ms)
        instance->cpu_percent = 100.0 *
                                (double)(row->cpu_ms - instance->cpu_ms) /
                                (double)elapsed_ms;
    instance->cpu_ms = row->cpu_ms;
    instance->sampled_at_ms = now_ms;
}

static void
work(void *arg)
{
    struct sample *sample = arg;
    sample->is_good = process_sample_groups(sample->rows, sample->n) == 0;
}

static void
done(void *arg)
{
    struct sample *sample = arg;
    struct instances *all = sample->all;
    if (instances_job_done(all)) {
        free(sample);
        return;
    }
    int64_t now_ms = loop_now_ms(all->options.loop);
    all->is_sampling = false;
    LIST_FOR(node, &all->all)
    {
        struct instance *instance = LIST_ENTRY(node, struct instance, node);
        for (int i = 0; sample->is_good && i < sample->n; i++) {
            if (instance->engine.pid != 0 && instance->link != NULL &&
                sample->rows[i].group == instance->engine.pid &&
                sample->rows[i].n_processes > 0)
                take(instance, &sample->rows[i], now_ms);
        }
    }
    free(sample);
    instances_sample_begin(all);
    instances_look(all);
}

static int
count_running(const struct instances *all)
{
    int n = 0;
    LIST_FOR(node, &all->all)
    {
        const struct instance *instance =
            LIST_ENTRY(node, struct instance, node);
        n += instance->engine.pid != 0 && instance->link != NULL;
    }
    return n;
}

static void
on_timer(struct timer *timer)
{
    struct instances *all = LIST_ENTRY(timer, struct instances, sample_timer);
    int n = count_running(all);
    if (n == 0 || all->is_shutting_down || all->is_sampling)
        return;
    struct sample *sample =
        calloc(1, sizeof *sample + (size_t)n * sizeof sample->rows[0]);
    if (sample == NULL)
        return;
    sample->all = all;
    LIST_FOR(node, &all->all)
    {
        const struct instance *instance =
            LIST_ENTRY(node, struct instance, node);
        if (instance->engine.pid != 0 && instance->link != NULL)
            sample->rows[sample->n++].group = instance->engine.pid;
    }
    if (worker_submit(all->options.loop, work, done, sample) != 0) {
        free(sample);
        return;
    }
    all->is_sampling = true;
    all->n_jobs++;
}

void
instances_sample_begin(struct instances *all)
{
    if (all->is_sampling || timer_is_armed(&all->sample_timer) ||
        all->is_shutting_down || count_running(all) == 0)
        return;
    timer_init(&all->sample_timer, on_timer);
    (void)timer_start(all->options.loop, &all->sample_timer,
                      all->options.sample_interval_ms);
}

void
instances_sample_end(struct instances *all)
{
    timer_stop(&all->sample_timer);
}
