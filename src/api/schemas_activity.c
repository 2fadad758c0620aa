/* The shapes of inference requests. */
#include "api/schema.h"

#define FIELDS(table) \
    .fields = (table), .n_fields = sizeof(table) / sizeof *(table)

enum { OPT = FIELD_IS_OPTIONAL, NUL = FIELD_IS_NULLABLE };

static const char *const outcome_names[] = { "completed", "failed",
                                             "client_gone", "cancelled", NULL };
static const struct schema schema_outcome = { .type = SCHEMA_TEXT,
                                              .choices = outcome_names };
static const char *const phase_names[] = {
    "receiving", "queued", "loading", "working", "answering", "finishing", NULL
};
static const struct schema schema_phase = { .type = SCHEMA_TEXT,
                                            .choices = phase_names };

/* clang-format off */
#define HEAD_FIELDS                                                          \
    { "id", &schema_int, 0, "Rises from request to request." },              \
    { "at_ms", &schema_int, 0, "Unix time of its beginning." },              \
    { "model", &schema_text, NUL, "As the client named it." },               \
    { "profile_id", &schema_text, NUL, "Of the server that took it." },      \
    { "method", &schema_text, 0, NULL },                                     \
    { "path", &schema_text, 0, NULL },                                       \
    { "client", &schema_text, NUL, "Its address." },                         \
    { "key_id", &schema_text, NUL, NULL },                                   \
    { "caller", &schema_text, NUL,                                           \
      "The key's name, or dashboard, loopback, socket." },                   \
    { "is_stream", &schema_bool, 0, NULL },                                  \
    { "queue_ms", &schema_int, NUL, "Spent waiting for a place." },          \
    { "load_ms", &schema_int, NUL, "Spent waiting for the engine." },        \
    { "first_token_ms", &schema_int, NUL,                                    \
      "From the beginning to the first bytes of a streamed answer." },       \
    { "answer_bytes", &schema_int, 0, NULL }
/* clang-format on */

static const struct schema_field entry_fields[] = {
    HEAD_FIELDS,
    { "outcome", &schema_outcome, 0, NULL },
    { "status", &schema_int, NUL, "null: no answer was begun." },
    { "error", &schema_text, NUL, "Why Hearth ended it." },
    { "duration_ms", &schema_int, 0, NULL },
    { "request_bytes", &schema_int, 0, NULL },
    { "prompt_tokens", &schema_int, NUL, "As the engine counted." },
    { "completion_tokens", &schema_int, NUL, NULL },
    { "cached_tokens", &schema_int, NUL, "Of the prompt." },
    { "prompt_tokens_per_s", &schema_real, NUL, "As the engine told." },
    { "completion_tokens_per_s", &schema_real, NUL,
      "The same, or from count and times." },
    { "is_captured", &schema_bool, OPT,
      "Its bodies can be had now. Only where it alone is asked for." },
};
const struct schema schema_activity = { "Activity", SCHEMA_OBJECT,
                                        FIELDS(entry_fields) };
static const struct schema schema_entries = { .type = SCHEMA_ARRAY,
                                              .of = &schema_activity };
static const struct schema_field page_fields[] = {
    { "entries", &schema_entries, 0, "Newest first." },
    { "next_before_id", &schema_int, NUL,
      "What to send as before_id for the page after this one." },
};
const struct schema schema_activity_page = { .type = SCHEMA_OBJECT,
                                             FIELDS(page_fields) };

static const struct schema_field active_fields[] = {
    HEAD_FIELDS,
    { "phase", &schema_phase, 0, NULL },
    { "phase_at_ms", &schema_int, 0, "Unix time of the phase's beginning." },
};
const struct schema schema_active_request = { "ActiveRequest", SCHEMA_OBJECT,
                                              FIELDS(active_fields) };
const struct schema schema_active = { .type = SCHEMA_ARRAY,
                                      .of = &schema_active_request };

static const struct schema_field body_fields[] = {
    { "content_type", &schema_text, NUL, NULL },
    { "text", &schema_text, NUL, "null: it is no text." },
    { "n_bytes", &schema_int, 0, "All that went past." },
    { "is_cut", &schema_bool, 0, "The text is only its beginning." },
};
const struct schema schema_captured_body = { "CapturedBody", SCHEMA_OBJECT,
                                             FIELDS(body_fields) };
static const struct schema_field capture_fields[] = {
    { "id", &schema_int, 0, NULL },
    { "request", &schema_captured_body, 0, NULL },
    { "answer", &schema_captured_body, 0, NULL },
};
const struct schema schema_capture = { "Capture", SCHEMA_OBJECT,
                                       FIELDS(capture_fields) };
