/* The answer of /api/models/{id}/fit and /api/hub/fit. */
#include "api/schema.h"
#include "core/fit/fit.h"

#define FIELDS(table) \
    .fields = (table), .n_fields = sizeof(table) / sizeof *(table)

enum { NUL = FIELD_IS_NULLABLE };

static const struct schema schema_verdict = { .type = SCHEMA_TEXT,
                                              .choices = fit_verdict_names };
static const struct schema schema_part_name = { .type = SCHEMA_TEXT,
                                                .choices = fit_part_names };
static const struct schema_field part_fields[] = {
    { "name", &schema_part_name, 0, NULL },
    { "bytes", &schema_int, NUL, "On all devices." },
    { "explanation", &schema_text, 0, "Of what it consists, or empty." },
};
static const struct schema schema_part = { .type = SCHEMA_OBJECT,
                                           FIELDS(part_fields) };
static const struct schema schema_parts = { .type = SCHEMA_ARRAY,
                                            .of = &schema_part };
static const struct schema schema_part_bytes = { .type = SCHEMA_MAP,
                                                 .of = &schema_int };
static const struct schema_field device_fields[] = {
    { "name", &schema_text, 0, "RAM, or the GPU's." },
    { "total_bytes", &schema_int, NUL, NULL },
    { "available_bytes", &schema_int, NUL, "Now." },
    { "needed_bytes", &schema_int, 0, NULL },
    { "fits", &schema_verdict, 0, NULL },
    { "parts", &schema_part_bytes, 0, "By name." },
};
static const struct schema schema_device = { .type = SCHEMA_OBJECT,
                                             FIELDS(device_fields) };
static const struct schema schema_devices = { .type = SCHEMA_ARRAY,
                                              .of = &schema_device };
static const struct schema_field remote_fields[] = {
    { "source", &schema_text, 0, "huggingface." },
    { "revision", &schema_text, 0, "The commit." },
    { "variant", &schema_text, 0, "Empty when the files tell none." },
    { "file", &schema_text, NUL, "The first part; null of safetensors." },
    { "n_files", &schema_int, 0, NULL },
    { "size_bytes", &schema_int, 0, "Of all of them." },
    { "read_bytes", &schema_int, 0, "That had to be fetched for this answer." },
};
static const struct schema schema_remote = { .type = SCHEMA_OBJECT,
                                             FIELDS(remote_fields) };
static const struct schema_field fit_fields[] = {
    { "model_id", &schema_text, 0, "The library's; on a hub: its name there." },
    { "architecture", &schema_text, NUL, NULL },
    { "is_guess", &schema_bool, 0, "The architecture is not known." },
    { "is_weights_only", &schema_bool, 0, "Nothing else could be told." },
    { "context_length", &schema_int, NUL, "That it was trained for." },
    { "ctx", &schema_int, NUL, "As the engine rounds it." },
    { "ctx_per_slot", &schema_int, NUL, NULL },
    { "slots", &schema_int, NUL, NULL },
    { "is_ctx_shared", &schema_bool, 0, "The slots share it." },
    { "gpu_layers", &schema_int, NUL, NULL },
    { "parts", &schema_parts, 0, NULL },
    { "total_bytes", &schema_int, 0, NULL },
    { "fits", &schema_verdict, 0,
      "tight: not now, or without the margin of 5 %." },
    { "max_ctx", &schema_int, NUL, "The largest that fits now; 0: none." },
    { "devices", &schema_devices, 0, "RAM, then each GPU." },
    { "notes", &schema_texts, 0, NULL },
    { "remote", &schema_remote, NUL, "Of a model on a hub." },
};
const struct schema schema_fit = { "Fit", SCHEMA_OBJECT, FIELDS(fit_fields) };
