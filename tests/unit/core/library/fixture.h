/* A library with a model folder (models/), a hub's cache (hub/) and a store of
 * Ollama's (ollama/) in a folder of its own. */
#ifndef TESTS_LIBRARY_FIXTURE_H
#define TESTS_LIBRARY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/library/library.h"
#include "platform/file.h"
#include "store/store.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define DIGEST \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define THIRD "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define LAYER(type, digest)                                                \
    "{\"mediaType\":\"application/vnd.ollama.image." type "\",\"digest\":" \
    "\"sha256:" digest "\"}"

struct fixture {
    char dir[256];
    struct loop loop;
    struct events events;
    struct store *store;
    struct library *library;
    struct library_options options;
    struct str roots[2];
    struct library_place places[4];
    char texts[6][300];
    int n_calls;
    struct error error;
    char old_path[600];
    size_t n_moved_names, n_relinked, n_left;
};

static inline char *
at(struct fixture *f, const char *name)
{
    static char path[800];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return path;
}

static inline void
open_all(struct fixture *f)
{
    struct error error;
    if (store_open(&f->loop, at(f, "data"), "test", &f->store, &error) < 0)
        fail_msg("%s", error.message);
    f->options.loop = &f->loop;
    f->options.events = &f->events;
    f->options.store = f->store;
    if (library_new(&f->options, &f->library, &error) < 0)
        fail_msg("%s", error.message);
}

static inline void
close_all(struct fixture *f)
{
    library_free(f->library);
    store_close(f->store);
}

static inline void
add_place(struct fixture *f, const char *name, enum model_source source)
{
    size_t i = f->options.n_places++;
    snprintf(f->texts[i + 2], sizeof f->texts[0], "%s", at(f, name));
    f->places[i] = (struct library_place){ .path = str_from(f->texts[i + 2]),
                                           .source = source };
}

static inline int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error error;
    const char *tmp = getenv("TMPDIR");
    char made[200];
    snprintf(made, sizeof made, "%.150s/hearth-stores-XXXXXX",
             tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(made));
    char *real = realpath(made, NULL);
    assert_non_null(real);
    snprintf(f->dir, sizeof f->dir, "%s", real);
    free(real);
    assert_int_equal(mkdir(at(f, "models"), 0700), 0);
    assert_int_equal(loop_init(&f->loop, &error), 0);
    events_init(&f->events);
    snprintf(f->texts[0], sizeof f->texts[0], "%s", at(f, "models"));
    f->roots[0] = str_from(f->texts[0]);
    f->options = (struct library_options){ .roots = f->roots,
                                           .n_roots = 1,
                                           .places = f->places };
    add_place(f, "hub", MODEL_SOURCE_HUGGINGFACE);
    add_place(f, "ollama", MODEL_SOURCE_OLLAMA);
    open_all(f);
    *state = f;
    return 0;
}

static inline void
remove_tree(const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", path, (char *)NULL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
}

static inline int
teardown(void **state)
{
    struct fixture *f = *state;
    close_all(f);
    loop_close(&f->loop);
    remove_tree(f->dir);
    free(f);
    return 0;
}

static inline void
put_bytes(struct fixture *f, const char *name, struct str contents)
{
    char path[800];
    struct error error;
    snprintf(path, sizeof path, "%s", at(f, name));
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_int_equal(file_make_folders(path, 0700, &error), 0);
    *slash = '/';
    if (file_write_atomic(path, contents, 0600, &error) < 0)
        fail_msg("%s", error.message);
}

static inline void
put(struct fixture *f, const char *name, const char *contents)
{
    put_bytes(f, name, str_from(contents));
}

/* A safetensors file: the length of the head, the head, that much data. */
static inline void
put_tensors(struct fixture *f, const char *name, const char *head,
            size_t n_data)
{
    struct strbuf file = STRBUF_INIT(1 << 20);
    uint64_t n = strlen(head);
    for (size_t i = 0; i < 8; i++)
        strbuf_add_byte(&file, (char)(n >> (8 * i)));
    strbuf_add_text(&file, head);
    for (size_t i = 0; i < n_data; i++)
        strbuf_add_byte(&file, '\0');
    put_bytes(f, name, strbuf_view(&file));
    strbuf_release(&file);
}

static inline void
move(struct fixture *f, const char *from, const char *to)
{
    char path[800];
    snprintf(path, sizeof path, "%s", at(f, from));
    assert_int_equal(rename(path, at(f, to)), 0);
}

static inline void
stop(void *ctx)
{
    struct fixture *f = ctx;
    loop_stop(&f->loop);
}

static inline struct library_progress
scan(struct fixture *f)
{
    struct library_progress progress;
    library_scan(f->library, stop, f);
    loop_run(&f->loop);
    library_progress(f->library, &progress);
    assert_false(progress.is_running);
    return progress;
}

static inline const struct model *
find(struct fixture *f, const char *name)
{
    const struct model *model = library_find(f->library, str_from(name));
    if (model == NULL)
        fail_msg("there is no model %s", name);
    return model;
}

static inline void
assert_names(struct fixture *f, const char *expected)
{
    char names[1024] = "";
    size_t n = 0;
    for (size_t i = 0; i < library_count(f->library); i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s",
                              i == 0 ? "" : " ",
                              library_at(f->library, i)->name);
    assert_string_equal(names, expected);
}

static inline void
copy_id(struct fixture *f, const char *name, char id[ID_BYTES])
{
    snprintf(id, ID_BYTES, "%s", find(f, name)->id);
}

static inline void
put_link(struct fixture *f, const char *target, const char *name)
{
    put(f, name, "");
    assert_int_equal(unlink(at(f, name)), 0);
    assert_int_equal(symlink(target, at(f, name)), 0);
}

static inline bool
is_there(struct fixture *f, const char *name)
{
    return access(at(f, name), F_OK) == 0;
}

#endif
