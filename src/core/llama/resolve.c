/* Whose a name is, what a server reads at its start, and what it is told. */
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "core/llama/llama_internal.h"

struct profile *
llama_managed(const struct llama *llama)
{
    struct profile *profile =
        profiles_resolve(llama->options.profiles, STR(LLAMA_PROFILE));
    if (profile == NULL || strcmp(profile->name, LLAMA_PROFILE) != 0)
        return NULL;
    const struct engine_manifest *engine =
        engines_find(llama->options.engines, profile->engine);
    return engine != NULL && engine->is_router ? profile : NULL;
}

bool
llama_is_launch_profile(const struct llama *llama,
                        const struct profile *profile)
{
    const struct model *model =
        profile->source == PROFILE_SOURCE_LIBRARY
            ? NULL
            : library_find(llama->options.library, str_from(profile->name));
    return model != NULL && strcmp(profile->engine, "llama-server") == 0 &&
           strcmp(model->name, profile->name) == 0 &&
           strcmp(model->path, profile->model_path) == 0;
}

/* What a server that was given this folder calls the file: its name without
 * the ending, or that of the folder it lies in. Empty: it is not there. */
static struct str
name_in_folder(const char *folder, const char *path)
{
    struct str rest = str_from(path), root = str_from(folder);
    while (root.n > 1 && root.p[root.n - 1] == '/')
        root.n--;
    if (root.n == 0 || !str_starts_with(rest, root) || rest.n < root.n + 2 ||
        rest.p[root.n] != '/')
        return STR("");
    rest = (struct str){ rest.p + root.n + 1, rest.n - root.n - 1 };
    struct str first = str_split(&rest, '/');
    if (rest.p != NULL)
        return str_find(rest, '/') >= 0 ? STR("") : first;
    if (!str_ends_with(first, STR(".gguf")))
        return STR("");
    return (struct str){ first.p, first.n - (sizeof ".gguf" - 1) };
}

/* The server's model that is the profile's file. */
static const struct llama_model *
model_of(const struct llama_link *link, const struct profile *server,
         const struct profile *profile)
{
    struct str name = name_in_folder(server->model_path, profile->model_path);
    for (size_t i = 0; i < link->n; i++) {
        const struct llama_model *model = &link->models[i];
        if (strcmp(model->path, profile->model_path) == 0)
            return model;
        if (!link->is_external && name.n > 0 && str_is(name, model->name))
            return model;
    }
    return NULL;
}

static bool
runs_by_itself(const struct llama *llama, const struct profile *profile)
{
    struct instance_view view;
    return instances_view(llama->options.instances, profile->id, &view) == 0 &&
           view.state != INSTANCE_STOPPED && view.state != INSTANCE_FAILED &&
           view.state != INSTANCE_BACKOFF;
}

struct profile *
llama_resolve(const struct llama *llama, struct str name,
              const struct profile *profile,
              const struct llama_model **ret_model)
{
    struct profile *server = llama_managed(llama);
    const struct llama_link *link =
        server == NULL ? NULL : llama_link_find(llama, server->id);
    *ret_model = NULL;
    if (link == NULL || !link->is_known || profile == server)
        return NULL;
    if (profile == NULL)
        *ret_model = link_find(link, name);
    else if ((profile->source == PROFILE_SOURCE_LIBRARY ||
              llama_is_launch_profile(llama, profile)) &&
             !runs_by_itself(llama, profile))
        *ret_model = model_of(link, server, profile);
    return *ret_model == NULL ? NULL : server;
}

/* ---- what a server reads ---- */

void
llama_preset_name(const struct profile *profile, char *ret, size_t size)
{
    struct json_doc *options =
        json_parse(str_from(profile->options_json), NULL);
    struct str name = STR("");
    if (options != NULL)
        json_as_text(json_get(json_root(options), "preset"), &name);
    if (str_ends_with(name, STR(".ini")))
        name.n -= sizeof ".ini" - 1;
    snprintf(ret, size, "%.*s", STR_ARG(name));
    json_doc_free(options);
}

bool
llama_reads(const struct llama *llama, const struct profile *server,
            const struct profile *profile)
{
    return name_in_folder(server->model_path, profile->model_path).n > 0 &&
           llama_is_launch_profile(llama, profile);
}

/* The preset that the profile names, as a document to be added to. */
static struct ini *
read_preset(const struct llama *llama, const struct profile *profile,
            struct error *error)
{
    struct strbuf text = STRBUF_INIT(2 * INI_BYTES_MAX);
    struct ini *ini = NULL;
    char name[PRESET_NAME_BYTES + 1];
    llama_preset_name(profile, name, sizeof name);
    const struct preset *preset =
        presets_get(llama->options.presets, str_from(name));
    if (name[0] != '\0' && preset == NULL)
        error_field(error, "options.preset", "there is no preset \"%s\"", name);
    else if (preset != NULL && preset->problems.n > 0)
        error_field(error, "options.preset",
                    "the preset \"%s\" cannot be used, line %d: %s%s%s",
                    preset->name, preset->problems.at[0].line,
                    preset->problems.at[0].key,
                    preset->problems.at[0].key[0] == '\0' ? "" : ": ",
                    preset->problems.at[0].message);
    else if (preset != NULL)
        ini_write(preset->ini, &text);
    if (name[0] == '\0' || (preset != NULL && preset->problems.n == 0))
        ini = ini_parse(strbuf_view(&text), error);
    strbuf_release(&text);
    return ini;
}

static int
add_launch_profile(const struct llama *llama, struct ini *ini,
                   const struct profile *server, const struct profile *profile,
                   struct error *error)
{
    struct str name = name_in_folder(server->model_path, profile->model_path);
    if (!llama_reads(llama, server, profile))
        return 0;
    struct json_doc *options =
        json_parse(str_from(profile->options_json), error);
    if (options == NULL)
        return -1;
    int failed = preset_add_options(llama->options.presets, ini, name,
                                    json_root(options), error);
    if (failed != 0) {
        struct error inner = *error;
        error_set(error, ERR_INVALID,
                  "the launch profile of \"%s\", options.%s: %s", profile->name,
                  inner.field, inner.message);
    }
    json_doc_free(options);
    return failed;
}

int
llama_compose(struct llama *llama, const struct profile *profile,
              struct strbuf *out, struct error *error)
{
    const struct profiles *profiles = llama->options.profiles;
    struct ini *ini = read_preset(llama, profile, error);
    int failed = ini == NULL ? -1 : 0;
    for (size_t i = 0; i < profiles_count(profiles) && failed == 0; i++)
        failed = add_launch_profile(llama, ini, profile,
                                    profiles_at(profiles, i), error);
    if (failed == 0)
        preset_compose(ini, out);
    ini_free(ini);
    return failed;
}

/* ---- what a server is told ---- */

static struct llama_link *
find_told(struct llama *llama, const char *profile_id, struct error *error)
{
    struct llama_link *link = llama_link_find(llama, profile_id);
    if (link == NULL) {
        error_set(error, ERR_CONFLICT, "the llama router is not running");
        return NULL;
    }
    if (link->is_external) {
        error_set(error, ERR_CONFLICT,
                  "the llama router was found running and is only read: a "
                  "request for a model has it load that");
        return NULL;
    }
    return link;
}

static int
tell(struct llama *llama, const char *profile_id, const char *target,
     struct str name, llama_done_fn *on_done, void *ctx, struct error *error)
{
    struct llama_link *link = find_told(llama, profile_id, error);
    struct strbuf body = STRBUF_INIT(8 * KIB);
    struct json_writer w;
    if (link == NULL)
        return -1;
    const struct llama_model *model = link_find(link, name);
    if (model == NULL)
        return error_set(error, ERR_NOT_FOUND,
                         "the llama router has no model \"%.*s\"",
                         (int)(name.n > 200 ? 200 : name.n), name.p);
    json_writer_init(&w, &body);
    json_object_begin(&w);
    json_key(&w, "model");
    json_text(&w, model->name);
    json_object_end(&w);
    int failed = link_order(link, "POST", target, strbuf_view(&body), on_done,
                            ctx, error);
    strbuf_release(&body);
    return failed;
}

int
llama_load(struct llama *llama, const char *profile_id, struct str name,
           llama_done_fn *on_done, void *ctx, struct error *error)
{
    return tell(llama, profile_id, "/models/load", name, on_done, ctx, error);
}

int
llama_unload(struct llama *llama, const char *profile_id, struct str name,
             llama_done_fn *on_done, void *ctx, struct error *error)
{
    return tell(llama, profile_id, "/models/unload", name, on_done, ctx, error);
}

struct rescan {
    struct llama *llama;
    char profile_id[ID_BYTES];
    llama_done_fn *on_done;
    void *ctx;
};

/* Its file is the new one: it is to read that. */
static void
on_written(void *ctx, const struct error *error)
{
    struct rescan *rescan = ctx;
    struct error inner;
    struct llama_link *link =
        error != NULL ? NULL
                      : find_told(rescan->llama, rescan->profile_id, &inner);
    if (error != NULL ||
        (link != NULL &&
         link_order(link, "GET", "/models?reload=1", STR(""), rescan->on_done,
                    rescan->ctx, &inner) < 0) ||
        link == NULL)
        rescan->on_done(rescan->ctx, error != NULL ? error : &inner);
    free(rescan);
}

int
llama_rescan(struct llama *llama, const char *profile_id,
             llama_done_fn *on_done, void *ctx, struct error *error)
{
    struct rescan *rescan;
    if (find_told(llama, profile_id, error) == NULL)
        return -1;
    rescan = calloc(1, sizeof *rescan);
    if (rescan == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    rescan->llama = llama;
    rescan->on_done = on_done;
    rescan->ctx = ctx;
    snprintf(rescan->profile_id, sizeof rescan->profile_id, "%s", profile_id);
    if (instances_write_preset(llama->options.instances, profile_id, on_written,
                               rescan, error) == 0) {
        llama_link_find(llama, profile_id)->is_stale = false;
        return 0;
    }
    free(rescan);
    return -1;
}
