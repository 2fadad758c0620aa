/* The disk of the log's files is full, for a while: the log goes on in memory,
 * the failure is told once, and what is missing is counted in the file. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/logs/logs.h"
#include "formats/log_line.h"
#include "io/loop.h"
#include "platform/file.h"

/* The linker's names for the real function and for the one in its place. */
ssize_t real_write(int fd, const void *p, size_t n) __asm__("__real_write");
ssize_t our_write(int fd, const void *p, size_t n) __asm__("__wrap_write");

enum { TRIES = 500 };

static atomic_bool is_full;
static atomic_int n_room; /* bytes that still fit */

/* Only the log's lines are that long, and come from another descriptor. */
ssize_t
our_write(int fd, const void *p, size_t n)
{
    if (fd <= STDERR_FILENO || n < 20 || !atomic_load(&is_full))
        return real_write(fd, p, n);
    int room = atomic_exchange(&n_room, 0);
    if (room > 0)
        return real_write(fd, p, (size_t)room < n ? (size_t)room : n);
    errno = ENOSPC;
    return -1;
}

static void
die(int room, const char *why)
{
    fprintf(stderr, "logs_disk: with room for %d bytes: %s\n", room, why);
    exit(1);
}

struct found {
    size_t n;
    struct log_entry entry;
};

static void
on_found(void *ctx, const struct log_entry *entries, size_t n,
         const struct error *error)
{
    struct found *found = ctx;
    found->n = n;
    if (n > 0)
        found->entry = entries[0];
}

static size_t
count(struct logs *logs, const char *text, struct found *ret_found)
{
    const struct logs_query query = { .limit = LOGS_PAGE_MAX,
                                      .filter = { .text = str_from(text) } };
    logs_find(logs, &query, on_found, ret_found);
    return ret_found->n;
}

/* Publishes until an entry says so; how many were published. */
static int
say_until(struct loop *loop, struct events *events, struct logs *logs,
          const char *text)
{
    struct found found;
    for (int i = 1; i <= TRIES; i++) {
        events_log(events, LOG_INFO, "test", "a line that is published");
        loop_run(loop); /* takes what the threads have posted */
        if (count(logs, text, &found) > 0)
            return i;
        usleep(5000);
    }
    die(-1, text);
    return 0;
}

/* Lines of ours, the number that the notes say are missing, and what is left
 * of the one that was cut. */
static void
check_file(const char *path, int room, int n_published)
{
    struct strbuf text = STRBUF_INIT(1024 * 1024);
    struct error error;
    int n_whole = 0, n_torn = 0, n_lost = 0;
    if (file_read(path, &text, &error) < 0)
        die(room, error.message);
    struct str rest = strbuf_view(&text);
    while (rest.n > 0) {
        struct log_entry entry;
        struct str line = str_split(&rest, '\n');
        bool is_ours = log_line_read(line, &entry);
        if (is_ours && strstr(entry.message, "could not be written") != NULL)
            n_lost += (int)strtol(entry.message, NULL, 10);
        else if (is_ours && (strstr(entry.message, "published") != NULL ||
                             strcmp(entry.source, "logs") == 0))
            n_whole++;
        else
            n_torn++;
    }
    strbuf_release(&text);
    if (n_torn > (room > 0 ? 1 : 0))
        die(room, "lines are torn");
    if (n_whole + n_lost != n_published)
        die(room, "what is missing was not counted");
    if (n_lost == 0)
        die(room, "nothing was missing");
}

static void
fill_the_disk(const char *folder, int room)
{
    struct loop loop;
    struct events events;
    struct logs *logs;
    struct found found;
    struct error error;
    char path[128];
    if (loop_init(&loop, &error) < 0)
        die(room, error.message);
    events_init(&events);
    const struct logs_options options = {
        .loop = &loop,
        .events = &events,
        .data_dir = folder,
        .fd = STDERR_FILENO,
        .config = { .level = LOG_INFO,
                    .has_files = true,
                    .max_file_bytes = 1 << 20,
                    .n_files = 2,
                    .n_remembered = 2000 },
    };
    if (logs_new(&options, &logs, &error) < 0)
        die(room, error.message);
    atomic_store(&n_room, room);
    atomic_store(&is_full, true);
    say_until(&loop, &events, logs, "cannot be written to");
    count(logs, "cannot be written to", &found);
    if (strstr(found.entry.message, "No space left") == NULL)
        die(room, found.entry.message);
    atomic_store(&is_full, false);
    say_until(&loop, &events, logs, "written to again");
    if (count(logs, "cannot be written to", &found) != 1)
        die(room, "it was not told once");
    int n_published = (int)events.next_log_id - 1;
    if (count(logs, "", &found) != (size_t)n_published)
        die(room, "memory does not have all of them");
    logs_free(logs);
    loop_close(&loop);
    snprintf(path, sizeof path, "%s/logs/hearth.log", folder);
    check_file(path, room, n_published);
    unlink(path);
}

int
main(void)
{
    char folder[] = "/tmp/hearth-logs-disk-XXXXXX";
    char path[128];
    if (mkdtemp(folder) == NULL)
        die(0, "no folder");
    for (int room = 0; room < 60; room += 7)
        fill_the_disk(folder, room);
    snprintf(path, sizeof path, "%s/logs", folder);
    if (rmdir(path) != 0 || rmdir(folder) != 0)
        die(0, "something else is in the folder");
    return 0;
}
