/* The walk keeps a stack of folders to be read, each as a path, so that its
 * depth costs no descriptors; device and inode of every folder that was
 * taken stop loops of links. */
#include "platform/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/map.h"
#include "platform/stat_times_internal.h"

struct place {
    char *path;
    int depth;
};

struct state {
    struct folder_walk *walk;
    struct place *todo;
    size_t n_todo;
    struct map seen; /* folders, by device and inode */
};

static int
no_memory(struct error *error)
{
    return error_set(error, ERR_NO_MEMORY, "out of memory");
}

/* Room for one more element in an array that grows by doubling. */
static void *
grow(void *array, size_t n, size_t size)
{
    if (n != 0 && (n < 16 || (n & (n - 1)) != 0))
        return array;
    return realloc_checked(array, n == 0 ? 16 : n * 2, size);
}

static int
push_folder(struct state *s, const char *path, int depth)
{
    struct place *todo = grow(s->todo, s->n_todo, sizeof *todo);
    if (todo == NULL)
        return -1;
    s->todo = todo;
    char *copy = str_dup(str_from(path));
    if (copy == NULL)
        return -1;
    s->todo[s->n_todo++] = (struct place){ copy, depth };
    return 0;
}

/* 1 when the folder was taken before, else 0 and it is remembered; -1 out of
 * memory. */
static int
is_seen(struct state *s, const struct stat *facts)
{
    uint64_t identity[2] = { facts->st_dev, facts->st_ino };
    struct str key = { (const char *)identity, sizeof identity };
    if (map_get(&s->seen, key) != NULL)
        return 1;
    return map_put(&s->seen, key, s);
}

static int64_t
modified_at_ms(const struct stat *facts)
{
    struct timespec times[2];
    stat_times(facts, times);
    return (int64_t)times[1].tv_sec * 1000 + times[1].tv_nsec / 1000000;
}

/* A name that is nothing but a suffix (".gguf") begins with a dot, and is
 * passed over for that. */
static bool
has_suffix(struct str name, const char *const *suffixes)
{
    for (; *suffixes != NULL; suffixes++) {
        struct str suffix = str_from(*suffixes);
        if (name.n >= suffix.n &&
            str_eq_nocase((struct str){ name.p + name.n - suffix.n, suffix.n },
                          suffix))
            return true;
    }
    return false;
}

static int
give_file(struct state *s, const char *path, struct str name, bool is_link,
          const struct stat *facts)
{
    struct folder_file file = { .path = path,
                                .name = name,
                                .device = facts->st_dev,
                                .inode = facts->st_ino,
                                .size_bytes = facts->st_size,
                                .modified_at_ms = modified_at_ms(facts),
                                .is_link = is_link };
    return s->walk->on_file(s->walk->ctx, &file);
}

/* One name of a folder: 0; 1 to end the walk; -1 out of memory. */
static int
look_at(struct state *s, const struct place *place, int fd,
        const struct dirent *entry)
{
    struct str name = str_from(entry->d_name);
    bool may_be_file = has_suffix(name, s->walk->suffixes);
    if (name.p[0] == '.' || (entry->d_type == DT_REG && !may_be_file))
        return 0;
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s",
                     strcmp(place->path, "/") == 0 ? "" : place->path, name.p);
    struct stat facts;
    if (n >= (int)sizeof path) {
        s->walk->is_cut = true;
        return 0;
    }
    if (fstatat(fd, name.p, &facts, 0) != 0)
        return 0; /* gone meanwhile, or a broken link */
    if (S_ISREG(facts.st_mode) && may_be_file) {
        name.p = path + n - (ptrdiff_t)name.n;
        return give_file(s, path, name, entry->d_type == DT_LNK, &facts) != 0;
    }
    if (!S_ISDIR(facts.st_mode))
        return 0;
    if (place->depth >= s->walk->max_depth) {
        s->walk->is_cut = true;
        return 0;
    }
    return push_folder(s, path, place->depth + 1);
}

static void
note_unreadable(struct folder_walk *walk, const char *path)
{
    if (walk->n_unreadable++ == 0)
        error_errno(&walk->first_unreadable, errno, "cannot read %s", path);
}

/* Reads one folder: 0; 1 to end the walk; -1 out of memory. */
static int
read_folder(struct state *s, const struct place *place)
{
    int fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    struct stat facts;
    if (folder == NULL || fstat(fd, &facts) != 0) {
        note_unreadable(s->walk, place->path);
        if (folder != NULL)
            closedir(folder);
        else if (fd >= 0)
            close(fd);
        return 0;
    }
    const struct dirent *entry;
    int seen = is_seen(s, &facts);
    int result = seen < 0 ? -1 : 0;
    if (seen == 0 && s->walk->on_folder != NULL)
        s->walk->on_folder(s->walk->ctx, place->path);
    while (seen == 0 && result == 0 && (entry = readdir(folder)) != NULL) {
        if (s->walk->n_entries++ >= s->walk->max_entries) {
            s->walk->is_cut = true;
            result = 1;
        } else {
            result = look_at(s, place, fd, entry);
        }
    }
    closedir(folder);
    return result;
}

int
folder_walk(const char *root, struct folder_walk *walk, struct error *error)
{
    struct state s = { .walk = walk };
    map_init(&s.seen);
    int result = -1;
    if (access(root, R_OK | X_OK) != 0)
        return error_errno(error, errno, "cannot read %s", root);
    if (push_folder(&s, root, 0) == 0)
        result = 0;
    while (result == 0 && s.n_todo > 0) {
        struct place place = s.todo[--s.n_todo];
        result = read_folder(&s, &place);
        free(place.path);
    }
    while (s.n_todo > 0)
        free(s.todo[--s.n_todo].path);
    free(s.todo);
    map_release(&s.seen);
    return result < 0 ? no_memory(error) : 0;
}

int
folder_resolve(const char *path, char *ret_path, size_t size,
               struct error *error)
{
    char *resolved = realpath(path, NULL);
    if (resolved == NULL)
        return error_errno(error, errno, "cannot find %s", path);
    size_t n = strlen(resolved);
    if (n < size)
        memcpy(ret_path, resolved, n + 1);
    free(resolved);
    return n < size
               ? 0
               : error_set(error, ERR_INVALID, "%s is too long a path", path);
}

int
folder_file_facts(const char *path, int64_t *ret_size_bytes,
                  int64_t *ret_modified_at_ms)
{
    struct stat facts;
    if (stat(path, &facts) != 0 || !S_ISREG(facts.st_mode))
        return -1;
    *ret_size_bytes = facts.st_size;
    *ret_modified_at_ms = modified_at_ms(&facts);
    return 0;
}

int
folder_facts(const char *path, struct folder_facts *ret_facts)
{
    struct stat facts;
    if (stat(path, &facts) != 0)
        return -1;
    *ret_facts = (struct folder_facts){
        .device = facts.st_dev,
        .inode = facts.st_ino,
        .size_bytes = facts.st_size,
        .modified_at_ms = modified_at_ms(&facts),
        .is_folder = S_ISDIR(facts.st_mode),
    };
    return 0;
}
