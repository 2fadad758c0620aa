/* The command line: `hearth COMMAND ...`.
 *
 * Each command is one file with one row (struct cli_command): its name, its
 * options, what it does. The commands that ask the daemon do so over its
 * unix socket, or over --url with a key; none of them touches the daemon's
 * data while it runs. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stddef.h>

#include "base/error.h"
#include "records/api_key.h"
#include "records/settings.h"

enum { CLI_SECRET_BYTES = 64 };

/* What the program that holds the command line adds to it. */
struct cli_hooks {
    /* Runs the daemon until it ends; returns the exit code. `config_path`
     * is NULL unless --config names a file. */
    int (*serve)(const struct setting_flag *flags, size_t n_flags,
                 const char *config_path);
    /* Fills a new key and its secret, a text; 0, or -1. */
    int (*generate_key)(struct str name, enum key_scope scope,
                        struct api_key *ret_key,
                        char ret_secret[CLI_SECRET_BYTES], struct error *error);
};

/*    name          code  meaning */
#define CLI_EXITS(X)                                                   \
    X(OK, 0, "done")                                                   \
    X(FAILED, 1, "failed; the reason is on standard error")            \
    X(USAGE, 2, "the command line or the configuration is wrong")      \
    X(NOT_RUNNING, 3, "hearth is not running, or cannot be reached")   \
    X(NOT_FOUND, 4, "there is no such profile, model, key or setting") \
    X(REFUSED, 5, "not allowed: a key is missing or has no right")     \
    X(CONFLICT, 6, "it clashes with something that is there already")  \
    X(INTERRUPTED, 130, "stopped by Ctrl-C")

enum cli_exit {
#define X(name, code, meaning) CLI_##name = code,
    CLI_EXITS(X)
#undef X
};

/* Runs the command that argv names and returns its exit code. */
int cli_main(int argc, char *const *argv, char *const *environment,
             const struct cli_hooks *hooks);

#endif
