/* Changes, one after another: what a change makes of the text is computed
 * when its turn comes, so that none is lost to one that came before. */
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "core/presets/presets_internal.h"
#include "io/worker.h"
#include "platform/file.h"
#include "platform/part_file.h"

/* ---- the queue ---- */

static void run_first(struct presets *presets);

static void
end_job(struct preset_job *job)
{
    struct presets *presets = job->presets;
    list_remove(&job->node);
    job->end(job);
    if (presets != NULL) {
        presets->is_running = false;
        run_first(presets);
    }
}

static void
work_job(void *arg)
{
    struct preset_job *job = arg;
    job->work(job);
}

static void
on_worked(void *arg)
{
    end_job(arg);
}

static void
run_first(struct presets *presets)
{
    struct list *node = list_first(&presets->jobs);
    if (node == NULL || presets->is_running)
        return;
    struct preset_job *job = LIST_ENTRY(node, struct preset_job, node);
    presets->is_running = true;
    if (!job->begin(job)) {
        end_job(job);
    } else if (worker_submit(presets->options.loop, work_job, on_worked, job) <
               0) {
        error_set(&job->error, ERR_NO_MEMORY, "out of memory");
        end_job(job);
    }
}

void
presets_queue(struct presets *presets, struct preset_job *job)
{
    job->presets = presets;
    list_push_back(&presets->jobs, &job->node);
    run_first(presets);
}

/* ---- one change ---- */

struct change {
    struct preset_job job;
    enum preset_change_kind kind;
    char name[PRESET_NAME_BYTES + 1];
    char *text;
    char *section;
    struct json_doc *values;
    char path[PRESET_PATH_BYTES];
    struct ini *ini; /* what it becomes */
    struct strbuf bytes;
    struct preset_problems problems;
    presets_done_fn *on_done;
    void *ctx;
};

static void
change_free(struct change *change)
{
    free(change->text);
    free(change->section);
    json_doc_free(change->values);
    ini_free(change->ini);
    strbuf_release(&change->bytes);
    free(change);
}

/* The text as it is, to be changed; of a new one its head alone. */
static struct ini *
copy_of(const struct preset *preset, struct error *error)
{
    struct strbuf text = STRBUF_INIT(INI_BYTES_MAX * 2);
    if (preset != NULL)
        ini_write(preset->ini, &text);
    else
        strbuf_add_text(&text, "LLAMA_CONFIG_VERSION = 1\n");
    struct ini *ini =
        strbuf_failed(&text) ? NULL : ini_parse(strbuf_view(&text), error);
    if (strbuf_failed(&text))
        error_set(error, ERR_NO_MEMORY, "out of memory");
    strbuf_release(&text);
    return ini;
}

/* Every problem of a member of `values` is one of its own. */
static int
set_members(struct change *change, struct str section,
            const struct json *values)
{
    struct json_iter iter;
    int failed = 0;
    for (json_iter_init(&iter, values); json_iter_next(&iter);) {
        struct error error = { .code = ERR_OK };
        if (preset_set(change->job.presets, change->ini, section, iter.key,
                       iter.value, &error) == 0)
            continue;
        if (failed == 0)
            change->job.error = error;
        failed = -1;
        preset_problem_add(&change->problems, 0, iter.key, "%.255s",
                           error.message);
    }
    return failed;
}

/* What the section has and `values` has not goes. */
static void
remove_absent(struct change *change, struct str section,
              const struct json *values)
{
    for (size_t i = ini_count(change->ini); i-- > 0;) {
        const struct ini_line *line = ini_at(change->ini, i);
        if (line->kind != INI_PAIR || !str_eq(line->section, section))
            continue;
        bool is_named = json_get_str(values, line->key) != NULL, is_negated;
        const struct engine_option *row =
            presets_row(change->job.presets, line->key, &is_negated);
        if (!is_named && (row == NULL || json_get(values, row->key) == NULL))
            ini_remove(change->ini, section, line->key);
    }
}

static int
set_sections(struct change *change)
{
    const struct json *values = json_root(change->values);
    struct json_iter iter;
    for (size_t i = ini_count(change->ini); i-- > 0;) {
        if (i >= ini_count(change->ini))
            continue;
        const struct ini_line *line = ini_at(change->ini, i);
        if (line->kind == INI_SECTION &&
            json_get_str(values, line->section) == NULL)
            ini_remove_section(change->ini, line->section);
    }
    int failed = 0;
    for (json_iter_init(&iter, values); json_iter_next(&iter);) {
        if (json_type(iter.value) != JSON_OBJECT)
            return error_field(&change->job.error, "sections",
                               "each section is an object of options");
        if (ini_add_section(change->ini, iter.key, &change->job.error) < 0)
            return -1;
        remove_absent(change, iter.key, iter.value);
        if (set_members(change, iter.key, iter.value) < 0)
            failed = -1;
    }
    return failed;
}

static int
change_section(struct change *change)
{
    struct error *error = &change->job.error;
    struct str section = str_from(change->section);
    bool is_there = ini_has_section(change->ini, section);
    if (change->kind == PRESET_REMOVE_SECTION && !is_there)
        return error_set(error, ERR_NOT_FOUND,
                         "the preset has no section [%.100s]", section.p);
    if (change->kind == PRESET_REMOVE_SECTION) {
        ini_remove_section(change->ini, section);
        return 0;
    }
    if (change->kind == PRESET_ADD_SECTION && is_there)
        return error_set(error, ERR_CONFLICT,
                         "the preset has a section [%.100s] already",
                         section.p);
    if (ini_add_section(change->ini, section, error) < 0)
        return -1;
    return set_members(change, section, json_root(change->values));
}

static int
compute(struct change *change, const struct preset *preset)
{
    struct error *error = &change->job.error;
    bool is_new = change->kind == PRESET_CREATE || change->kind == PRESET_PUT ||
                  change->kind == PRESET_SET_SECTIONS;
    if (preset == NULL && !is_new)
        return error_set(error, ERR_NOT_FOUND, "there is no preset \"%s\"",
                         change->name);
    if (preset != NULL && change->kind == PRESET_CREATE)
        return error_set(error, ERR_CONFLICT,
                         "there is a preset \"%s\" already", change->name);
    if (preset == NULL && change->job.presets->n == PRESETS_MAX)
        return error_set(error, ERR_CONFLICT,
                         "there are %d presets, which is the limit",
                         PRESETS_MAX);
    if (change->kind == PRESET_DELETE) {
        if (strcmp(change->name, PRESET_BUILT_IN) == 0)
            return error_set(error, ERR_CONFLICT,
                             "the preset \"%s\" is built in: it can be "
                             "changed, not deleted",
                             PRESET_BUILT_IN);
        return 0;
    }
    if (change->kind == PRESET_CREATE || change->kind == PRESET_PUT)
        change->ini = ini_parse(str_from(change->text), error);
    else
        change->ini = copy_of(preset, error);
    if (change->ini == NULL)
        return -1;
    if (change->kind == PRESET_SET_SECTIONS)
        return set_sections(change);
    return change->section == NULL ? 0 : change_section(change);
}

static bool
begin_change(struct preset_job *job)
{
    struct change *change = (struct change *)job;
    const struct preset *preset =
        presets_get(job->presets, str_from(change->name));
    if (compute(change, preset) < 0)
        return false;
    preset_path(job->presets, change->name, change->path);
    if (change->ini == NULL)
        return true;
    presets_check(job->presets, change->ini, &change->problems);
    if (change->problems.n > 0) {
        const struct preset_problem *first = &change->problems.at[0];
        error_set(&job->error, ERR_INVALID, "line %d: %s%s%s", first->line,
                  first->key, first->key[0] != '\0' ? ": " : "",
                  first->message);
        return false;
    }
    ini_write(change->ini, &change->bytes);
    if (strbuf_failed(&change->bytes)) {
        error_set(&job->error, ERR_TOO_LARGE, "a preset has at most %d bytes",
                  INI_BYTES_MAX);
        return false;
    }
    return true;
}

static void
work_change(struct preset_job *job)
{
    struct change *change = (struct change *)job;
    if (change->kind == PRESET_DELETE)
        (void)part_file_remove(change->path, &job->error);
    else
        (void)file_write_atomic(change->path, strbuf_view(&change->bytes), 0600,
                                &job->error);
}

static void
end_change(struct preset_job *job)
{
    struct change *change = (struct change *)job;
    struct presets *presets = job->presets;
    const struct preset *preset = NULL;
    if (job->error.code == ERR_OK && change->kind == PRESET_DELETE) {
        presets_drop(presets, change->name);
    } else if (job->error.code == ERR_OK) {
        if (presets_take(presets, change->name, change->ini, loop_wall_ms(),
                         &job->error) == 0)
            preset = presets_get(presets, str_from(change->name));
        change->ini = NULL;
    }
    if (job->error.code == ERR_OK)
        events_publish(presets->options.events, EVENT_PRESETS_CHANGED,
                       change->name, NULL);
    change->on_done(change->ctx, preset, &change->problems,
                    job->error.code == ERR_OK ? NULL : &job->error);
    change_free(change);
}

static int
copy_change(struct change *copy, const struct preset_change *change)
{
    if (!preset_plain_name(change->name, copy->name))
        return preset_check_name(change->name, &copy->job.error);
    if (str_find(change->text, '\0') >= 0)
        return error_field(&copy->job.error, "text", "holds a zero byte");
    copy->text = str_dup(change->text);
    if (change->section.p != NULL)
        copy->section = str_dup(change->section);
    if (change->values != NULL) {
        char *json = json_to_text(change->values);
        copy->values = json == NULL ? NULL : json_parse(str_from(json), NULL);
        free(json);
    }
    if (copy->text == NULL ||
        (change->section.p != NULL && copy->section == NULL) ||
        (change->values != NULL && copy->values == NULL))
        return error_set(&copy->job.error, ERR_NO_MEMORY, "out of memory");
    return 0;
}

void
presets_change(struct presets *presets, const struct preset_change *change,
               presets_done_fn *on_done, void *ctx)
{
    struct change *copy = calloc(1, sizeof *copy);
    struct error error;
    if (copy == NULL) {
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, NULL, NULL, &error);
        return;
    }
    copy->kind = change->kind;
    copy->on_done = on_done;
    copy->ctx = ctx;
    copy->job.begin = begin_change;
    copy->job.work = work_change;
    copy->job.end = end_change;
    list_init(&copy->job.node);
    strbuf_init(&copy->bytes, INI_BYTES_MAX);
    if (copy_change(copy, change) < 0)
        end_change(&copy->job);
    else
        presets_queue(presets, &copy->job);
}

/* ---- somebody else changed a file ---- */

struct reload {
    struct preset_job job;
    char folder[PRESET_PATH_BYTES];
    struct preset_files files;
};

static bool
begin_reload(struct preset_job *job)
{
    struct reload *reload = (struct reload *)job;
    snprintf(reload->folder, sizeof reload->folder, "%s", job->presets->folder);
    return true;
}

static void
work_reload(struct preset_job *job)
{
    struct reload *reload = (struct reload *)job;
    (void)preset_files_read(reload->folder, &reload->files, &job->error);
}

static bool
is_same_text(const struct preset *preset, const struct ini *ini)
{
    if (preset == NULL || ini_count(preset->ini) != ini_count(ini))
        return false;
    for (size_t i = 0; i < ini_count(ini); i++)
        if (!str_eq(ini_at(ini, i)->text, ini_at(preset->ini, i)->text))
            return false;
    return true;
}

static bool
is_found(const struct preset_files *files, const char *name)
{
    for (size_t i = 0; i < files->n; i++)
        if (strcmp(files->at[i].name, name) == 0)
            return true;
    return false;
}

static void
publish(struct presets *presets, const char *name)
{
    events_publish(presets->options.events, EVENT_PRESETS_CHANGED, name, NULL);
}

void
presets_take_files(struct presets *presets, struct preset_files *files)
{
    for (size_t i = presets->n; i-- > 0;) {
        char name[PRESET_NAME_BYTES + 1];
        snprintf(name, sizeof name, "%s", presets->at[i]->name);
        if (is_found(files, name))
            continue;
        presets_drop(presets, name);
        publish(presets, name);
    }
    for (size_t i = 0; i < files->n; i++) {
        struct preset_file *file = &files->at[i];
        if (is_same_text(presets_get(presets, str_from(file->name)),
                         file->ini)) {
            ini_free(file->ini);
        } else if (presets_take(presets, file->name, file->ini,
                                file->modified_at_ms, NULL) == 0) {
            publish(presets, file->name);
        }
        file->ini = NULL;
    }
    files->n = 0;
}

static void
end_reload(struct preset_job *job)
{
    struct reload *reload = (struct reload *)job;
    if (job->error.code == ERR_OK && job->presets != NULL) {
        presets_take_files(job->presets, &reload->files);
        preset_files_tell(job->presets, &reload->files);
    }
    preset_files_release(&reload->files);
    if (job->error.code != ERR_OK && job->presets != NULL)
        events_log(job->presets->options.events, LOG_WARN, "presets",
                   "%s cannot be read: %s", reload->folder, job->error.message);
    free(reload);
}

void
presets_reload(struct presets *presets)
{
    struct reload *reload = calloc(1, sizeof *reload);
    if (reload == NULL)
        return;
    reload->job.begin = begin_reload;
    reload->job.work = work_reload;
    reload->job.end = end_reload;
    presets_queue(presets, &reload->job);
}
