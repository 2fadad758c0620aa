/* Changing and reading files below a folder that one may use, and nowhere
 * else: every folder on the way is opened from its parent without following
 * links, so that nobody can lead elsewhere in between. Blocks: workers. */
#ifndef PLATFORM_TREE_H
#define PLATFORM_TREE_H

#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "platform/folder.h"

/* A name below a root: `root` is absolute, `name` relative, "a/b.gguf". */
struct tree_name {
    const char *root;
    const char *name;
};

/* Moves a file, a link or a folder; folders of the new name are made. Never
 * replaces: ERR_CONFLICT when the new name is taken. To another file system
 * it is copied whole, brought to disk, and only then removed here. On failure
 * all is as it was. */
int tree_move(const struct tree_name *from, const struct tree_name *to,
              struct error *error);
/* Removes a file, a link, or a folder with what is in it. That it is not
 * there is no error. */
int tree_remove(const struct tree_name *name, struct error *error);
/* Appends a regular file to `out` and tells what it was when it was opened.
 * ERR_NOT_FOUND: it is not there; ERR_INVALID: a link, or no regular file;
 * ERR_TOO_LARGE: more than the ceiling of `out`, of which nothing is read. */
int tree_read(const struct tree_name *name, struct strbuf *out,
              struct folder_facts *ret_facts, struct error *error);

#endif
