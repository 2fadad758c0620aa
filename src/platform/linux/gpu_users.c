/* Who has memory of AMD's GPUs: gpu_internal.h. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/str.h"
#include "platform/linux/gpu_internal.h"

/* A client of the driver that several descriptors share counts once. */
enum { CLIENTS_MAX = 64, TEXT_BYTES = 4096 };

/* The process has at least so much: what two sources count may be the same
 * memory, so the larger one holds. */
static void
add_user(struct gpu_reading *reading, int64_t pid, int64_t bytes)
{
    size_t i = 0;
    if (bytes <= 0)
        return;
    while (i < reading->n_users && reading->users[i].pid != pid)
        i++;
    if (i == GPU_USERS_MAX)
        return;
    if (i == reading->n_users)
        reading->users[reading->n_users++] = (struct gpu_user){ .pid = pid };
    if (reading->users[i].bytes < bytes)
        reading->users[i].bytes = bytes;
}

/* The beginning of a file below `folder`; empty when it cannot be read. */
static struct str
read_text(int folder, const char *name, char text[TEXT_BYTES])
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, TEXT_BYTES);
    if (fd >= 0)
        close(fd);
    return (struct str){ text, n < 0 ? 0 : (size_t)n };
}

static DIR *
open_folder(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *opened = fd < 0 ? NULL : fdopendir(fd);
    if (opened == NULL && fd >= 0)
        close(fd);
    return opened;
}

/* Calls `take` for each folder of `path` that has the number of a process. */
static void
each_process(const char *path, struct gpu_reading *reading,
             void (*take)(DIR *folder, int64_t pid,
                          struct gpu_reading *reading))
{
    DIR *all = opendir(path);
    const struct dirent *entry;
    int64_t pid = 0;
    while (all != NULL && (entry = readdir(all)) != NULL) {
        if (str_to_i64(str_from(entry->d_name), &pid) < 0 || pid <= 0)
            continue;
        DIR *folder = open_folder(dirfd(all), entry->d_name);
        if (folder == NULL)
            continue; /* has ended meanwhile */
        take(folder, pid, reading);
        closedir(folder);
    }
    if (all != NULL)
        closedir(all);
}

/* ---- ROCm ---- */

static void
take_kfd(DIR *folder, int64_t pid, struct gpu_reading *reading)
{
    char text[TEXT_BYTES];
    int64_t sum = 0, bytes = 0;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (strncmp(entry->d_name, "vram_", strlen("vram_")) != 0)
            continue;
        struct str whole = read_text(dirfd(folder), entry->d_name, text);
        if (str_to_i64(str_split(&whole, '\n'), &bytes) == 0 && bytes > 0)
            sum = i64_add_capped(sum, bytes);
    }
    add_user(reading, pid, sum);
}

void
gpu_users_kfd(const char *folder, struct gpu_reading *reading)
{
    if (access(folder, R_OK | X_OK) == 0)
        reading->knows_users = true;
    each_process(folder, reading, take_kfd);
}

/* ---- Vulkan and what else draws ---- */

/* "drm-memory-vram:\t544428 KiB" and its like: bytes, or -1. */
static int64_t
bytes_of(struct str value)
{
    static const struct {
        const char *unit;
        int64_t bytes;
    } units[] = { { "", 1 }, { "KiB", 1024 }, { "MiB", 1024 * 1024 } };
    struct str number = str_split(&value, ' ');
    int64_t n = 0;
    if (str_to_i64(number, &n) < 0 || n < 0)
        return -1;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (str_eq(str_trim(value), str_from(units[i].unit)))
            return n > INT64_MAX / units[i].bytes ? -1 : n * units[i].bytes;
    return -1;
}

struct client {
    int64_t id;
    int64_t bytes; /* -1: not told */
    bool is_amd;
};

static struct client
read_client(struct str text)
{
    struct client client = { .id = -1, .bytes = -1 };
    while (text.n > 0) {
        struct str value = str_split(&text, '\n');
        struct str key = str_split(&value, ':');
        value = str_trim(value);
        if (str_eq(key, STR("drm-driver")))
            client.is_amd = str_eq(value, STR("amdgpu"));
        else if (str_eq(key, STR("drm-client-id")))
            (void)str_to_i64(value, &client.id);
        else if (str_eq(key, STR("drm-memory-vram")) ||
                 str_eq(key, STR("drm-resident-vram")))
            client.bytes = bytes_of(value);
    }
    return client;
}

static bool
is_device(int folder, const char *name)
{
    static const char begin[] = "/dev/dri/";
    char target[64];
    ssize_t n = readlinkat(folder, name, target, sizeof target);
    return n > (ssize_t)sizeof begin - 1 &&
           memcmp(target, begin, sizeof begin - 1) == 0;
}

static void
take_drm(DIR *folder, int64_t pid, struct gpu_reading *reading)
{
    char text[TEXT_BYTES], name[32];
    int64_t seen[CLIENTS_MAX], sum = 0;
    size_t n_seen = 0;
    const struct dirent *entry;
    DIR *fds = open_folder(dirfd(folder), "fd");
    while (fds != NULL && (entry = readdir(fds)) != NULL) {
        if (!is_device(dirfd(fds), entry->d_name))
            continue;
        snprintf(name, sizeof name, "fdinfo/%.20s", entry->d_name);
        struct client client =
            read_client(read_text(dirfd(folder), name, text));
        size_t i = 0;
        while (i < n_seen && seen[i] != client.id)
            i++;
        if (!client.is_amd || client.bytes < 0 || i < n_seen ||
            n_seen == CLIENTS_MAX)
            continue;
        seen[n_seen++] = client.id;
        reading->knows_users = true;
        sum = i64_add_capped(sum, client.bytes);
    }
    if (fds != NULL)
        closedir(fds);
    add_user(reading, pid, sum);
}

void
gpu_users_drm(const char *folder, struct gpu_reading *reading)
{
    each_process(folder, reading, take_drm);
}
