/* Worker jobs on libuv's thread pool. */
#include "io/worker.h"

#include <pthread.h>
#include <stdlib.h>

struct worker_job {
    uv_work_t uv;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

static void
on_work(uv_work_t *uv)
{
    struct worker_job *job = uv->data;
    job->work(job->arg);
}

static void
on_done(uv_work_t *uv, int status)
{
    (void)status; /* never cancelled */
    struct worker_job *job = uv->data;
    void (*done)(void *arg) = job->done;
    void *arg = job->arg;
    free(job);
    done(arg);
}

int
worker_submit(struct loop *loop, void (*work)(void *arg),
              void (*done)(void *arg), void *arg)
{
    struct worker_job *job = malloc(sizeof *job);
    if (job == NULL)
        return -1;
    *job = (struct worker_job){ .work = work, .done = done, .arg = arg };
    job->uv.data = job;
    if (uv_queue_work(&loop->uv, &job->uv, on_work, on_done) != 0) {
        free(job);
        return -1;
    }
    return 0;
}

struct helper {
    pthread_t thread;
    void (*work)(void *arg);
    void *arg;
};

static void *
help(void *arg)
{
    const struct helper *helper = arg;
    helper->work(helper->arg);
    return NULL;
}

void
worker_side_by_side(size_t n_more, void (*work)(void *arg), void *arg)
{
    struct helper helpers[WORKER_MORE_MAX];
    size_t n = 0;
    for (; n < n_more && n < WORKER_MORE_MAX; n++) {
        helpers[n] = (struct helper){ .work = work, .arg = arg };
        if (pthread_create(&helpers[n].thread, NULL, help, &helpers[n]) != 0)
            break;
    }
    work(arg);
    for (size_t i = 0; i < n; i++)
        pthread_join(helpers[i].thread, NULL);
}
