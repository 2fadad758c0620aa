/* The shapes of the llama router. */
#include "api/schema.h"
#include "base/limits.h"

#define FIELDS(table) \
    .fields = (table), .n_fields = sizeof(table) / sizeof *(table)

enum { OPT = FIELD_IS_OPTIONAL, NUL = FIELD_IS_NULLABLE, BOTH = OPT | NUL };

static const struct schema schema_path = { .type = SCHEMA_TEXT,
                                           .max = LIMIT_PATH_BYTES };

/* Bounds are those of the engine's rows: core looks at them. */
#define MEMBERS(flags)                                                        \
    { "models_dir", &schema_path, (flags), "Folder with the models." },       \
        { "host", &schema_text, (flags), "A loopback address." },             \
        { "port", &schema_int, (flags), "0: a free one at each start." },     \
        { "auto_start", &schema_bool, (flags), "With Hearth." },              \
        { "preset", &schema_text, (flags), "Options for all and for each." }, \
        { "models_max", &schema_int, (flags),                                 \
          "Loaded at once; 0: no limit." },                                   \
        { "parallel", &schema_int, (flags), "Slots of each model." },         \
        { "ctx_size", &schema_int, (flags), NULL },                           \
        { "n_gpu_layers", &schema_any, (flags), "A number, auto or all." },   \
        { "threads", &schema_int, (flags), NULL },                            \
        { "threads_http", &schema_int, (flags), NULL },                       \
        { "batch_size", &schema_int, (flags), NULL },                         \
        { "temp", &schema_real, (flags), NULL },                              \
        { "repeat_penalty", &schema_real, (flags), NULL },                    \
        { "metrics", &schema_bool, (flags), "Serve its own /metrics." },      \
    {                                                                         \
        "api_key", &schema_text, (flags), "Of one that runs already."         \
    }

static const struct schema_field config_fields[] = {
    MEMBERS(NUL),
    { "attach", &schema_bool, 0,
      "A server that runs at host and port is read, and never ended." },
    { "server_path", &schema_text, NUL,
      "The program: the setting engines.llama-server-router.path." },
    { "profile_id", &schema_text, NUL, "That keeps all this." },
};
const struct schema schema_llama_config = { "LlamaConfig", SCHEMA_OBJECT,
                                            FIELDS(config_fields) };

static const struct schema_field llama_input_fields[] = {
    MEMBERS(BOTH),
    { "attach", &schema_bool, OPT, NULL },
    { "server_path", &schema_text, BOTH, "As it is: it is a setting." },
};
const struct schema schema_llama_input = { "LlamaConfigPatch", SCHEMA_OBJECT,
                                           FIELDS(llama_input_fields) };

static const struct schema_field llama_model_fields[] = {
    { "name", &schema_text, 0, "What a request says." },
    { "status", &schema_text, 0, "unloaded, loading, loaded, sleeping, error" },
    { "progress", &schema_real, NUL, "0 to 1, while it loads." },
    { "exit_code", &schema_int, NUL, NULL },
    { "context_length", &schema_int, NUL, NULL },
    { "path", &schema_text, NUL, NULL },
    { "aliases", &schema_texts, 0, NULL },
};
static const struct schema schema_model_of_llama = {
    .type = SCHEMA_OBJECT, FIELDS(llama_model_fields)
};
static const struct schema schema_models_of_llama = {
    .type = SCHEMA_ARRAY, .of = &schema_model_of_llama
};
static const struct schema_field status_fields[] = {
    { "status", &schema_text, 0, "idle, starting, running, stopping, error" },
    { "state", &schema_text, 0, "Of its server." },
    { "mode", &schema_text, 0, "router" },
    { "profile_id", &schema_text, NUL, NULL },
    { "is_attached", &schema_bool, 0, NULL },
    { "is_running", &schema_bool, 0, NULL },
    { "url", &schema_text, NUL, NULL },
    { "port", &schema_int, NUL, NULL },
    { "pid", &schema_int, NUL, "Of a process of ours." },
    { "restart_required", &schema_bool, 0, NULL },
    { "rescan_required", &schema_bool, 0,
      "Preset or launch profiles are others than it has read." },
    { "error", &schema_text, NUL, NULL },
    { "advice", &schema_text, NUL, NULL },
    { "models", &schema_models_of_llama, 0, NULL },
};
const struct schema schema_llama_status = { "LlamaStatus", SCHEMA_OBJECT,
                                            FIELDS(status_fields) };
