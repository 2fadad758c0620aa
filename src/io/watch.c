/* One libuv handle for each folder: see watch.h. */
#include "io/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "io/timer.h"

struct watch {
    struct loop *loop;
    void (*on_change)(void *ctx);
    void *ctx;
    struct map folders; /* path -> struct folder */
    struct timer quiet;
    int64_t latest_at_ms; /* 0: nothing has changed */
};

struct folder {
    uv_fs_event_t uv;
    struct watch *watch; /* NULL: being closed */
    bool is_wanted;
};

static void
tell(struct timer *timer)
{
    struct watch *watch = LIST_ENTRY(timer, struct watch, quiet);
    watch->latest_at_ms = 0;
    watch->on_change(watch->ctx);
}

static bool
is_half_there(const char *name)
{
    static const char *const endings[] = { ".part",      ".incomplete",
                                           ".tmp",       ".downloadInProgress",
                                           ".lock",      ".aria2",
                                           ".crdownload" };
    struct str text = str_from(name);
    if (text.n > 0 && text.p[0] == '.')
        return true;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (str_ends_with(text, str_from(endings[i])))
            return true;
    return false;
}

static void
on_event(uv_fs_event_t *uv, const char *name, int events, int status)
{
    (void)events;
    struct folder *folder = uv->data;
    struct watch *watch = folder->watch;
    if (watch == NULL || status != 0 || (name != NULL && is_half_there(name)))
        return;
    int64_t now_ms = loop_now_ms(watch->loop);
    if (watch->latest_at_ms == 0)
        watch->latest_at_ms = now_ms + WATCH_LATEST_MS;
    int64_t left_ms = watch->latest_at_ms - now_ms;
    int64_t wait_ms = left_ms < WATCH_QUIET_MS ? left_ms : WATCH_QUIET_MS;
    timer_start(watch->loop, &watch->quiet, wait_ms > 0 ? wait_ms : 0);
}

struct watch *
watch_new(struct loop *loop, void (*on_change)(void *ctx), void *ctx)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    watch->loop = loop;
    watch->on_change = on_change;
    watch->ctx = ctx;
    map_init(&watch->folders);
    timer_init(&watch->quiet, tell);
    return watch;
}

static void
on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void
close_folder(struct folder *folder)
{
    folder->watch = NULL;
    uv_close((uv_handle_t *)&folder->uv, on_closed);
}

/* 0, or -1 when it is not watched. */
static int
add_folder(struct watch *watch, const char *path)
{
    struct folder *folder = calloc(1, sizeof *folder);
    if (folder == NULL)
        return -1;
    if (uv_fs_event_init(&watch->loop->uv, &folder->uv) != 0) {
        free(folder);
        return -1;
    }
    folder->uv.data = folder;
    folder->watch = watch;
    folder->is_wanted = true;
    if (uv_fs_event_start(&folder->uv, on_event, path, 0) == 0 &&
        map_put(&watch->folders, str_from(path), folder) == 0)
        return 0;
    close_folder(folder);
    return -1;
}

/* A folder that is no longer wanted, or NULL. */
static const struct map_slot *
find_unwanted(const struct watch *watch)
{
    size_t at = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&watch->folders, &at)) != NULL)
        if (!((const struct folder *)slot->value)->is_wanted)
            return slot;
    return NULL;
}

static void
drop_unwanted(struct watch *watch)
{
    const struct map_slot *slot;
    while ((slot = find_unwanted(watch)) != NULL) {
        close_folder(slot->value);
        map_remove(&watch->folders, (struct str){ slot->key, slot->key_n });
    }
}

size_t
watch_set(struct watch *watch, char *const *folders, size_t n,
          size_t *ret_n_new)
{
    size_t at = 0, n_new = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&watch->folders, &at)) != NULL)
        ((struct folder *)slot->value)->is_wanted = false;
    for (size_t i = 0; i < n && i < WATCH_FOLDERS_MAX; i++) {
        struct folder *folder = map_get(&watch->folders, str_from(folders[i]));
        if (folder != NULL)
            folder->is_wanted = true;
        else if (add_folder(watch, folders[i]) == 0)
            n_new++;
    }
    drop_unwanted(watch);
    if (ret_n_new != NULL)
        *ret_n_new = n_new;
    return watch->folders.n;
}

void
watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    timer_stop(&watch->quiet);
    watch_set(watch, NULL, 0, NULL);
    map_release(&watch->folders);
    free(watch);
}
