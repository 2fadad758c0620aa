/* Whether a name from outside may become a file of ours.
 *
 * Listings of hubs, Content-Disposition, JSON: whoever writes them chooses
 * the names. A name that is refused is refused, never repaired: what would
 * come out of a repair is a name that nobody chose. */
#ifndef FORMATS_FILE_NAME_H
#define FORMATS_FILE_NAME_H

#include "base/error.h"
#include "base/str.h"

enum { FILE_NAME_PART_BYTES = 255, FILE_NAME_PATH_BYTES = 1024 };

/* One name without slashes: 0, or -1 with ERR_INVALID that says why. Refused:
 * empty, ".", "..", slash or backslash, control characters, those that turn
 * or hide text (bidirectional, zero width), bytes that are no UTF-8, more
 * than FILE_NAME_PART_BYTES, a space or dot at the end, a leading dash,
 * ".git", names that Windows reserves, characters that it forbids (<>:"|?*),
 * and the endings that our own unfinished files have. */
int file_name_check(struct str name, struct error *error);
/* A relative path, each part of which is such a name. */
int file_name_check_path(struct str path, struct error *error);

#endif
