/* Engine manifests that the user adds: every *.json of engines.d/ in the
 * configuration folder, in order of name. A bad one stops the start: a
 * typing error must not silently take a model away. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "daemon/daemon.h"
#include "platform/file.h"

static int
is_manifest(const struct dirent *entry)
{
    return entry->d_name[0] != '.' &&
           str_ends_with(str_from(entry->d_name), STR(".json"));
}

static int
add_file(struct daemon *daemon, const char *folder, const char *name,
         struct error *error)
{
    char path[LIMIT_PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return error_set(error, ERR_INVALID, "%s/%s: the path is too long",
                         folder, name);
    struct strbuf text = STRBUF_INIT(LIMIT_CONFIG_FILE_BYTES);
    int result = file_read(path, &text, error);
    if (result == 0)
        result = engines_add(daemon->engines, strbuf_view(&text), path, error);
    strbuf_release(&text);
    return result;
}

int
daemon_add_engines(struct daemon *daemon, struct error *error)
{
    char folder[LIMIT_PATH_BYTES];
    if (snprintf(folder, sizeof folder, "%s/engines.d", daemon->config_dir) >=
        (int)sizeof folder)
        return error_set(error, ERR_INVALID, "%s: the path is too long",
                         daemon->config_dir);
    struct dirent **entries;
    int n = scandir(folder, &entries, is_manifest, alphasort);
    if (n < 0)
        return errno == ENOENT ? 0 : error_errno(error, errno, "%s", folder);
    int result = 0;
    for (int i = 0; i < n; i++) {
        if (result == 0)
            result = add_file(daemon, folder, entries[i]->d_name, error);
        free(entries[i]);
    }
    free(entries);
    return result;
}
