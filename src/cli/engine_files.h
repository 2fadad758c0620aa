/* The engines that are known here: the embedded manifests and the user's,
 * every *.json of engines.d/ beside hearth.yaml, in order of name.
 * For the daemon, and for the commands that work without it. Blocks. */
#ifndef CLI_ENGINE_FILES_H
#define CLI_ENGINE_FILES_H

#include "engines/engines.h"

/* `config_file`: the file in use, an absolute path; NULL: there is none, so
 * that the standard configuration folder is looked into.
 * 0 and engines_free's to free; or -1 and NULL. A bad manifest is an error
 * that names the file: a typing error must not silently take a model away. */
int engine_files_load(const char *config_file, struct engines **ret_engines,
                      struct error *error);

/* The names of all of them, NULL at the end; free() the array. NULL: no
 * memory. */
const char **engine_files_names(const struct engines *engines);

#endif
