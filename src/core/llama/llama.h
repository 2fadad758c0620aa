/* llama.cpp's server in router mode: one instance that serves many models.
 *
 * Of every ready instance whose engine is a router this module keeps the list
 * of its models, as the server itself tells it: by GET /models when the list
 * may have changed, and by the event stream /models/sse between. A model is
 * LOADED when the server says so and not before; when the server goes, all
 * its models are UNLOADED. A build without that stream is asked every two
 * seconds.
 *
 * The managed one is that of the profile LLAMA_PROFILE. While it is ready, what
 * it serves comes before what Hearth would start by itself for the same model
 * (llama_resolve). Loop thread only. */
#ifndef CORE_LLAMA_H
#define CORE_LLAMA_H

#include "core/instances/instances.h"
#include "core/presets/presets.h"
#include "core/profiles/profiles.h"

#define LLAMA_PROFILE  "llama-router"
#define LLAMA_ENGINE   "llama-server-router"
#define LLAMA_ATTACHED "llama-server-attached"

struct llama;

/* clang-format off */
#define LLAMA_STATES(X)                                              \
    X(UNLOADED, "unloaded") X(LOADING, "loading") X(LOADED, "loaded") \
    X(SLEEPING, "sleeping") X(FAILED, "error")
/* clang-format on */
enum llama_state {
#define X(name, wire) LLAMA_##name,
    LLAMA_STATES(X)
#undef X
        LLAMA_STATE_COUNT
};
const char *llama_state_name(enum llama_state state);

enum { LLAMA_NAME_BYTES = 256 };

struct llama_model {
    char name[LLAMA_NAME_BYTES]; /* what a request has to say */
    char *aliases;               /* each ends with '\n'; never NULL */
    char *path;                  /* of its file; "" unknown */
    enum llama_state state;
    int exit_code;          /* of LLAMA_FAILED; -1: unknown */
    double progress;        /* of LLAMA_LOADING, 0 to 1; -1: unknown */
    int64_t context_length; /* 0: unknown */
};

/* The payload of EVENT_LLAMA_MODEL; its subject is the profile's id.
 * EVENT_LLAMA_MODELS says that the list is another one. */
struct llama_change {
    const char *profile_id;
    const struct llama_model *model;
    enum llama_state from;
};

struct llama_options {
    struct loop *loop;
    struct events *events;
    struct instances *instances;
    struct profiles *profiles;
    struct library *library;
    struct presets *presets;
    const struct engines *engines;
};

int llama_new(const struct llama_options *options, struct llama **ret_llama,
              struct error *error);
void llama_free(struct llama *llama); /* accepts NULL */

/* ---- what they serve ---- */

/* Whether its list is known; a list of a server that is not ready is not. */
bool llama_is_known(const struct llama *llama, const char *profile_id);
/* Whether its preset, or how a model is launched, was changed since it read
 * that: a rescan has it read it anew. */
bool llama_is_stale(const struct llama *llama, const char *profile_id);
size_t llama_count(const struct llama *llama, const char *profile_id);
/* Borrowed until the next turn. */
const struct llama_model *llama_at(const struct llama *llama,
                                   const char *profile_id, size_t i);
/* By name or alias; NULL: there is none. */
const struct llama_model *llama_find(const struct llama *llama,
                                     const char *profile_id, struct str name);
/* The profile of the managed one, or NULL. Borrowed. */
struct profile *llama_managed(const struct llama *llama);

/* The managed server's profile and model for a request's `model`, if it is
 * that one's to serve; else NULL. `profile` is what the name stands for
 * without it: nothing (NULL), or a profile that only says how a model of the
 * library is served, implicitly or as its launch profile, and whose own
 * server does not run. Any other profile goes before. */
struct profile *llama_resolve(const struct llama *llama, struct str name,
                              const struct profile *profile,
                              const struct llama_model **ret_model);

/* Whether the profile is how a model of the library is launched: stored, of
 * engine llama-server, under the model's name and with its file. */
bool llama_is_launch_profile(const struct llama *llama,
                             const struct profile *profile);

/* ---- what it is told ---- */

/* The server took it, or why not; the states tell the rest. Not called when
 * -1 is returned. A server that was attached is not told anything:
 * ERR_CONFLICT. */
typedef void llama_done_fn(void *ctx, const struct error *error);

int llama_load(struct llama *llama, const char *profile_id, struct str name,
               llama_done_fn *on_done, void *ctx, struct error *error);
int llama_unload(struct llama *llama, const char *profile_id, struct str name,
                 llama_done_fn *on_done, void *ctx, struct error *error);
/* Has it read its folder and its preset anew; of what runs, the server ends
 * those whose options are others now. */
int llama_rescan(struct llama *llama, const char *profile_id,
                 llama_done_fn *on_done, void *ctx, struct error *error);

/* For instances_options.compose: the preset of the profile, with the launch
 * profiles of models in the folder. */
int llama_compose(struct llama *llama, const struct profile *profile,
                  struct strbuf *out, struct error *error);

#endif
