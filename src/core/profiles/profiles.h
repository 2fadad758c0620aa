/* The registry of profiles: what is stored, what hearth.yaml declares, and
 * the implicit profiles of library models.
 *
 * Reads come from memory. A change is validated, committed on the SQL
 * thread (uniqueness of name and port is a constraint there), applied in
 * memory, published, and only then acknowledged by `on_done`. Loop thread
 * only. */
#ifndef CORE_PROFILES_H
#define CORE_PROFILES_H

#include "core/events/events.h"
#include "core/library/library.h"
#include "formats/json.h"
#include "records/profile.h"

struct profiles;
struct store;
struct engines;

struct profiles_options {
    struct loop *loop;
    struct events *events;
    struct store *store;
    struct engines *engines;
    struct library *library;
    int port_start; /* next_port begins here: 10240 */
    int own_port;   /* Hearth's: no profile may have it; 0: none */
};

/* Loads the stored ones (blocking: before the loop runs). */
int profiles_new(const struct profiles_options *options,
                 struct profiles **ret_profiles, struct error *error);
void profiles_free(struct profiles *profiles);

/* Where Hearth listens, once that is known. */
void profiles_set_own_port(struct profiles *profiles, int port);

/* Replaces the file's profiles by the elements of a JSON array (the
 * `profiles:` of hearth.yaml). Ids are kept by name; only what changed is
 * published. All or nothing: -1 with `error` (field "profiles[2].port") and
 * nothing changed. */
int profiles_set_file(struct profiles *profiles, const struct json *array,
                      struct error *error);

/* Borrowed until the next turn, or NULL. Library models' implicit profiles
 * are found by the model's id too. */
struct profile *profiles_get(struct profiles *profiles, struct str id);
/* Resolves what a client sent as `model`: alias, profile name, profile id,
 * library model id or name. NULL when nothing matches. */
struct profile *profiles_resolve(struct profiles *profiles, struct str name);
/* Stored and declared ones in order of name, without the implicit ones. */
size_t profiles_count(const struct profiles *profiles);
struct profile *profiles_at(const struct profiles *profiles, size_t i);

typedef void profiles_done_fn(void *ctx, struct profile *profile,
                              const struct error *error);

/* `patch` is the request's JSON object. Bad input: -1 with every bad field
 * in `problems` (and the first one in `error`), `on_done` is not called.
 * `may_execute` is false for callers who must not decide what is executed
 * or read (fields flagged FIELD_EXECUTES: ERR_FORBIDDEN). */
int profiles_create(struct profiles *profiles, const struct json *patch,
                    bool may_execute, struct field_problems *problems,
                    profiles_done_fn *on_done, void *ctx, struct error *error);
/* The same for a record whose `engine` the client did not ask for: that one
 * needs no authority. */
int profiles_create_for(struct profiles *profiles, const char *engine,
                        const struct json *patch, bool may_execute,
                        struct field_problems *problems,
                        profiles_done_fn *on_done, void *ctx,
                        struct error *error);
int profiles_update(struct profiles *profiles, struct str id,
                    const struct json *patch, bool may_execute,
                    struct field_problems *problems, profiles_done_fn *on_done,
                    void *ctx, struct error *error);
/* The record that profiles_create() (no `id`) or profiles_update() would
 * make, with a reference, and nothing stored. Values that they would refuse
 * are in `problems`; options among them are in the record all the same, other
 * fields are as before. NULL with `error`: no such profile, ERR_FORBIDDEN, or
 * `patch` is no object. */
struct profile *profiles_draft(struct profiles *profiles, struct str id,
                               const struct json *patch, bool may_execute,
                               struct field_problems *problems,
                               struct error *error);
int profiles_delete(struct profiles *profiles, struct str id,
                    profiles_done_fn *on_done, void *ctx, struct error *error);
int profiles_duplicate(struct profiles *profiles, struct str id,
                       struct str new_name, profiles_done_fn *on_done,
                       void *ctx, struct error *error);
/* The lowest port from port_start that no profile has and that the system
 * lets us bind on loopback: the port, or -1 with `error`. */
int profiles_next_port(struct profiles *profiles, struct error *error);

/* The profile as a JSON object, secrets masked ("***") unless `with_secrets`:
 * the values of "env" and those options that the engine's manifest calls
 * secret; of an engine that is not known, every option. */
void profile_to_json(const struct engines *engines,
                     const struct profile *profile, bool with_secrets,
                     struct json_writer *out);

#endif
