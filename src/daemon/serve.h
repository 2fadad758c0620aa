/* `hearth serve`: runs the daemon until it is asked to end. */
#ifndef DAEMON_SERVE_H
#define DAEMON_SERVE_H

#include "records/settings.h"

/* Returns the exit code: 0 after an orderly end, 2 for a bad configuration,
 * 1 for any other failure (said on standard error). */
int daemon_serve(const struct setting_flag *flags, size_t n_flags,
                 const char *config_path);

#endif
