/* The presets that are there, and the folder that they come from. */
#include "core/presets/presets.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/presets/presets_internal.h"
#include "platform/file.h"
#include "platform/folder.h"

static const char built_in_text[] =
    "LLAMA_CONFIG_VERSION = 1\n"
    "\n"
    "; Options of every model stand here, those of one under [its name].\n"
    "[*]\n";

/* ---- names ---- */

static bool
is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' ||
           byte == '.';
}

bool
preset_plain_name(struct str name, char ret_name[PRESET_NAME_BYTES + 1])
{
    if (str_ends_with(name, STR(".ini")))
        name.n -= 4;
    bool is_good = name.n > 0 && name.n <= PRESET_NAME_BYTES &&
                   name.p[0] != '.' && name.p[0] != '-' &&
                   name.p[name.n - 1] != '.';
    for (size_t i = 0; i < name.n && is_good; i++)
        is_good = is_name_byte(name.p[i]);
    if (is_good)
        snprintf(ret_name, PRESET_NAME_BYTES + 1, "%.*s", STR_ARG(name));
    return is_good;
}

int
preset_check_name(struct str name, struct error *error)
{
    char plain[PRESET_NAME_BYTES + 1];
    if (preset_plain_name(name, plain))
        return 0;
    return error_field(error, "name",
                       "expected a name of up to %d letters, digits, - _ and "
                       ". that begins and ends with none of the marks",
                       PRESET_NAME_BYTES);
}

void
preset_path(const struct presets *presets, const char *name, char ret_path[512])
{
    snprintf(ret_path, PRESET_PATH_BYTES, "%.430s/%s.ini", presets->folder,
             name);
}

/* ---- the list ---- */

size_t
presets_count(const struct presets *presets)
{
    return presets->n;
}

const struct preset *
presets_at(const struct presets *presets, size_t i)
{
    return presets->at[i];
}

/* Where it is or would be. */
static size_t
presets_find(const struct presets *presets, const char *name,
             bool *ret_is_there)
{
    size_t i = 0;
    while (i < presets->n && strcmp(presets->at[i]->name, name) < 0)
        i++;
    *ret_is_there = i < presets->n && strcmp(presets->at[i]->name, name) == 0;
    return i;
}

const struct preset *
presets_get(const struct presets *presets, struct str name)
{
    char plain[PRESET_NAME_BYTES + 1];
    bool is_there;
    if (!preset_plain_name(name, plain))
        return NULL;
    size_t i = presets_find(presets, plain, &is_there);
    return is_there ? presets->at[i] : NULL;
}

static void
preset_free(struct preset *preset)
{
    ini_free(preset->ini);
    free(preset);
}

void
presets_drop(struct presets *presets, const char *name)
{
    bool is_there;
    size_t i = presets_find(presets, name, &is_there);
    if (!is_there)
        return;
    preset_free(presets->at[i]);
    presets->n--;
    memmove(&presets->at[i], &presets->at[i + 1],
            (presets->n - i) * sizeof presets->at[0]);
}

int
presets_take(struct presets *presets, const char *name, struct ini *ini,
             int64_t modified_at_ms, struct error *error)
{
    bool is_there;
    size_t i = presets_find(presets, name, &is_there);
    if (!is_there && presets->n == PRESETS_MAX) {
        ini_free(ini);
        return error_set(error, ERR_CONFLICT,
                         "there are %d presets, which is the limit",
                         PRESETS_MAX);
    }
    struct preset *preset = calloc(1, sizeof *preset);
    if (preset == NULL) {
        ini_free(ini);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    snprintf(preset->name, sizeof preset->name, "%s", name);
    preset->ini = ini;
    for (size_t k = 0; k < ini_count(ini); k++)
        preset->n_bytes += ini_at(ini, k)->text.n;
    preset->modified_at_ms = modified_at_ms;
    presets_check(presets, ini, &preset->problems);
    if (is_there) {
        preset_free(presets->at[i]);
    } else {
        memmove(&presets->at[i + 1], &presets->at[i],
                (presets->n - i) * sizeof presets->at[0]);
        presets->n++;
    }
    presets->at[i] = preset;
    return 0;
}

/* ---- the folder ---- */

struct reading {
    struct preset_files *files;
    struct error *error;
};

enum { LEFT_OUT_BYTES = 8 * 1024, LEFT_OUT_ENOUGH = 4 * 1024 };

static void
leave_out(struct preset_files *files, const struct folder_file *file,
          const char *why)
{
    if (strbuf_view(&files->left_out).n > LEFT_OUT_ENOUGH)
        return;
    strbuf_addf(&files->left_out, "%.*s is left out: %s\n", STR_ARG(file->name),
                why);
}

void
preset_files_tell(struct presets *presets, struct preset_files *files)
{
    struct strbuf before = presets->left_out;
    struct str rest = strbuf_view(&files->left_out);
    while (rest.n > 0) {
        struct str line = str_split(&rest, '\n');
        if (!str_contains(strbuf_view(&before), line))
            events_log(presets->options.events, LOG_WARN, "presets", "%.*s",
                       STR_ARG(line));
    }
    presets->left_out = files->left_out;
    files->left_out = STRBUF_INIT(LEFT_OUT_BYTES);
    strbuf_release(&before);
}

static int
read_file(void *ctx, const struct folder_file *file)
{
    struct reading *reading = ctx;
    struct preset_files *files = reading->files;
    struct strbuf text = STRBUF_INIT(INI_BYTES_MAX);
    struct error error = { .code = ERR_OK };
    if (files->n == PRESETS_MAX) {
        leave_out(files, file, "there are more than can be kept");
        return 1;
    }
    struct preset_file *to = &files->at[files->n];
    if (preset_check_name(file->name, &error) != 0 ||
        file_read(file->path, &text, &error) != 0) {
        strbuf_release(&text);
        leave_out(files, file, error.message);
        return 0;
    }
    preset_plain_name(file->name, to->name);
    to->ini = ini_parse(strbuf_view(&text), reading->error);
    to->modified_at_ms = file->modified_at_ms;
    strbuf_release(&text);
    if (to->ini == NULL)
        return -1;
    files->n++;
    return 0;
}

void
preset_files_release(struct preset_files *files)
{
    for (size_t i = 0; i < files->n; i++)
        ini_free(files->at[i].ini);
    files->n = 0;
    strbuf_release(&files->left_out);
}

int
preset_files_read(const char *folder, struct preset_files *files,
                  struct error *error)
{
    static const char *const suffixes[] = { ".ini", NULL };
    struct error inner = { .code = ERR_OK };
    struct reading reading = { .files = files, .error = &inner };
    struct folder_walk walk = {
        .suffixes = suffixes,
        .max_entries = 10000,
        .on_file = read_file,
        .ctx = &reading,
    };
    files->n = 0;
    files->left_out = STRBUF_INIT(LEFT_OUT_BYTES);
    int failed = folder_walk(folder, &walk, error);
    if (inner.code != ERR_OK) {
        if (error != NULL)
            *error = inner;
        failed = -1;
    }
    return failed;
}

static int
read_folder(struct presets *presets, struct error *error)
{
    struct preset_files *files = calloc(1, sizeof *files);
    if (files == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    int failed = preset_files_read(presets->folder, files, error);
    for (size_t i = 0; i < files->n; i++) {
        if (failed == 0)
            failed = presets_take(presets, files->at[i].name, files->at[i].ini,
                                  files->at[i].modified_at_ms, error);
        else
            ini_free(files->at[i].ini);
    }
    preset_files_tell(presets, files);
    strbuf_release(&files->left_out);
    free(files);
    return failed;
}

static int
make_folder(struct presets *presets, struct error *error)
{
    char path[PRESET_PATH_BYTES];
    struct folder_facts facts;
    preset_path(presets, PRESET_BUILT_IN, path);
    if (file_make_folders(presets->folder, 0700, error) < 0)
        return -1;
    if (folder_facts(path, &facts) == 0)
        return 0;
    return file_write_atomic(path, str_from(built_in_text), 0600, error);
}

int
presets_new(const struct presets_options *options, struct presets **ret_presets,
            struct error *error)
{
    struct presets *presets = calloc(1, sizeof *presets);
    if (presets == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    presets->options = *options;
    list_init(&presets->jobs);
    int n = snprintf(presets->folder, sizeof presets->folder, "%s/presets",
                     options->data_dir);
    int failed = n < 0 || (size_t)n > 430
                     ? error_field(error, "data_dir", "the path is too long")
                     : 0;
    if (failed == 0)
        failed = preset_rows_new(presets, error);
    if (failed == 0)
        failed = make_folder(presets, error);
    if (failed == 0)
        failed = read_folder(presets, error);
    if (failed != 0) {
        presets_free(presets);
        return -1;
    }
    *ret_presets = presets;
    return 0;
}

static void
on_folder_changed(void *ctx)
{
    presets_reload(ctx);
}

void
presets_watch(struct presets *presets)
{
    char *folders[] = { presets->folder };
    presets->watch =
        watch_new(presets->options.loop, on_folder_changed, presets);
    if (presets->watch != NULL)
        (void)watch_set(presets->watch, folders, 1, NULL);
}

void
presets_free(struct presets *presets)
{
    if (presets == NULL)
        return;
    watch_free(presets->watch);
    bool is_first = true;
    LIST_FOR_SAFE(node, &presets->jobs)
    {
        struct preset_job *job = LIST_ENTRY(node, struct preset_job, node);
        bool is_with_worker = is_first && presets->is_running;
        is_first = false;
        list_remove(&job->node);
        job->presets = NULL;
        error_set(&job->error, ERR_UNAVAILABLE, "hearth is stopping");
        if (!is_with_worker) /* else the worker's end frees it */
            job->end(job);
    }
    for (size_t i = 0; i < presets->n; i++)
        preset_free(presets->at[i]);
    strbuf_release(&presets->left_out);
    free(presets->own);
    free(presets);
}
