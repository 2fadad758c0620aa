/* Where models are on this machine: the model folders, and the stores of
 * other programs as those programs themselves find them (their documentation
 * names variables and folders below the home). */
#include <stdarg.h>
#include <stdio.h>

#include "daemon/daemon.h"
#include "formats/comfy_paths.h"
#include "platform/file.h"

static const char *
variable(const struct daemon *daemon, const char *name)
{
    size_t n = strlen(name);
    for (char *const *at = daemon->environment; at != NULL && *at != NULL; at++)
        if (strncmp(*at, name, n) == 0 && (*at)[n] == '=')
            return *at + n + 1;
    return "";
}

/* Adds a folder; one that is relative or does not fit is left out: NULL. */
__attribute__((format(printf, 3, 4))) static struct library_place *
add(struct daemon_library *library, enum model_source source,
    const char *format, ...)
{
    if (library->options.n_places == DAEMON_PLACES_MAX)
        return NULL;
    size_t i = library->options.n_places;
    char *text = library->texts[i];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, LIMIT_PATH_BYTES, format, args);
    va_end(args);
    if (n <= 0 || n >= LIMIT_PATH_BYTES || text[0] != '/')
        return NULL;
    library->places[i] =
        (struct library_place){ .path = str_from(text), .source = source };
    library->options.n_places++;
    return &library->places[i];
}

bool
daemon_hub_cache(const struct daemon *daemon, char ret_path[LIMIT_PATH_BYTES])
{
    const struct {
        const char *folder, *rest;
    } rows[] = {
        { settings_text(daemon->settings, SETTING_ID_HUGGINGFACE_CACHE_DIR),
          "" },
        { variable(daemon, "HF_HUB_CACHE"), "" },
        { variable(daemon, "HF_HOME"), "/hub" },
        { variable(daemon, "XDG_CACHE_HOME"), "/huggingface/hub" },
        { variable(daemon, "HOME"), "/.cache/huggingface/hub" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].folder[0] != '/')
            continue;
        int n = snprintf(ret_path, LIMIT_PATH_BYTES, "%s%s", rows[i].folder,
                         rows[i].rest);
        return n > 0 && n < LIMIT_PATH_BYTES;
    }
    return false;
}

static void
add_hub(const struct daemon *daemon, struct daemon_library *library)
{
    char path[LIMIT_PATH_BYTES];
    if (daemon_hub_cache(daemon, path))
        add(library, MODEL_SOURCE_HUGGINGFACE, "%s", path);
}

static void
add_llama_cpp(const struct daemon *daemon, struct daemon_library *library)
{
    const char *cache = variable(daemon, "LLAMA_CACHE");
    const char *xdg = variable(daemon, "XDG_CACHE_HOME");
    if (cache[0] != '\0')
        add(library, MODEL_SOURCE_LLAMA_CPP, "%s", cache);
    else if (xdg[0] != '\0')
        add(library, MODEL_SOURCE_LLAMA_CPP, "%s/llama.cpp", xdg);
    else
        add(library, MODEL_SOURCE_LLAMA_CPP, "%s/.cache/llama.cpp",
            variable(daemon, "HOME"));
}

static void
add_lmstudio(const struct daemon *daemon, struct daemon_library *library)
{
    const char *home = variable(daemon, "HOME");
    add(library, MODEL_SOURCE_LMSTUDIO, "%s/.lmstudio/models", home);
    add(library, MODEL_SOURCE_LMSTUDIO, "%s/.cache/lm-studio/models", home);
}

static void
add_ollama(const struct daemon *daemon, struct daemon_library *library)
{
    const char *models = variable(daemon, "OLLAMA_MODELS");
    if (models[0] != '\0')
        add(library, MODEL_SOURCE_OLLAMA, "%s", models);
    else
        add(library, MODEL_SOURCE_OLLAMA, "%s/.ollama/models",
            variable(daemon, "HOME"));
}

static const struct {
    enum model_source source;
    void (*add)(const struct daemon *daemon, struct daemon_library *library);
} source_rows[] = {
    { MODEL_SOURCE_HUGGINGFACE, add_hub },
    { MODEL_SOURCE_LLAMA_CPP, add_llama_cpp },
    { MODEL_SOURCE_LMSTUDIO, add_lmstudio },
    { MODEL_SOURCE_OLLAMA, add_ollama },
};

bool
daemon_has_source(const struct daemon *daemon, enum model_source source)
{
    const char *const *names;
    size_t n =
        settings_list(daemon->settings, SETTING_ID_LIBRARY_SOURCES, &names);
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], model_source_names[source]) == 0)
            return true;
    return false;
}

/* ---- ComfyUI ---- */

struct comfyui {
    struct daemon *daemon;
    struct daemon_library *library;
    char file[LIMIT_PATH_BYTES];
};

static const char *
variable_of(void *ctx, const char *name)
{
    const struct comfyui *comfyui = ctx;
    return variable(comfyui->daemon, name);
}

static void
on_comfy_path(void *ctx, const struct comfy_path *path)
{
    const struct comfyui *comfyui = ctx;
    struct library_place *place =
        add(comfyui->library, MODEL_SOURCE_COMFYUI, "%s", path->path);
    if (place != NULL)
        place->kind = comfy_folder_kind(path->folder);
}

static void
on_comfy_ignored(void *ctx, int line, const char *why)
{
    const struct comfyui *comfyui = ctx;
    events_log(&comfyui->daemon->events, LOG_WARN, "library", "%s: line %d: %s",
               comfyui->file, line, why);
}

static void
add_extra_paths(struct daemon *daemon, struct daemon_library *library,
                const char *folder)
{
    struct comfyui comfyui = { .daemon = daemon, .library = library };
    const struct comfy_reader reader = { .folder = folder,
                                         .variable = variable_of,
                                         .on_path = on_comfy_path,
                                         .on_ignored = on_comfy_ignored,
                                         .ctx = &comfyui };
    struct strbuf text = STRBUF_INIT(LIMIT_CONFIG_FILE_BYTES);
    struct file_stamp stamp;
    struct error error;
    snprintf(comfyui.file, sizeof comfyui.file, "%s/extra_model_paths.yaml",
             folder);
    if (file_stamp(comfyui.file, &stamp) < 0)
        return;
    if (file_read(comfyui.file, &text, &error) < 0 ||
        comfy_paths_read(&reader, strbuf_view(&text), &error) < 0)
        events_log(&daemon->events, LOG_WARN, "library", "%s: %s", comfyui.file,
                   error.message);
    strbuf_release(&text);
}

static void
add_comfyui(struct daemon *daemon, struct daemon_library *library)
{
    const char *const *folders;
    size_t n = settings_list(daemon->settings, SETTING_ID_LIBRARY_COMFYUI_DIRS,
                             &folders);
    for (size_t i = 0; i < n; i++) {
        add(library, MODEL_SOURCE_COMFYUI, "%s/models", folders[i]);
        add_extra_paths(daemon, library, folders[i]);
    }
}

void
daemon_library_options(struct daemon *daemon,
                       struct daemon_library *ret_library)
{
    const struct settings *settings = daemon->settings;
    ret_library->options = (struct library_options){
        .loop = &daemon->loop,
        .events = &daemon->events,
        .store = daemon->store,
        .roots = ret_library->roots,
        .n_roots =
            daemon_model_roots(daemon, ret_library->roots, DAEMON_ROOTS_MAX),
        .places = ret_library->places,
        .archive_dir =
            str_from(settings_text(settings, SETTING_ID_LIBRARY_ARCHIVE_DIR)),
        .has_hashes = settings_bool(settings, SETTING_ID_LIBRARY_HASHES),
        .is_watched = true,
        .rescan_s = settings_int(settings, SETTING_ID_LIBRARY_RESCAN_S),
    };
    const char *downloads = settings_text(settings, SETTING_ID_DOWNLOADS_DIR);
    if (downloads[0] != '\0')
        add(ret_library, MODEL_SOURCE_DOWNLOADS, "%s", downloads);
    for (size_t i = 0; i < sizeof source_rows / sizeof *source_rows; i++)
        if (daemon_has_source(daemon, source_rows[i].source))
            source_rows[i].add(daemon, ret_library);
    add_comfyui(daemon, ret_library);
}
