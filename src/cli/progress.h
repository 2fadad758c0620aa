/* Bars of a download, one line for each file that moves. Drawn over
 * themselves on a terminal, else silent. Internal to cli/. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/command.h"
#include "formats/json.h"

enum { PROGRESS_FILES_MAX = 64 };

struct progress_file {
    int64_t at_ms;      /* of the last look; 0: none yet */
    int64_t bytes;      /* then */
    double bytes_per_s; /* smoothed */
};

struct progress {
    FILE *out;
    bool is_shown;  /* `out` is a terminal */
    int n_columns;  /* of it */
    size_t n_lines; /* that stand there now */
    struct progress_file files[PROGRESS_FILES_MAX];
};

void progress_init(struct progress *progress, FILE *out);
/* Draws a download's record (as GET /api/models/download/{task} has it). */
void progress_draw(struct progress *progress, const struct json *record,
                   int64_t now_ms);
/* Takes the lines away. */
void progress_clear(struct progress *progress);

#endif
