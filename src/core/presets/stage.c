/* Several presets at once, with what the store holds: they are written into a
 * folder beside that of the others, which carries the id of the change. Only
 * when that id is in the database they are taken over, one rename each; a
 * program that died in between goes on with that at its next start. */
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "core/presets/presets_internal.h"
#include "platform/file.h"
#include "platform/folder.h"
#include "platform/tree.h"

enum { STAGE_ID_BYTES = 48 };

struct staging {
    struct preset_job job;
    char folder[PRESET_PATH_BYTES]; /* of the presets */
    char id[STAGE_ID_BYTES];
    char **names;
    char **texts;
    size_t n;
    bool is_taken;
    struct preset_files files; /* what is there after that */
    void (*on_done)(void *ctx, const struct error *error);
    void *ctx;
};

static void
stage_folder(const char *folder, const char *id, char ret_path[512])
{
    snprintf(ret_path, PRESET_PATH_BYTES, "%.400s-staged/%s", folder, id);
}

static void
staging_free(struct staging *staging)
{
    for (size_t i = 0; i < staging->n; i++) {
        free(staging->names[i]);
        free(staging->texts[i]);
    }
    preset_files_release(&staging->files);
    free((void *)staging->names);
    free((void *)staging->texts);
    free(staging);
}

static bool
begin_staging(struct preset_job *job)
{
    struct staging *staging = (struct staging *)job;
    snprintf(staging->folder, sizeof staging->folder, "%s",
             job->presets->folder);
    return job->error.code == ERR_OK;
}

static void
end_staging(struct preset_job *job)
{
    struct staging *staging = (struct staging *)job;
    struct presets *presets = job->presets;
    if (staging->is_taken && presets != NULL && job->error.code == ERR_OK)
        presets_take_files(presets, &staging->files);
    staging->on_done(staging->ctx,
                     job->error.code == ERR_OK ? NULL : &job->error);
    staging_free(staging);
}

static struct staging *
staging_new(const char *id,
            void (*on_done)(void *ctx, const struct error *error), void *ctx)
{
    struct staging *staging = calloc(1, sizeof *staging);
    if (staging == NULL) {
        struct error error;
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, &error);
        return NULL;
    }
    snprintf(staging->id, sizeof staging->id, "%s", id);
    staging->on_done = on_done;
    staging->ctx = ctx;
    staging->job.begin = begin_staging;
    staging->job.end = end_staging;
    return staging;
}

/* ---- writing them ---- */

static void
work_stage(struct preset_job *job)
{
    struct staging *staging = (struct staging *)job;
    char folder[PRESET_PATH_BYTES];
    char path[PRESET_PATH_BYTES + PRESET_NAME_BYTES + 8];
    stage_folder(staging->folder, staging->id, folder);
    if (file_make_folders(folder, 0700, &job->error) < 0)
        return;
    for (size_t i = 0; i < staging->n && job->error.code == ERR_OK; i++) {
        snprintf(path, sizeof path, "%s/%s.ini", folder, staging->names[i]);
        (void)file_write_atomic(path, str_from(staging->texts[i]), 0600,
                                &job->error);
    }
}

static int
copy_texts(struct staging *staging, const struct preset_text *texts, size_t n)
{
    staging->names = calloc(n + 1, sizeof *staging->names);
    staging->texts = calloc(n + 1, sizeof *staging->texts);
    if (staging->names == NULL || staging->texts == NULL)
        return -1;
    for (size_t i = 0; i < n; i++) {
        char name[PRESET_NAME_BYTES + 1];
        if (!preset_plain_name(texts[i].name, name))
            return -1;
        staging->names[i] = str_dup(str_from(name));
        staging->texts[i] = str_dup(texts[i].text);
        staging->n = i + 1;
        if (staging->names[i] == NULL || staging->texts[i] == NULL)
            return -1;
    }
    return 0;
}

void
presets_stage(struct presets *presets, const struct preset_text *texts,
              size_t n, const char *id,
              void (*on_done)(void *ctx, const struct error *error), void *ctx)
{
    struct staging *staging = staging_new(id, on_done, ctx);
    if (staging == NULL)
        return;
    staging->job.work = work_stage;
    if (copy_texts(staging, texts, n) < 0)
        error_set(&staging->job.error, ERR_NO_MEMORY, "out of memory");
    presets_queue(presets, &staging->job);
}

/* ---- taking them over, or not ---- */

struct unstaging {
    const char *folder;
    const char *id; /* files of this change are taken, others removed */
    struct error *error;
};

static bool
is_of_change(const char *path, const char *id)
{
    char part[STAGE_ID_BYTES + 2];
    snprintf(part, sizeof part, "/%s/", id);
    return id[0] != '\0' && str_contains(str_from(path), str_from(part));
}

static int
unstage_file(void *ctx, const struct folder_file *file)
{
    struct unstaging *unstaging = ctx;
    char path[PRESET_PATH_BYTES];
    snprintf(path, sizeof path, "%.400s/%.*s", unstaging->folder,
             STR_ARG(file->name));
    if (!is_of_change(file->path, unstaging->id) ||
        rename(file->path, path) == 0)
        return 0;
    error_set(unstaging->error, ERR_IO, "%s cannot be put into place", path);
    return -1;
}

/* `id` "": none of them is taken. */
static int
unstage(const char *folder, const char *id, struct error *error)
{
    static const char *const suffixes[] = { ".ini", NULL };
    struct error inner = { .code = ERR_OK };
    struct unstaging unstaging = { folder, id, &inner };
    struct folder_walk walk = { .suffixes = suffixes,
                                .max_depth = 1,
                                .max_entries = 100000,
                                .on_file = unstage_file,
                                .ctx = &unstaging };
    struct folder_facts facts;
    char staged[PRESET_PATH_BYTES];
    snprintf(staged, sizeof staged, "%.400s-staged", folder);
    if (folder_facts(staged, &facts) != 0)
        return 0;
    int failed = folder_walk(staged, &walk, error);
    if (inner.code != ERR_OK && error != NULL)
        *error = inner;
    if (failed != 0 || inner.code != ERR_OK)
        return -1;
    const char *slash = strrchr(staged, '/');
    char above[PRESET_PATH_BYTES];
    snprintf(above, sizeof above, "%.*s", (int)(slash - staged), staged);
    const struct tree_name name = { above, slash + 1 };
    return tree_remove(&name, error);
}

static void
work_unstage(struct preset_job *job)
{
    struct staging *staging = (struct staging *)job;
    if (unstage(staging->folder, staging->is_taken ? staging->id : "",
                &job->error) == 0 &&
        staging->is_taken)
        (void)preset_files_read(staging->folder, &staging->files, &job->error);
}

void
presets_unstage(struct presets *presets, const char *id, bool is_taken,
                void (*on_done)(void *ctx, const struct error *error),
                void *ctx)
{
    struct staging *staging = staging_new(id, on_done, ctx);
    if (staging == NULL)
        return;
    staging->job.work = work_unstage;
    staging->is_taken = is_taken;
    presets_queue(presets, &staging->job);
}

int
presets_recover(const char *data_dir, const char *id, struct error *error)
{
    char folder[PRESET_PATH_BYTES];
    snprintf(folder, sizeof folder, "%.400s/presets", data_dir);
    return unstage(folder, id, error);
}
