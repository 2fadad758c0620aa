/* Shared by the files of profiles/ only.
 *
 *     fields.c    one member of a patch -> one field of a record
 *     rules.c     what only the whole record, or all records, can tell
 *     change.c    validate, commit, apply, publish, acknowledge
 *     declared.c  the profiles of hearth.yaml
 *     profiles.c  the registry in memory
 *     json.c      a record as JSON */
#ifndef CORE_PROFILES_INTERNAL_H
#define CORE_PROFILES_INTERNAL_H

#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "core/profiles/profiles.h"
#include "engines/engines.h"
#include "store/store.h"

enum { ALIASES_MAX = 64 };

struct profiles {
    struct profiles_options options;
    struct profile **at; /* by name; one reference each */
    size_t n, room;
    struct map by_id;
    struct map by_name;  /* names and aliases */
    struct map implicit; /* model id -> struct profile, one reference */
    struct map file_ids; /* name -> id of declared profiles, owned */
    struct list changes; /* struct change, not yet on disk */
    struct subscription library_changed;
};

/* A change on its way to the disk. */
struct change {
    struct list node;
    struct profiles *profiles; /* NULL: gone meanwhile */
    struct profile *before;    /* NULL: a new one */
    struct profile *after;     /* NULL: deleted */
    profiles_done_fn *on_done;
    void *ctx;
    bool is_sent; /* to the store; else it waits for an earlier one */
};

void change_free(struct change *change);

/* A patch being applied. */
struct edit {
    struct profiles *profiles;
    const struct profile *before;           /* NULL: a new one */
    struct profile *profile;                /* what it becomes */
    const struct engine_manifest *manifest; /* of profile->engine, or NULL */
    const struct json *patch;
    bool may_execute;
    const char *engine;  /* that Hearth chose, not the client; or NULL */
    bool may_lack_model; /* the file need not be there yet */
    struct field_problems *problems;
    struct error forbidden; /* code ERR_OK until something was */
};

/* One for each field: the first. */
void edit_problem(struct edit *edit, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* fields.c: applies every member of the patch; problems are collected. -1
 * only when out of memory. */
int edit_apply(struct edit *edit);
bool field_equals(const struct field *field, const struct profile *a,
                  const struct profile *b);
/* All that a client may set is the same. */
bool profile_equals(const struct profile *a, const struct profile *b);

/* rules.c */
/* What is wrong with a name that clients may send, or NULL. */
const char *name_problem(struct str name);
void edit_check(struct edit *edit);
/* Name, aliases and port belong to nobody else: 0, or -1 with ERR_CONFLICT.
 * `is_other(ctx, profile)` leaves records out of the comparison. */
int check_unique(struct profiles *profiles, const struct profile *profile,
                 struct error *error);

/* profiles.c */
int registry_insert(struct profiles *profiles, struct profile *profile);
void registry_remove(struct profiles *profiles, struct profile *profile);
/* A fresh id. */
void mint_profile_id(char ret_id[ID_BYTES]);

/* change.c: a patch becomes a new record (one reference), or NULL with
 * `error` and all problems. */
struct profile *build_profile(struct edit *edit, struct error *error);

#endif
