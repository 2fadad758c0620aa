/* Asking installed engines: see binary_probe.h. */
#include "core/instances/binary_probe.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/units.h"
#include "io/worker.h"
#include "platform/file.h"
#include "platform/process.h"

enum {
    ASK_TIMEOUT_MS = 10000,
    ANSWER_BYTES = 512 * 1024,
    PROBES_MAX = 64,
    ARGS_MAX = 8,
    PYTHON_PATH_BYTES = 1024,
};

/* One program. A replaced one gets a new entry in the old one's place. */
struct entry {
    struct file_stamp stamp;
    struct engine_binary binary;
    struct arena arena;
};

struct binary_probes {
    struct loop *loop;
    struct map entries; /* path -> struct entry */
    int n_running;
    bool is_freed;
};

struct ask {
    struct binary_probes *probes;
    const struct engine_manifest *manifest; /* immutable: any thread */
    struct entry *entry;
    bool is_there;
    void (*on_done)(void *ctx);
    void *ctx;
};

struct binary_probes *
binary_probes_new(struct loop *loop)
{
    struct binary_probes *probes = calloc(1, sizeof *probes);
    if (probes == NULL)
        return NULL;
    probes->loop = loop;
    map_init(&probes->entries);
    return probes;
}

static void
free_entry(struct entry *entry)
{
    if (entry == NULL)
        return;
    arena_release(&entry->arena);
    free(entry);
}

static void
clear(struct binary_probes *probes)
{
    const struct map_slot *slot;
    size_t at = 0;
    while ((slot = map_next(&probes->entries, &at)) != NULL)
        free_entry(slot->value);
    map_release(&probes->entries);
    map_init(&probes->entries);
}

void
binary_probes_free(struct binary_probes *probes)
{
    if (probes == NULL)
        return;
    clear(probes);
    probes->is_freed = true;
    if (probes->n_running == 0)
        free(probes);
}

const struct engine_binary *
binary_probe_find(struct binary_probes *probes, const char *path)
{
    struct file_stamp now;
    const struct entry *entry = map_get(&probes->entries, str_from(path));
    if (entry == NULL || file_stamp(path, &now) != 0 ||
        now.size_bytes != entry->stamp.size_bytes ||
        now.modified_at_s != entry->stamp.modified_at_s ||
        now.inode != entry->stamp.inode)
        return NULL;
    return &entry->binary;
}

/* ---- on a worker ---- */

static int
ask(const char *path, const char *const *args, struct strbuf *out)
{
    char *argv[ARGS_MAX + 2] = { NULL };
    int exit_code = 0;
    if (args == NULL || args[0] == NULL)
        return -1;
    argv[0] = str_dup(str_from(path));
    int failed = argv[0] == NULL ? -1 : 0;
    for (int i = 0; failed == 0 && i < ARGS_MAX && args[i] != NULL; i++) {
        argv[i + 1] = str_dup(str_from(args[i]));
        failed = argv[i + 1] == NULL ? -1 : 0;
    }
    if (failed == 0)
        failed =
            process_capture(path, argv, ASK_TIMEOUT_MS, out, &exit_code, NULL);
    for (int i = 0; i < ARGS_MAX + 2; i++)
        free(argv[i]);
    return failed == 0 && exit_code == 0 && !strbuf_failed(out) ? 0 : -1;
}

/* The Python that runs a script, by its first line ("#!/venv/bin/python3"): an
 * absolute path of that name; env and shells say nothing. */
static int
python_of(const char *path, char ret_python[PYTHON_PATH_BYTES])
{
    char bytes[PYTHON_PATH_BYTES];
    ptrdiff_t n = file_read_part(path, 0, bytes, sizeof bytes, NULL);
    if (n < 3 || memcmp(bytes, "#!", 2) != 0)
        return -1;
    struct str rest = { bytes + 2, (size_t)n - 2 };
    struct str line = str_trim(str_split(&rest, '\n'));
    struct str python = str_split(&line, ' ');
    size_t slash = python.n;
    while (slash > 0 && python.p[slash - 1] != '/')
        slash--;
    struct str name = { python.p + slash, python.n - slash };
    if (python.n >= PYTHON_PATH_BYTES || python.n == 0 || python.p[0] != '/' ||
        !str_starts_with(name, STR("python")))
        return -1;
    memcpy(ret_python, python.p, python.n);
    ret_python[python.n] = '\0';
    return 0;
}

/* Its Python knows which version of a distribution it would import. */
static void
ask_package(struct entry *entry, const char *package)
{
    const char *const args[] = {
        "-c",
        "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))",
        package, NULL
    };
    char python[PYTHON_PATH_BYTES];
    struct strbuf out = STRBUF_INIT(ANSWER_BYTES);
    if (package != NULL && package[0] != '\0' &&
        python_of(entry->binary.path, python) == 0 &&
        ask(python, args, &out) == 0)
        (void)engine_parse_version(strbuf_view(&out), &entry->arena,
                                   &entry->binary.package_version);
    strbuf_release(&out);
}

static void
work(void *arg)
{
    struct ask *job = arg;
    struct entry *entry = job->entry;
    struct strbuf out = STRBUF_INIT(ANSWER_BYTES);
    /* Before asking: a file that is replaced meanwhile is asked again. */
    job->is_there = file_stamp(entry->binary.path, &entry->stamp) == 0;
    if (!job->is_there)
        return;
    if (ask(entry->binary.path, job->manifest->version_args, &out) == 0)
        (void)engine_parse_version(strbuf_view(&out), &entry->arena,
                                   &entry->binary.version);
    strbuf_clear(&out);
    if (ask(entry->binary.path, job->manifest->help_args, &out) != 0 ||
        engine_parse_help(strbuf_view(&out), &entry->arena,
                          &entry->binary.flags, NULL) != 0)
        entry->binary.flags = NULL;
    strbuf_release(&out);
    ask_package(entry, job->manifest->python_package);
}

/* ---- back on the loop ---- */

static void
keep(struct binary_probes *probes, struct entry *entry)
{
    struct str path = str_from(entry->binary.path);
    /* Whoever has so many programs starts over: it is only a memory. */
    if (probes->entries.n >= PROBES_MAX)
        clear(probes);
    free_entry(map_remove(&probes->entries, path));
    if (map_put(&probes->entries, path, entry) != 0)
        free_entry(entry);
}

static void
done(void *arg)
{
    struct ask *job = arg;
    struct binary_probes *probes = job->probes;
    probes->n_running--;
    if (job->is_there && !probes->is_freed)
        keep(probes, job->entry);
    else
        free_entry(job->entry);
    if (!probes->is_freed)
        job->on_done(job->ctx);
    else if (probes->n_running == 0)
        free(probes);
    free(job);
}

int
binary_probe_ask(struct binary_probes *probes, const char *path,
                 const struct engine_manifest *manifest,
                 void (*on_done)(void *ctx), void *ctx)
{
    struct ask *job = calloc(1, sizeof *job);
    struct entry *entry = calloc(1, sizeof *entry);
    if (job == NULL || entry == NULL)
        goto failed;
    arena_init(&entry->arena, 1 * MIB);
    entry->binary.path = arena_str(&entry->arena, str_from(path));
    entry->binary.version = entry->binary.package_version = "";
    *job = (struct ask){ .probes = probes,
                         .manifest = manifest,
                         .entry = entry,
                         .on_done = on_done,
                         .ctx = ctx };
    if (entry->binary.path == NULL ||
        worker_submit(probes->loop, work, done, job) != 0) {
        arena_release(&entry->arena);
        goto failed;
    }
    probes->n_running++;
    return 0;

failed:
    free(entry);
    free(job);
    return -1;
}
