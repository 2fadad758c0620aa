/* What Hearth knows of each inference engine, as data. Describes; starts
 * nothing and reads no file but what it is handed.
 *
 * A manifest (JSON, embedded from src/engines/manifests/; more from the
 * config folder's engines.d/) names the binary, how to ask its version and
 * flags, the argv template, the option rows, when it is ready, what paths it
 * serves and how it stops. Manifests are immutable once loaded. */
#ifndef ENGINES_ENGINES_H
#define ENGINES_ENGINES_H

#include "base/arena.h"
#include "formats/json.h"
#include "records/profile.h"

struct engines;

enum option_type {
    OPTION_INT,
    OPTION_REAL,
    OPTION_TEXT,
    OPTION_BOOL,
    OPTION_CHOICE,
    OPTION_PATH,
    OPTION_LIST /* of texts, one flag each */
};

/* "whole number", "path" ... for messages and the launch form. */
const char *option_type_name(enum option_type type);

struct engine_option {
    const char *key;      /* "ctx_size" */
    const char *flag;     /* "--ctx-size"; NULL when by env only */
    const char *flag_off; /* for booleans that are on by default */
    const char *env;      /* variable instead of a flag, or NULL */
    enum option_type type;
    double min, max;          /* of texts: the length in bytes */
    const char *default_text; /* the engine's own, for show */
    /* NULL-terminated: the values of OPTION_CHOICE, or the words that an
     * OPTION_INT takes besides numbers ("auto"). */
    const char *const *choices;
    const char *group;
    const char *help;
    bool is_secret;
    bool executes;        /* decides what is run: trusted callers only */
    bool is_output;       /* OPTION_PATH: a log file the engine writes */
    bool is_scaled;       /* OPTION_PATH: ":NUMBER" stands behind it */
    const char *forbids;  /* bytes that the value may not hold, or NULL */
    const char *replaces; /* flag of the template that it drives out */
    const char *const *other_flags; /* names in other versions, or NULL */
    const char *const *values;      /* OPTION_CHOICE: what reaches the engine */
    const char *const *also;        /* names in other managers, or NULL */
};

struct stop_step {
    int signum;      /* SIGTERM ... */
    int64_t wait_ms; /* before the next step */
};

struct log_pattern {
    const char *contains; /* substring of a log line */
    enum error_code code;
    const char *advice;
};

struct engine_manifest {
    const char *name; /* "llama-server" */
    const char *title;
    const char *const *binaries; /* tried in order on PATH */
    const char *install_hint;
    /* Of a program in Python: the distribution that does its work, whose
     * version matters beside its own, "mlx-lm"; "" or NULL: none. */
    const char *python_package;
    const char *const *version_args;
    const char *const *help_args;
    /* Template after the binary. ${host} ${port} ${model} ${name} ${preset}
     * are replaced; an argument whose placeholder is empty goes, with the flag
     * before it; "?--flag" (and its value) goes when the binary is known to
     * lack it. */
    const char *const *argv;
    const struct engine_option *options;
    size_t n_options;
    const char *ready_path;                             /* "/health" */
    const char *probe_method, *probe_path, *probe_body; /* small real one */
    const char *const *serves; /* path patterns, "prefix*" allowed */
    bool rewrites_model;       /* model_field: rewrite */
    bool supports_key;         /* a random per-instance key is passed */
    const char *key_env;       /* keys never stand in argv */
    bool is_router;            /* serves many models by itself */
    bool is_external;          /* runs elsewhere: attached to, never started
                                * or ended */
    bool needs_model;          /* a profile must have model_path */
    bool skips_listener_check; /* containers: the listener is elsewhere */
    const char *slots_option;  /* option that gives parallel slots */
    int default_slots;
    const struct stop_step *stop;
    size_t n_stop;
    const struct log_pattern *errors;
    size_t n_errors;
    const char *const *env; /* "NAME=value" always added */
    const char *model_name; /* what `model` is rewritten to: a template */
    bool takes_model_ids;   /* model_path may be an "org/name" of a hub */
    bool needs_model_file;  /* model_path is a file, never a folder */
    bool joins_values;      /* "--flag=value"; else two arguments */
};

/* Loads the embedded manifests. */
int engines_new(struct engines **ret_engines, struct error *error);
/* Adds or replaces one from JSON text; `origin` for messages. */
int engines_add(struct engines *engines, struct str json, const char *origin,
                struct error *error);
void engines_free(struct engines *engines);
const struct engine_manifest *engines_find(const struct engines *engines,
                                           const char *name);
size_t engines_count(const struct engines *engines);
const struct engine_manifest *engines_at(const struct engines *engines,
                                         size_t i);

/* What an installed binary said of itself. */
struct engine_binary {
    const char *path;
    const char *version;         /* "" unknown */
    const char *package_version; /* of its python_package; "" unknown */
    const char *const *flags;    /* sorted, NULL-terminated; NULL: not known */
};
/* Reads flags out of --help output and the version out of --version
 * output; everything lives in the arena. */
int engine_parse_help(struct str help, struct arena *arena,
                      const char *const **ret_flags, struct error *error);
int engine_parse_version(struct str text, struct arena *arena,
                         const char **ret_version);

/* Checks a profile's `options` (and accepts flat names of other managers,
 * see engine_canonical_option) against the manifest: every problem is
 * reported by `on_problem(ctx, "options.ctx_size", message)`. */
void engine_check_options(const struct engine_manifest *manifest,
                          const struct json *options,
                          void (*on_problem)(void *ctx, const char *field,
                                             const char *message),
                          void *ctx);
/* The key of a flat engine option name ("context_length" -> "ctx_size"; a
 * key itself, also spelt with dashes, is its own), or NULL when the engine
 * has none. */
const char *engine_canonical_option(const struct engine_manifest *manifest,
                                    struct str flat_name);
/* Of the value of an OPTION_PATH, what has to be there: the file, or the folder
 * of one that is written. */
struct str engine_option_path(const struct engine_option *option,
                              struct str value);
/* Whether the binary is known to have no name of the option's flags. */
bool engine_lacks_option(const struct engine_binary *binary,
                         const struct engine_option *option);

/* The command line of a start. */
struct engine_launch {
    const struct profile *profile;
    const struct engine_binary *binary; /* flags NULL: not checked */
    int port;
    const char *host;
    const char *api_key;         /* "" none */
    const char *default_threads; /* "" or a number */
    const char *preset;          /* path of a file; NULL: none */
    /* Called for OPTION_PATH values; -1 with `error` when outside the
     * model roots. May be NULL (nothing is checked). */
    int (*check_path)(void *ctx, const char *path, struct error *error);
    void *check_ctx;

    /* Below: for a look at a command that is not started. */

    const char *port_text; /* stands for the port; NULL: `port` does */
    bool hides_secrets;    /* "***" for secret options and the profile's env */
    /* Told of each value that cannot be used ("" where it has no field);
     * what it is about is left out and the rest is built. NULL: the first
     * one is the error. */
    void (*on_problem)(void *ctx, const char *field, const char *message);
    void *problem_ctx;
};
struct engine_command {
    char **argv; /* NULL-terminated, in the arena */
    size_t argc;
    /* For each argument, the field of the profile that it comes from:
     * "options.ctx_size", "model_path", "port"; "" for the engine's own. */
    const char **fields;
    char **env; /* "NAME=value" to add, NULL-terminated */
};
/* Builds argv and env. argv[0] is binary->path; of a manifest without
 * binaries, the profile's `command` is the whole argv. No value becomes a
 * flag, no shell; a flag that the binary lacks is an error by name (field
 * "options.<key>", code ERR_ENGINE_UNKNOWN_OPTION). */
int engine_build_command(const struct engine_manifest *manifest,
                         const struct engine_launch *launch,
                         struct arena *arena,
                         struct engine_command *ret_command,
                         struct error *error);

/* How many requests the profile's engine takes at once; >= 1. */
int engine_slots(const struct engine_manifest *manifest,
                 const struct profile *profile);
/* What the engine wants to read in `model` when the manifest rewrites it;
 * the profile's name otherwise. In the profile or the manifest. */
const char *engine_model_name(const struct engine_manifest *manifest,
                              const struct profile *profile);
/* The readiness path: the manifest's, or the profile's option `ready_path`
 * where the manifest has such an option (engine `command`). In the arena or
 * the manifest. */
const char *engine_ready_path(const struct engine_manifest *manifest,
                              const struct profile *profile,
                              struct arena *arena);
/* Does it serve this path ("/v1/embeddings")? */
bool engine_serves(const struct engine_manifest *manifest, struct str path);
/* Explains a failure from the last log lines: the row that matched, or
 * NULL. */
const struct log_pattern *engine_explain(const struct engine_manifest *manifest,
                                         struct str log_tail);

/* A manifest as JSON (for the launch form and the docs). */
void engine_to_json(const struct engine_manifest *manifest,
                    struct json_writer *out);

#endif
