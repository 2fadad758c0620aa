/* ComfyUI's extra_model_paths.yaml (the example that it comes with, and
 * utils/extra_config.py), and what its folders are for (folder_paths.py).
 *
 * Each section is one program's tree: base_path, is_default, and by the name
 * of each kind's folder one path or many lines of them. Pure: any thread. */
#ifndef FORMATS_COMFY_PATHS_H
#define FORMATS_COMFY_PATHS_H

#include "base/error.h"
#include "base/str.h"
#include "records/model.h"

enum { COMFY_LINES_MAX = 4096 }; /* of a file, aliases followed */

struct comfy_path {
    struct str section;
    struct str folder; /* "loras", as ComfyUI now calls it */
    const char *path;  /* absolute, without "." and ".." */
    bool is_default;   /* the section's: for new files, too */
};

struct comfy_reader {
    const char *folder; /* absolute: where the file lies */
    /* The value of a variable of the environment, or ""; for a base_path
     * with ~ or $NAME. */
    const char *(*variable)(void *ctx, const char *name);
    void (*on_path)(void *ctx, const struct comfy_path *path);
    /* What is left out, and why. */
    void (*on_ignored)(void *ctx, int line, const char *why);
    void *ctx;
};

/* 0, or -1: no YAML (yaml_parse's error), no sections (ERR_INVALID), more
 * than COMFY_LINES_MAX lines (ERR_TOO_LARGE; the first ones were told), or out of memory. */
int comfy_paths_read(const struct comfy_reader *reader, struct str text,
                     struct error *error);

/* What is in a folder of this name; UNKNOWN for one that is none of
 * ComfyUI's, or whose models are of no kind that we know. ASCII case
 * aside. */
enum model_kind comfy_folder_kind(struct str folder);

#endif
