/* Worker jobs on libuv's thread pool. */
#include "io/worker.h"

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
