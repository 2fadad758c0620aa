/* The file that an engine which is a router reads at its start: its text is
 * composed above (instances_options.compose), a worker writes it, and the
 * start goes on. */
#include <stdio.h>
#include <stdlib.h>

#include "core/instances/instances_internal.h"
#include "io/worker.h"
#include "platform/file.h"

enum { PRESET_BYTES = 4 * 1024 * 1024 };

void
instance_preset_path(const struct instances *all, const char *profile_id,
                     char ret_path[512])
{
    snprintf(ret_path, 512, "%.400s/run/%s.ini", all->data_dir, profile_id);
}

struct preset_job {
    struct instances *all;
    char profile_id[ID_BYTES];
    uint64_t run;
    char program[PROGRAM_BYTES];
    char path[512];
    struct strbuf text;
    struct error error;
    void (*on_done)(void *ctx, const struct error *error); /* or NULL */
    void *ctx;
};

static void
write_preset(void *arg)
{
    struct preset_job *job = arg;
    (void)file_write_atomic(job->path, strbuf_view(&job->text), 0600,
                            &job->error);
}

static void
on_preset_written(void *arg)
{
    struct preset_job *job = arg;
    struct instances *all = job->all;
    bool has_failed = job->error.code != ERR_OK;
    if (!instances_job_done(all)) {
        struct instance *instance = instance_find(all, job->profile_id);
        bool is_there = instance != NULL && instance->run == job->run;
        if (job->on_done != NULL)
            job->on_done(job->ctx, has_failed ? &job->error : NULL);
        else if (is_there && instance->state == INSTANCE_STARTING && has_failed)
            instance_fail(instance, &job->error, "");
        else if (is_there && instance->state == INSTANCE_STARTING)
            instance_go_on(instance, job->program);
        instances_look(all);
    }
    strbuf_release(&job->text);
    free(job);
}

/* Takes over the text. */
static int
submit(struct instance *instance, const char *program, struct strbuf *text,
       void (*on_done)(void *ctx, const struct error *error), void *ctx,
       struct error *error)
{
    struct preset_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    job->all = instance->all;
    job->run = instance->run;
    job->on_done = on_done;
    job->ctx = ctx;
    snprintf(job->profile_id, sizeof job->profile_id, "%s",
             instance->profile->id);
    snprintf(job->program, sizeof job->program, "%s", program);
    instance_preset_path(instance->all, instance->profile->id, job->path);
    job->text = *text;
    *text = STRBUF_INIT(0);
    if (worker_submit(instance->all->options.loop, write_preset,
                      on_preset_written, job) != 0) {
        strbuf_release(&job->text);
        free(job);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    instance->all->n_jobs++;
    return 0;
}

int
instances_compose(const struct instances *all,
                  const struct engine_manifest *manifest,
                  struct profile *profile, struct strbuf *text,
                  struct error *error)
{
    const struct instances_options *options = &all->options;
    strbuf_init(text, PRESET_BYTES);
    if (!manifest->is_router || options->compose == NULL)
        return 0;
    if (options->compose(options->ctx, profile, text, error) != 0)
        return -1;
    return strbuf_failed(text)
               ? error_set(error, ERR_NO_MEMORY, "out of memory")
               : 0;
}

int
instance_write_preset(struct instance *instance, const char *program,
                      struct strbuf *text, struct error *error)
{
    return submit(instance, program, text, NULL, NULL, error);
}

int
instances_write_preset(struct instances *instances, const char *profile_id,
                       void (*on_done)(void *ctx, const struct error *error),
                       void *ctx, struct error *error)
{
    struct instance *instance = instance_find(instances, profile_id);
    struct strbuf text;
    if (instance == NULL || !instance->has_preset ||
        !instance_is_active(instance))
        return error_set(error, ERR_CONFLICT,
                         "it does not run with a file of options");
    int failed = instances_compose(instances, instance->manifest,
                                   instance->profile, &text, error);
    if (failed == 0)
        failed = submit(instance, "", &text, on_done, ctx, error);
    strbuf_release(&text);
    return failed;
}
