/* Engine manifests, ours and the user's: see engine_files.h. */
#include "cli/engine_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "platform/file.h"
#include "platform/system.h"

static int
is_manifest(const struct dirent *entry)
{
    return entry->d_name[0] != '.' &&
           str_ends_with(str_from(entry->d_name), STR(".json"));
}

static int
add_file(struct engines *engines, const char *folder, const char *name,
         struct error *error)
{
    char path[LIMIT_PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return error_set(error, ERR_INVALID, "%s/%s: the path is too long",
                         folder, name);
    struct strbuf text = STRBUF_INIT(LIMIT_CONFIG_FILE_BYTES);
    int result = file_read(path, &text, error);
    if (result == 0)
        result = engines_add(engines, strbuf_view(&text), path, error);
    strbuf_release(&text);
    return result;
}

static int
folder_of(const char *config_file, char *ret_folder, size_t size,
          struct error *error)
{
    const char *slash = config_file == NULL ? NULL : strrchr(config_file, '/');
    if (slash == NULL)
        return system_config_folder(ret_folder, size, error);
    int n = (int)(slash - config_file);
    if (snprintf(ret_folder, size, "%.*s", n, config_file) >= (int)size)
        return error_set(error, ERR_INVALID, "%s: the path is too long",
                         config_file);
    return 0;
}

static int
add_folder(struct engines *engines, const char *config_file,
           struct error *error)
{
    char config_folder[LIMIT_PATH_BYTES], folder[LIMIT_PATH_BYTES];
    if (folder_of(config_file, config_folder, sizeof config_folder, error) != 0)
        return -1;
    if (snprintf(folder, sizeof folder, "%s/engines.d", config_folder) >=
        (int)sizeof folder)
        return error_set(error, ERR_INVALID, "%s: the path is too long",
                         config_folder);
    struct dirent **entries;
    int n = scandir(folder, &entries, is_manifest, alphasort);
    if (n < 0)
        return errno == ENOENT ? 0 : error_errno(error, errno, "%s", folder);
    int result = 0;
    for (int i = 0; i < n; i++) {
        if (result == 0)
            result = add_file(engines, folder, entries[i]->d_name, error);
        free(entries[i]);
    }
    free(entries);
    return result;
}

int
engine_files_load(const char *config_file, struct engines **ret_engines,
                  struct error *error)
{
    *ret_engines = NULL;
    struct engines *engines;
    if (engines_new(&engines, error) != 0)
        return -1;
    if (add_folder(engines, config_file, error) != 0) {
        engines_free(engines);
        return -1;
    }
    *ret_engines = engines;
    return 0;
}

const char **
engine_files_names(const struct engines *engines)
{
    size_t n = engines_count(engines);
    const char **names = calloc(n + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < n; i++)
        names[i] = engines_at(engines, i)->name;
    return names;
}
