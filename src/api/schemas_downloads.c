/* The shapes of what the hubs have and of downloads. */
#include "api/schema.h"
#include "base/limits.h"
#include "records/download.h"

#define FIELDS(table) \
    .fields = (table), .n_fields = sizeof(table) / sizeof *(table)

enum { OPT = FIELD_IS_OPTIONAL, NUL = FIELD_IS_NULLABLE };

static const char *const state_names[] = {
#define X(name, wire) wire,
    DOWNLOAD_STATES(X)
#undef X
        NULL
};
static const struct schema schema_status = { .type = SCHEMA_TEXT,
                                             .choices = state_names };
static const char *const source_names[] = { "huggingface", "civitai", "url",
                                            NULL };
static const struct schema schema_source = { .type = SCHEMA_TEXT,
                                             .choices = source_names };
static const struct schema schema_long_text = { .type = SCHEMA_TEXT,
                                                .min = 0,
                                                .max = LIMIT_PATH_BYTES };

/* ---- what is asked for ---- */

static const struct schema_field order_fields[] = {
    { "source", &schema_source, OPT, "huggingface when there is no url." },
    { "model_id", &schema_any, OPT,
      "ORGANISATION/NAME; Civitai: a number or the address of a page." },
    { "files", &schema_texts, OPT, "Exactly these of the repository." },
    { "variant", &schema_long_text, OPT,
      "A quantization: Q4_K_M; or the file, where several have it." },
    { "revision", &schema_long_text, OPT, "Branch, tag or commit." },
    { "version_id", &schema_any, OPT, "Civitai: a version's number." },
    { "file_id", &schema_any, OPT, "Civitai: a file's number." },
    { "type", &schema_long_text, OPT, "Civitai: of the file." },
    { "format", &schema_long_text, OPT, "Civitai: of the file." },
    { "url", &schema_long_text, OPT, "Any file, or a page of a hub." },
    { "filename", &schema_long_text, OPT, "The only file is kept under it." },
    { "token", &schema_long_text, OPT,
      "For this download, instead of the stored one; not stored." },
    { "target", &schema_long_text, OPT,
      "Absolute folder, below a model folder." },
    { "limit_bytes_per_s", &schema_int, OPT, "0: none." },
    { "limit_hours", &schema_long_text, OPT,
      "When that limit holds, local time: 08:00-22:30; empty: always." },
    { "priority", &schema_int, OPT, "Higher ones go first; 0." },
    { "dry_run", &schema_bool, OPT, "Only say what would be downloaded." },
};
const struct schema schema_download_order = { "DownloadOrder", SCHEMA_OBJECT,
                                              FIELDS(order_fields) };

static const struct schema_field priority_fields[] = {
    { "priority", &schema_int, 0, "Higher ones go first." },
};
const struct schema schema_priority = { .type = SCHEMA_OBJECT,
                                        FIELDS(priority_fields) };

static const struct schema_field limit_fields[] = {
    { "limit_bytes_per_s", &schema_int, OPT, "0: none." },
    { "limit_hours", &schema_long_text, OPT,
      "When it holds, local time: 08:00-22:30; empty: always." },
};
const struct schema schema_limit = { .type = SCHEMA_OBJECT,
                                     FIELDS(limit_fields) };

/* ---- records ---- */

static const struct schema_field file_fields[] = {
    { "path", &schema_text, 0, "In the repository." },
    { "place", &schema_text, OPT, "Where it is put." },
    { "size", &schema_int, NUL, NULL },
    { "sha256", &schema_text, NUL, NULL },
    { "downloaded_bytes", &schema_int, OPT, NULL },
    { "status", &schema_status, OPT, NULL },
    { "file_id", &schema_text, OPT | NUL, "Civitai." },
    { "type", &schema_text, OPT, "Civitai: Model, VAE, ..." },
    { "format", &schema_text, OPT, "Civitai: SafeTensor, ..." },
    { "precision", &schema_text, OPT, "Civitai: fp16, ..." },
    { "is_primary", &schema_bool, OPT, "Civitai." },
};
static const struct schema schema_file = { .type = SCHEMA_OBJECT,
                                           FIELDS(file_fields) };
static const struct schema schema_files = { .type = SCHEMA_ARRAY,
                                            .of = &schema_file };
static const struct schema_field failure_fields[] = {
    { "code", &schema_text, 0, NULL },
    { "message", &schema_text, 0, NULL },
};
static const struct schema schema_failure = { .type = SCHEMA_OBJECT,
                                              FIELDS(failure_fields) };
/* A dry run has no task: then everything about one is left out. */
static const struct schema_field download_fields[] = {
    { "task_id", &schema_text, OPT, NULL },
    { "status", &schema_status, OPT, NULL },
    { "source", &schema_source, 0, NULL },
    { "model_id", &schema_text, 0, NULL },
    { "revision", &schema_text, 0, "Commit, or Civitai's version." },
    { "ref", &schema_text, 0, "What was asked for: main." },
    { "variant", &schema_text, 0, NULL },
    { "name", &schema_text, 0, NULL },
    { "kind", &schema_text, 0, NULL },
    { "target", &schema_text, 0, "The folder." },
    { "limit_bytes_per_s", &schema_int, OPT, NULL },
    { "limit_hours", &schema_text, OPT, "Empty: always." },
    { "priority", &schema_int, OPT, NULL },
    { "progress", &schema_int, OPT, "Percent; 100 only at the end." },
    { "downloaded_bytes", &schema_int, OPT, NULL },
    { "total_bytes", &schema_int, NUL, NULL },
    { "bytes_per_s", &schema_int, OPT | NUL, NULL },
    { "eta_s", &schema_int, OPT | NUL, NULL },
    { "error", &schema_failure, OPT | NUL, NULL },
    { "created_at_ms", &schema_int, OPT, NULL },
    { "started_at_ms", &schema_int, OPT | NUL, NULL },
    { "completed_at_ms", &schema_int, OPT | NUL, NULL },
    { "ended_at_ms", &schema_int, OPT | NUL,
      "When it was completed, failed or was cancelled." },
    { "files", &schema_files, 0, NULL },
};
const struct schema schema_download = { "Download", SCHEMA_OBJECT,
                                        FIELDS(download_fields) };
const struct schema schema_downloads = { .type = SCHEMA_ARRAY,
                                         .of = &schema_download };

/* ---- hubs ---- */

static const struct schema schema_found_row = { .type = SCHEMA_OBJECT,
                                                .is_open = true };
static const struct schema schema_found_rows = { .type = SCHEMA_ARRAY,
                                                 .of = &schema_found_row };
static const struct schema_field found_fields[] = {
    { "models", &schema_found_rows, 0,
      "source, model_id, author, name, downloads, likes, tags, gated, "
      "library, kind, last_modified, size_bytes, is_downloaded." },
    { "next_cursor", &schema_text, NUL, "For the next page." },
};
const struct schema schema_hub_found = { "HubSearch", SCHEMA_OBJECT,
                                         FIELDS(found_fields) };
static const struct schema_field variant_fields[] = {
    { "name", &schema_text, 0, "Q4_K_M; empty when none is told." },
    { "files", &schema_files, 0, NULL },
    { "size_bytes", &schema_int, 0, NULL },
};
static const struct schema schema_variant = { .type = SCHEMA_OBJECT,
                                              FIELDS(variant_fields) };
static const struct schema schema_variants = { .type = SCHEMA_ARRAY,
                                               .of = &schema_variant };
static const struct schema_field repository_fields[] = {
    { "source", &schema_source, 0, NULL },
    { "model_id", &schema_text, 0, NULL },
    { "revision", &schema_text, 0, "The commit." },
    { "gated", &schema_bool, 0, NULL },
    { "name", &schema_text, OPT, "Civitai: the model's." },
    { "version", &schema_text, OPT, "Civitai: the version's name." },
    { "kind", &schema_text, OPT, "Civitai: lora, checkpoint, ..." },
    { "base_model", &schema_text, OPT, "Civitai." },
    { "trigger_words", &schema_texts, OPT, "Civitai." },
    { "variants", &schema_variants, 0, "Of GGUF files." },
    { "projectors", &schema_files, 0, "Of vision models." },
    { "files", &schema_files, 0, NULL },
};
const struct schema schema_hub_files = { "HubFiles", SCHEMA_OBJECT,
                                         FIELDS(repository_fields) };

static const struct schema_field token_fields[] = {
    { "source", &schema_source, OPT, "huggingface." },
    { "token", &schema_long_text, OPT, "The stored one; never shown." },
};
const struct schema schema_token = { .type = SCHEMA_OBJECT,
                                     FIELDS(token_fields) };
static const struct schema_field owner_fields[] = {
    { "source", &schema_source, 0, NULL },
    { "is_valid", &schema_bool, 0, NULL },
    { "name", &schema_text, NUL, "Whose it is." },
    { "message", &schema_text, NUL, "Why it is refused." },
};
const struct schema schema_token_owner = { .type = SCHEMA_OBJECT,
                                           FIELDS(owner_fields) };

/* ---- options of MLX models ---- */

static const struct schema_field recommended_fields[] = {
    { "tool_call_parser", &schema_text, NUL, NULL },
    { "reasoning_parser", &schema_text, NUL, NULL },
    { "message_converter", &schema_text, NUL, NULL },
};
static const struct schema schema_recommended = { .type = SCHEMA_OBJECT,
                                                  FIELDS(recommended_fields) };
static const struct schema_field support_fields[] = {
    { "supported", &schema_bool, 0,
      "mlx-openai-server is installed, with an mlx-lm that loads the family." },
    { "installed_version", &schema_text, NUL,
      "Of the mlx-lm that mlx-openai-server would use, where it tells." },
    { "required_version", &schema_text, NUL,
      "Of mlx-lm, where the family needs a newer one than the first." },
    { "error", &schema_text, NUL, NULL },
    { "upgrade_command", &schema_text, NUL, NULL },
};
static const struct schema schema_support = { .type = SCHEMA_OBJECT,
                                              FIELDS(support_fields) };
static const struct schema_field detected_fields[] = {
    { "model_family", &schema_text, NUL, NULL },
    { "recommended_options", &schema_recommended, 0, NULL },
    { "is_downloaded", &schema_bool, 0, NULL },
    { "version_support", &schema_support, 0, NULL },
};
const struct schema schema_detected = { "DetectedOptions", SCHEMA_OBJECT,
                                        FIELDS(detected_fields) };
