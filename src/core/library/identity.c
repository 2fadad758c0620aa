/* Which known model is it? Four rounds, the surest first; a record that was
 * found in one is out of the later ones.
 *
 *   1. the same path is the same file; or a file that was elsewhere (device,
 *      inode, size and time as they were) has this name now
 *   2. the same path: the file was replaced or written to
 *   3. nothing is at the old place, and size and head, or the digest, are
 *      those of this one: it was moved to another disk
 *
 * Round 1 goes before 2, so that two models which swap names keep their ids. */
#include <stdio.h>
#include <stdlib.h>

#include "core/library/library_internal.h"

struct index {
    struct map by_path, by_file, by_head, by_digest;
    struct map taken; /* ids */
};

static struct str
file_key(const struct model *model, int64_t *ret_room)
{
    ret_room[0] = model->device;
    ret_room[1] = model->inode;
    ret_room[2] = model->size_bytes;
    ret_room[3] = model->modified_at_ms;
    return (struct str){ (const char *)ret_room, 4 * sizeof *ret_room };
}

/* NUL-free and unlike any other kind of key; "" without a fingerprint. */
static struct str
head_key(const struct model *model, char *ret_room, size_t size)
{
    if (model->fingerprint[0] == '\0')
        return STR("");
    int n = snprintf(ret_room, size, "%lld:%.100s",
                     (long long)model->size_bytes, model->fingerprint);
    return (struct str){ ret_room, (size_t)n };
}

static int
index_records(struct index *index, struct model *const *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct model *record = records[i];
        int64_t file_room[4];
        char head_room[160];
        struct str head = head_key(record, head_room, sizeof head_room);
        /* One that is there goes before one that is gone. */
        struct model *other = map_get(&index->by_path, str_from(record->path));
        bool is_better = other == NULL ||
                         other->gone_at_ms > record->gone_at_ms ||
                         record->gone_at_ms == 0;
        if ((is_better &&
             map_put(&index->by_path, str_from(record->path), record) < 0) ||
            map_put(&index->by_file, file_key(record, file_room), record) < 0 ||
            (head.n > 0 && map_put(&index->by_head, head, record) < 0) ||
            (record->sha256[0] != '\0' &&
             map_put(&index->by_digest, str_from(record->sha256), record) < 0))
            return -1;
    }
    return 0;
}

/* The record unless another one took it; then it is this one's. */
static int
take(struct index *index, struct model *record, struct model **ret_match)
{
    if (record == NULL || *ret_match != NULL ||
        map_get(&index->taken, str_from(record->id)) != NULL)
        return 0;
    *ret_match = record;
    return map_put(&index->taken, str_from(record->id), record);
}

static struct model *
moved_from(struct index *index, const struct model *model)
{
    char room[160];
    struct str head = head_key(model, room, sizeof room);
    struct model *record = NULL;
    if (model->sha256[0] != '\0')
        record = map_get(&index->by_digest, str_from(model->sha256));
    if (record == NULL && head.n > 0)
        record = map_get(&index->by_head, head);
    return record;
}

static int
match_one(struct index *index, int round, const struct model *model,
          struct model **ret_match)
{
    int64_t room[4];
    struct model *at_path = map_get(&index->by_path, str_from(model->path));
    switch (round) {
    case 0:
        if (at_path != NULL && at_path->device == model->device &&
            at_path->inode == model->inode)
            return take(index, at_path, ret_match);
        return take(index, map_get(&index->by_file, file_key(model, room)),
                    ret_match);
    case 1: return take(index, at_path, ret_match);
    default: return take(index, moved_from(index, model), ret_match);
    }
}

int
identity_match(const struct found_model *found, size_t n,
               struct model *const *records, size_t n_records,
               struct model **ret_matches)
{
    struct index index;
    map_init(&index.by_path);
    map_init(&index.by_file);
    map_init(&index.by_head);
    map_init(&index.by_digest);
    map_init(&index.taken);
    int result = index_records(&index, records, n_records);
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; result == 0 && i < n; i++)
            result = match_one(&index, round, found[i].model, &ret_matches[i]);
    map_release(&index.by_path);
    map_release(&index.by_file);
    map_release(&index.by_head);
    map_release(&index.by_digest);
    map_release(&index.taken);
    return result;
}
