/* Hearth's own log, for `hearth logs` without a name. Internal to cli/. */
#ifndef CLI_OWN_LOG_H
#define CLI_OWN_LOG_H

#include "cli/command.h"

/* The newest lines that the command's options let through, oldest first; then,
 * with --follow, each that comes. An exit code. */
int own_log_show(struct cli *cli, int64_t n_lines);

#endif
