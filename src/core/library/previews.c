/* The picture beside a model: see library.h.
 *
 * The path that the record has was found by a walk, some time ago. What is
 * there now may be a link to anywhere, so it is resolved anew and then opened
 * from the folder that is searched downwards, without following links. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/library/library_internal.h"
#include "formats/picture.h"
#include "io/worker.h"
#include "platform/tree.h"

struct preview_job {
    char *path;
    struct text_list roots; /* as they are configured */
    library_preview_fn *on_done;
    void *ctx;
    /* out */
    struct strbuf bytes;
    const char *type;
    char version[64];
    int result;
    struct error error;
};

static void
free_job(struct preview_job *job)
{
    if (job == NULL)
        return;
    free(job->path);
    text_list_release(&job->roots);
    strbuf_release(&job->bytes);
    free(job);
}

static struct preview_job *
make_job(const struct library *library, const struct model *model)
{
    struct preview_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    strbuf_init(&job->bytes, LIBRARY_PREVIEW_BYTES);
    job->path = str_dup(str_from(model->preview_path));
    int result = job->path == NULL ? -1 : 0;
    for (size_t i = 0; result == 0 && i < library->n_roots; i++)
        result = text_list_add(&job->roots, str_from(library->roots[i].path));
    if (result == 0)
        return job;
    free_job(job);
    return NULL;
}

/* ---- on the worker ---- */

/* Where the file is now, as a name below one of the roots. Both texts of
 * LIMIT_PATH_BYTES. */
static int
find_place(struct preview_job *job, char *ret_path, char *ret_root,
           struct tree_name *ret_name)
{
    if (folder_resolve(job->path, ret_path, LIMIT_PATH_BYTES, &job->error) <
        0) {
        job->error.code = ERR_NOT_FOUND;
        return -1;
    }
    for (size_t i = 0; i < job->roots.n; i++) {
        struct error ignored;
        if (folder_resolve(job->roots.at[i], ret_root, LIMIT_PATH_BYTES,
                           &ignored) < 0 ||
            strcmp(ret_path, ret_root) == 0 ||
            !path_is_below(ret_path, ret_root))
            continue;
        const char *name = ret_path + strlen(ret_root);
        *ret_name = (struct tree_name){ ret_root, name + (*name == '/') };
        return 0;
    }
    return error_set(&job->error, ERR_NOT_FOUND,
                     "%s leads out of the model folders", job->path);
}

static int
read_preview(struct preview_job *job)
{
    char path[LIMIT_PATH_BYTES], root[LIMIT_PATH_BYTES];
    struct tree_name name;
    struct folder_facts facts;
    if (find_place(job, path, root, &name) < 0 ||
        tree_read(&name, &job->bytes, &facts, &job->error) < 0)
        return -1;
    job->type = picture_type(strbuf_view(&job->bytes));
    if (job->type == NULL)
        return error_set(&job->error, ERR_UNSUPPORTED_MEDIA,
                         "%s is no picture that can be shown: PNG, JPEG, "
                         "WebP, GIF and AVIF are",
                         job->path);
    snprintf(job->version, sizeof job->version,
             "%" PRIx64 "-%" PRIx64 "-%" PRIx64, facts.inode,
             (uint64_t)facts.size_bytes, (uint64_t)facts.modified_at_ms);
    return 0;
}

static void
work(void *arg)
{
    struct preview_job *job = arg;
    job->result = read_preview(job);
}

/* ---- on the loop ---- */

static void
done(void *arg)
{
    struct preview_job *job = arg;
    const struct library_preview preview = { strbuf_view(&job->bytes),
                                             job->type, job->version };
    if (job->result == 0)
        job->on_done(job->ctx, &preview, NULL);
    else
        job->on_done(job->ctx, NULL, &job->error);
    free_job(job);
}

void
library_preview(const struct library *library, const struct model *model,
                library_preview_fn *on_done, void *ctx)
{
    struct error error;
    if (model->preview_path[0] == '\0') {
        error_set(&error, ERR_NOT_FOUND, "there is no picture beside %s",
                  model->name);
        on_done(ctx, NULL, &error);
        return;
    }
    struct preview_job *job = make_job(library, model);
    if (job != NULL) {
        job->on_done = on_done;
        job->ctx = ctx;
        if (worker_submit(library->loop, work, done, job) == 0)
            return;
        free_job(job);
    }
    error_set(&error, ERR_NO_MEMORY, "out of memory");
    on_done(ctx, NULL, &error);
}
