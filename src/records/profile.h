/* A profile: how one model is served. What is true of every engine has a
 * field here; what only one engine knows lives under `options`, by the keys
 * of that engine's manifest.
 *
 * Profiles are immutable once built and shared by reference: the registry,
 * running instances and requests hold the same object; an edit makes a new
 * one. All text is owned by the profile. Loop thread only, but for the
 * copies that are handed to the SQL thread. */
#ifndef RECORDS_PROFILE_H
#define RECORDS_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "base/str.h"

enum restart_policy { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };

const char *restart_policy_name(enum restart_policy policy);
int restart_policy_from(struct str text, enum restart_policy *ret_policy);

enum profile_source {
    PROFILE_SOURCE_DATABASE, /* made over the API: editable */
    PROFILE_SOURCE_FILE,     /* declared in hearth.yaml: read-only */
    PROFILE_SOURCE_LIBRARY,  /* implicit: a library model's own */
};

const char *profile_source_name(enum profile_source source);

struct profile {
    int n_refs;
    char id[ID_BYTES];
    enum profile_source source;
    char *name;
    char *description;
    char *engine;     /* manifest name: "llama-server" */
    char *model_path; /* "" when the command needs none */
    char *host;       /* where the engine listens: "127.0.0.1" */
    int port;         /* 0: a free one is chosen at each start */
    char **aliases;
    size_t n_aliases;
    int64_t ttl_s;  /* idle unload; 0: never */
    bool is_pinned; /* never evicted, never unloaded by TTL */
    bool is_auto_start;
    enum restart_policy restart_policy;
    int max_concurrency; /* 0: as many as the engine has slots */
    int queue_size;
    int64_t queue_timeout_s;
    int64_t load_timeout_s;
    int64_t orphan_timeout_s; /* -1: the setting's value */
    char *env_json;           /* object of text values: "{}" */
    char *options_json;       /* object, keys of the manifest: "{}" */
    char *command_json;       /* array of text: "[]" */
    char *node;               /* "" = this machine */
    int64_t created_at_ms;
    int64_t updated_at_ms;
};

/* All text fields "", numbers at their defaults, one reference. NULL when
 * out of memory. */
struct profile *profile_new(void);
/* A deep copy with one reference (to edit, or for another thread). */
struct profile *profile_copy(const struct profile *profile);
struct profile *profile_ref(struct profile *profile);
void profile_unref(struct profile *profile); /* accepts NULL */

/* Replaces an owned text field: 0, or -1 when out of memory. */
int profile_set_text(char **field, struct str value);
/* Replaces the aliases by copies: 0, or -1 when out of memory. */
int profile_set_aliases(struct profile *profile, const struct str *aliases,
                        size_t n);

/* True when a running engine would have to be restarted for `after` to take
 * effect (anything that reaches argv, env, host or port differs). */
bool profile_needs_restart(const struct profile *before,
                           const struct profile *after);

/* ---- the field table: one row per field of the wire ---- */

enum field_type {
    FIELD_TEXT,
    FIELD_INT, /* struct member `int` */
    FIELD_INT64,
    FIELD_BOOL,
    FIELD_ENUM,      /* struct member `int`-sized enum, `choices` names it */
    FIELD_TEXT_LIST, /* aliases */
    FIELD_JSON_OBJECT,
    FIELD_JSON_ARRAY,
};

enum field_flag {
    FIELD_READ_ONLY = 1 << 0, /* set by us, refused on input */
    FIELD_RESTARTS = 1 << 1,  /* an edit needs a restart of the engine */
    FIELD_SECRET = 1 << 2,    /* values are masked on output */
    FIELD_EXECUTES = 1 << 3,  /* decides what is executed or read */
};

struct field {
    const char *name; /* on the wire and as column */
    enum field_type type;
    unsigned flags;
    size_t offset;              /* in struct profile */
    int64_t min, max;           /* numbers: bounds; text: length in bytes */
    const char *const *choices; /* FIELD_ENUM, NULL-terminated */
    const char *help;
};

extern const struct field profile_fields[];
extern const size_t n_profile_fields;
/* NULL: there is none of that name. */
const struct field *profile_field_find(struct str name);

#endif
