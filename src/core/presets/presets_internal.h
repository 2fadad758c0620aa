/* Shared by the files of presets/ only.
 *
 *     presets.c  the list in memory, the folder, the check
 *     rows.c     keys and values against the engine's option rows
 *     change.c   one change after another: compute, write, take over
 *     stage.c    several at once
 *     compose.c  what the engine reads */
#ifndef CORE_PRESETS_INTERNAL_H
#define CORE_PRESETS_INTERNAL_H

#include "base/list.h"
#include "core/presets/presets.h"
#include "io/watch.h"

enum { PRESET_PATH_BYTES = 512 };

struct presets {
    struct presets_options options;
    char folder[PRESET_PATH_BYTES];
    struct preset *at[PRESETS_MAX]; /* by name */
    size_t n;
    struct engine_manifest rows; /* of what a section may hold */
    struct engine_option *own;   /* rows.options, owned */
    struct strbuf left_out;      /* what was told of */
    struct list jobs;            /* struct preset_job, the first runs */
    bool is_running;
    struct watch *watch;
};

/* A turn of the queue. `begin` says whether a worker has to go on. */
struct preset_job {
    struct list node;
    struct presets *presets; /* NULL: gone meanwhile */
    bool (*begin)(struct preset_job *job);
    void (*work)(struct preset_job *job); /* on a worker */
    void (*end)(struct preset_job *job);  /* presets may be NULL; frees it */
    struct error error;
};

struct preset_files;

/* change.c */
/* What the folder has now is what there is: publishes what is different. */
void presets_take_files(struct presets *presets, struct preset_files *files);
void presets_queue(struct presets *presets, struct preset_job *job);
void presets_reload(struct presets *presets);

/* presets.c */
/* Takes over `ini`. -1: there are too many, or no memory. */
int presets_take(struct presets *presets, const char *name, struct ini *ini,
                 int64_t modified_at_ms, struct error *error);
void presets_drop(struct presets *presets, const char *name);
/* "name.ini" or "name" as the name alone; false: it can be none. */
bool preset_plain_name(struct str name, char ret_name[PRESET_NAME_BYTES + 1]);
struct preset_file {
    char name[PRESET_NAME_BYTES + 1];
    struct ini *ini;
    int64_t modified_at_ms;
};
struct preset_files {
    struct preset_file at[PRESETS_MAX];
    size_t n;
    struct strbuf left_out; /* why which file is none of them, in lines */
};
void preset_files_release(struct preset_files *files);
/* Warns of what was left out and was not before. */
void preset_files_tell(struct presets *presets, struct preset_files *files);
/* Blocking. What cannot be read is left out. */
int preset_files_read(const char *folder, struct preset_files *files,
                      struct error *error);

/* rows.c */
int preset_rows_new(struct presets *presets, struct error *error);
void preset_problem_add(struct preset_problems *problems, int line,
                        struct str key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Sets a row in a section, whatever it is called there; null removes. */
int preset_set(struct presets *presets, struct ini *ini, struct str section,
               struct str key, const struct json *value, struct error *error);

#endif
