/* FIELD=VALUE words of the command line, as JSON. Internal to cli/. */
#ifndef CLI_PROFILE_FIELDS_H
#define CLI_PROFILE_FIELDS_H

#include "cli/command.h"
#include "formats/json.h"

/* Appends a JSON object to `out` from words like these, typed by the rows
 * of records/profile.h:
 *
 *     port=8080 pinned=true aliases=a,b model_path=/m/x.gguf
 *     options.ctx_size=4096 env.NAME=value command='["prog","${port}"]'
 *
 * "FIELD=" alone is null for a number and "" for a text. `name` NULL leaves
 * the name out. CLI_OK, or CLI_USAGE with the reason printed. */
int profile_fields_to_json(const char *name, const char *const *words, size_t n,
                           struct json_writer *out);

#endif
