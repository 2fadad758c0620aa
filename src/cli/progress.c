/* Bars of a download: see progress.h. */
#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/print.h"

enum {
    BAR_COLUMNS = 20,
    NUMBERS_COLUMNS = 62, /* what stands right of the name */
    NAME_MIN_COLUMNS = 8,
    NARROWEST = 40,
    USUAL_COLUMNS = 80,
};

void
progress_init(struct progress *progress, FILE *out)
{
    struct winsize size = { .ws_col = 0 };
    *progress = (struct progress){ .out = out };
    progress->is_shown = isatty(fileno(out)) == 1;
    if (progress->is_shown)
        ioctl(fileno(out), TIOCGWINSZ, &size);
    progress->n_columns =
        size.ws_col >= NARROWEST ? size.ws_col : USUAL_COLUMNS;
}

void
progress_clear(struct progress *progress)
{
    for (; progress->n_lines > 0; progress->n_lines--)
        fputs("\033[A\033[2K", progress->out);
    fflush(progress->out);
}

/* Half of the new speed and half of the old, so that the number can be
 * read. */
static void
measure(struct progress_file *file, int64_t bytes, int64_t now_ms)
{
    if (file->at_ms > 0 && now_ms > file->at_ms && bytes >= file->bytes) {
        double now = (double)(bytes - file->bytes) * 1000.0 /
                     (double)(now_ms - file->at_ms);
        file->bytes_per_s = (file->bytes_per_s + now) / 2;
    }
    file->at_ms = now_ms;
    file->bytes = bytes;
}

/* The end of a long name tells more than its beginning. */
static void
draw_name(struct progress *progress, const char *name)
{
    int room = progress->n_columns - NUMBERS_COLUMNS;
    if (room < NAME_MIN_COLUMNS)
        room = NAME_MIN_COLUMNS;
    size_t n = strlen(name);
    if (n > (size_t)room)
        fprintf(progress->out, "..%s ", name + n - (size_t)room + 2);
    else
        fprintf(progress->out, "%-*s ", room, name);
}

static void
draw_bar(struct progress *progress, int64_t bytes, int64_t total)
{
    if (total <= 0) {
        fprintf(progress->out, "%*s", BAR_COLUMNS + 7, "");
        return;
    }
    int filled = (int)((double)bytes / (double)total * BAR_COLUMNS);
    fputc('[', progress->out);
    for (int i = 0; i < BAR_COLUMNS; i++)
        fputc(i < filled ? '#' : '.', progress->out);
    fprintf(progress->out, "] %3d %%",
            (int)((double)bytes / (double)total * 100.0));
}

static void
draw_file(struct progress *progress, struct progress_file *file,
          const struct json *record, int64_t now_ms)
{
    char name_text[512], status_text[32], size[32], speed[32], left[32] = "";
    int64_t bytes = int_of(record, "downloaded_bytes", 0);
    int64_t total = int_of(record, "size", -1);
    const char *name =
        text_of(record, "path", "?", name_text, sizeof name_text);
    const char *status =
        text_of(record, "status", "", status_text, sizeof status_text);
    measure(file, bytes, now_ms);
    draw_name(progress, name);
    draw_bar(progress, bytes, total);
    format_bytes(bytes, size, sizeof size);
    if (strcmp(status, "downloading") != 0) {
        fprintf(progress->out, " %9s  %s\n", size, status);
    } else {
        format_bytes((int64_t)file->bytes_per_s, speed, sizeof speed);
        if (total > bytes && file->bytes_per_s >= 1)
            format_duration(
                (int64_t)((double)(total - bytes) / file->bytes_per_s), left,
                sizeof left);
        fprintf(progress->out, " %9s %9s/s %s\n", size, speed, left);
    }
    progress->n_lines++;
}

/* Files that have not begun are told in one line, those that are done not at
 * all: there can be hundreds. */
static bool
is_moving(const struct json *file)
{
    char text[32];
    const char *status = text_of(file, "status", "", text, sizeof text);
    return strcmp(status, "completed") != 0 && strcmp(status, "queued") != 0;
}

void
progress_draw(struct progress *progress, const struct json *record,
              int64_t now_ms)
{
    char text[32];
    size_t n_waiting = 0;
    const struct json *files = json_get(record, "files");
    if (!progress->is_shown)
        return;
    progress_clear(progress);
    for (size_t i = 0; i < json_count(files); i++) {
        const struct json *file = json_at(files, i);
        if (i < PROGRESS_FILES_MAX && is_moving(file))
            draw_file(progress, &progress->files[i], file, now_ms);
        else if (strcmp(text_of(file, "status", "", text, sizeof text),
                        "queued") == 0)
            n_waiting++;
    }
    const char *status = text_of(record, "status", "", text, sizeof text);
    if (n_waiting > 0 || progress->n_lines == 0) {
        if (n_waiting > 0)
            fprintf(progress->out, "%s; %zu file%s to come\n", status,
                    n_waiting, n_waiting == 1 ? "" : "s");
        else
            fprintf(progress->out, "%s\n", status);
        progress->n_lines++;
    }
    fflush(progress->out);
}
