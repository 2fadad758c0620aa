/* GET /api/models/detect-options/{id*}: with which options an MLX model is
 * best served. Its config.json at the hub says its family; when that cannot
 * be had (offline, gated, a name of our own), its name does. */
#include "api/handlers.h"
#include "core/instances/installed.h"
#include "engines/mlx_detect.h"
#include "formats/transformers.h"

static const char engine_name[] = "mlx-openai-server";

struct detection {
    struct call *call;
    struct str id;
    const char *family;
};

static void
write_options(struct str id, struct json_writer *out)
{
    json_key(out, "recommended_options");
    json_object_begin(out);
    member_text(out, "tool_call_parser", mlx_match_parser(MLX_TOOL_CALL, id));
    member_text(out, "reasoning_parser", mlx_match_parser(MLX_REASONING, id));
    member_text(out, "message_converter", mlx_match_parser(MLX_CONVERTER, id));
    json_object_end(out);
}

/* Both versions are mlx-lm's, which loads the model. */
static void
write_support(const char *family, const struct engine_binary *binary,
              const struct error *error, const struct engine_manifest *manifest,
              struct json_writer *out)
{
    const char *required = mlx_required_version(family);
    const char *installed = binary == NULL || binary->package_version[0] == '\0'
                                ? NULL
                                : binary->package_version;
    bool reaches =
        required == NULL ||
        (installed != NULL &&
         mlx_version_reaches(str_from(installed), str_from(required)));
    char reason[256];
    snprintf(reason, sizeof reason,
             "models of the family %s need mlx-lm %s or later; installed: %s",
             family == NULL ? "" : family, required == NULL ? "" : required,
             installed == NULL ? "none that its Python tells of" : installed);
    json_key(out, "version_support");
    json_object_begin(out);
    member_bool(out, "supported", binary != NULL && reaches);
    member_text(out, "installed_version", installed);
    member_text(out, "required_version", required);
    member_text(out, "error",
                binary == NULL ? error->message
                : reaches      ? NULL
                               : reason);
    if (binary == NULL)
        member_text(out, "upgrade_command",
                    manifest == NULL ? NULL : manifest->install_hint);
    else
        member_text(out, "upgrade_command",
                    reaches ? NULL : "pip install -U mlx-lm");
    json_object_end(out);
}

static void
on_installed(void *ctx, const struct engine_binary *binary,
             const struct error *error)
{
    struct detection *d = ctx;
    struct call *call = d->call;
    if (call_is_open(call) && !call->api->is_closed) {
        struct json_writer *w = reply_begin(call);
        json_object_begin(w);
        member_text(w, "model_family", d->family);
        write_options(d->id, w);
        member_bool(w, "is_downloaded",
                    hub_model_is_here(call->api, HUB_HUGGINGFACE, d->id));
        write_support(d->family, binary, error,
                      engines_find(call->api->options.engines, engine_name), w);
        json_object_end(w);
        reply_end(call, 200);
    }
    call_unref(call);
}

static void
ask_engine(struct detection *d)
{
    struct api_options *options = &d->call->api->options;
    struct error error;
    const struct engine_manifest *manifest =
        d->call->api->is_closed ? NULL
                                : engines_find(options->engines, engine_name);
    if (manifest != NULL) {
        installed_ask(options->instances, manifest, on_installed, d);
        return;
    }
    error_set(&error, ERR_NOT_FOUND, "there is no engine %s", engine_name);
    on_installed(d, NULL, &error);
}

/* `config` is all zeros when there is none. */
static void
take_family(struct detection *d, const struct transformers_config *config)
{
    struct str architectures[TRANSFORMERS_ARCHITECTURES_MAX];
    for (size_t i = 0; i < config->n_architectures; i++)
        architectures[i] = str_from(config->architectures[i]);
    d->family = mlx_family(str_from(config->model_type), architectures,
                           config->n_architectures, d->id);
}

static void
on_config(void *ctx, const struct strbuf *data, const struct error *error)
{
    struct detection *d = ctx;
    struct transformers_config config = { .n_architectures = 0 };
    if (error == NULL)
        transformers_config_read(strbuf_view(data), &config, NULL);
    take_family(d, &config);
    ask_engine(d);
}

void
hub_do_detect(struct call *call)
{
    const struct transformers_config none = { .n_architectures = 0 };
    struct error error;
    struct detection *d = arena_alloc(&call->arena, sizeof *d);
    if (d == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    *d = (struct detection){ call_ref(call), call->params[0], NULL };
    if (hub_read_config(call->api->options.hub, d->id, on_config, d, &error) ==
        0)
        return;
    take_family(d, &none);
    ask_engine(d);
}
