/* Token usage and timings: see usage.h. */
#include "gateway/usage.h"

#include <math.h>
#include <stdlib.h>

#include "base/limits.h"

enum { VALUE_BYTES = 4096, EVENT_BYTES = 256 * 1024 };

static void
usage_init(struct usage *usage)
{
    *usage = (struct usage){ -1, -1, -1, (double)NAN, (double)NAN };
}

static void
take_count(const struct json *object, const char *key, int64_t *ret)
{
    int64_t value;
    if (json_as_int(json_get(object, key), &value) && value >= 0)
        *ret = value;
}

static void
take_speed(const struct json *object, const char *key, double *ret)
{
    double value;
    if (json_as_real(json_get(object, key), &value))
        *ret = value;
}

static void
take_usage(struct usage *usage, const struct json *object)
{
    take_count(object, "prompt_tokens", &usage->prompt_tokens);
    take_count(object, "input_tokens", &usage->prompt_tokens);
    take_count(object, "completion_tokens", &usage->completion_tokens);
    take_count(object, "output_tokens", &usage->completion_tokens);
    take_count(object, "cache_read_input_tokens", &usage->cached_tokens);
    take_count(json_get(object, "prompt_tokens_details"), "cached_tokens",
               &usage->cached_tokens);
    take_count(json_get(object, "input_tokens_details"), "cached_tokens",
               &usage->cached_tokens);
}

static void
take_timings(struct usage *usage, const struct json *object)
{
    if (usage->prompt_tokens < 0)
        take_count(object, "prompt_n", &usage->prompt_tokens);
    if (usage->completion_tokens < 0)
        take_count(object, "predicted_n", &usage->completion_tokens);
    if (usage->cached_tokens < 0)
        take_count(object, "cache_n", &usage->cached_tokens);
    take_speed(object, "prompt_per_second", &usage->prompt_per_second);
    take_speed(object, "predicted_per_second", &usage->predicted_per_second);
}

/* Takes what a JSON object says: OpenAI's and Anthropic's `usage`,
 * llama.cpp's `timings`, also inside `message` or `response`. */
static void
usage_take(struct usage *usage, const struct json *object)
{
    static const char *const wrappers[] = { "message", "response" };
    take_usage(usage, json_get(object, "usage"));
    take_timings(usage, json_get(object, "timings"));
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        take_usage(usage, json_get(json_get(object, wrappers[i]), "usage"));
}

/* ---- reading ---- */

static bool
speaks_of_usage(struct str bytes)
{
    if (bytes.p == NULL)
        return false;
    static const char usage[] = "\"usage\"", timings[] = "\"timings\"";
    return memmem(bytes.p, bytes.n, usage, sizeof usage - 1) != NULL ||
           memmem(bytes.p, bytes.n, timings, sizeof timings - 1) != NULL;
}

static void
on_event(void *ctx, struct str name, struct str data)
{
    struct usage_reader *reader = ctx;
    (void)name;
    if (!speaks_of_usage(data))
        return;
    struct json_doc *doc = json_parse(data, NULL);
    if (doc == NULL)
        return;
    usage_take(&reader->usage, json_root(doc));
    json_doc_free(doc);
}

static bool
is_type(struct str content_type, const char *type)
{
    struct str rest = content_type;
    return str_eq_nocase(str_trim(str_split(&rest, ';')), str_from(type));
}

void
usage_reader_init(struct usage_reader *reader, struct str content_type)
{
    reader->kind = USAGE_NONE;
    usage_init(&reader->usage);
    if (is_type(content_type, "text/event-stream")) {
        reader->kind = USAGE_EVENTS;
        sse_reader_init(&reader->reader.events, EVENT_BYTES, on_event, reader);
    } else if (is_type(content_type, "application/json")) {
        reader->kind = USAGE_JSON;
        member_scanner_init(&reader->reader.members);
        member_scanner_want(&reader->reader.members, "usage", VALUE_BYTES);
        member_scanner_want(&reader->reader.members, "timings", VALUE_BYTES);
    }
}

void
usage_reader_release(struct usage_reader *reader)
{
    if (reader->kind == USAGE_EVENTS)
        sse_reader_release(&reader->reader.events);
    else if (reader->kind == USAGE_JSON)
        member_scanner_release(&reader->reader.members);
    reader->kind = USAGE_NONE;
}

/* Whole events that do not speak of usage, which is nearly all, are passed
 * over without being taken apart. */
static bool
is_of_no_interest(const struct usage_reader *reader, struct str bytes)
{
    return sse_reader_is_between(&reader->reader.events) &&
           str_ends_with(bytes, STR("\n\n")) && !speaks_of_usage(bytes);
}

void
usage_reader_feed(struct usage_reader *reader, struct str bytes)
{
    if (reader->kind == USAGE_JSON)
        member_scanner_feed(&reader->reader.members, bytes);
    else if (reader->kind == USAGE_EVENTS && !is_of_no_interest(reader, bytes))
        sse_reader_feed(&reader->reader.events, bytes);
}

static void
take_member(struct usage *usage, const struct scanned_member *member,
            void (*take)(struct usage *usage, const struct json *object))
{
    if (!member->is_whole || member->is_cut)
        return;
    struct json_doc *doc = json_parse(strbuf_view(&member->text), NULL);
    if (doc == NULL)
        return;
    take(usage, json_root(doc));
    json_doc_free(doc);
}

void
usage_reader_end(struct usage_reader *reader, struct usage *ret_usage)
{
    if (reader->kind == USAGE_JSON) {
        const struct scanned_member *members = reader->reader.members.members;
        take_member(&reader->usage, &members[0], take_usage);
        take_member(&reader->usage, &members[1], take_timings);
    }
    *ret_usage = reader->usage;
}

/* ---- the ring ---- */

void
usage_ring_release(struct usage_ring *ring)
{
    free(ring->entries);
    *ring = (struct usage_ring){ 0 };
}

struct usage_entry *
usage_ring_add(struct usage_ring *ring)
{
    if (ring->entries == NULL) {
        ring->entries = calloc(LIMIT_USAGE_RING, sizeof *ring->entries);
        if (ring->entries == NULL)
            return NULL;
    }
    struct usage_entry *entry = &ring->entries[ring->next];
    ring->next = (ring->next + 1) % LIMIT_USAGE_RING;
    if (ring->n < LIMIT_USAGE_RING)
        ring->n++;
    *entry = (struct usage_entry){ .first_byte_ms = -1 };
    usage_init(&entry->usage);
    return entry;
}

static void
write_count(struct json_writer *out, const char *key, int64_t count)
{
    json_key(out, key);
    if (count < 0)
        json_null(out);
    else
        json_int(out, count);
}

static void
write_entry(const struct usage_entry *entry, struct json_writer *out)
{
    json_object_begin(out);
    json_key(out, "at_ms");
    json_int(out, entry->at_ms);
    json_key(out, "model");
    json_text(out, entry->model);
    json_key(out, "path");
    json_text(out, entry->path);
    write_count(out, "status", entry->status == 0 ? -1 : entry->status);
    json_key(out, "complete");
    json_bool(out, entry->is_whole);
    write_count(out, "duration_ms", entry->duration_ms);
    write_count(out, "first_byte_ms", entry->first_byte_ms);
    write_count(out, "answer_bytes", entry->answer_bytes);
    write_count(out, "prompt_tokens", entry->usage.prompt_tokens);
    write_count(out, "completion_tokens", entry->usage.completion_tokens);
    write_count(out, "cached_tokens", entry->usage.cached_tokens);
    json_key(out, "prompt_per_second");
    json_real(out, entry->usage.prompt_per_second);
    json_key(out, "predicted_per_second");
    json_real(out, entry->usage.predicted_per_second);
    json_object_end(out);
}

void
usage_ring_write(const struct usage_ring *ring, struct json_writer *out)
{
    json_array_begin(out);
    for (size_t i = 0; i < ring->n; i++) {
        size_t at = (ring->next + LIMIT_USAGE_RING - 1 - i) % LIMIT_USAGE_RING;
        write_entry(&ring->entries[at], out);
    }
    json_array_end(out);
}
