/* Token usage and timings: see usage.h. */
#include "gateway/usage.h"

#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
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

/* Of the prompt all is counted, also what was cached: Anthropic's
 * `input_tokens` and the `prompt_n` of timings are the rest alone. */
static void
take_usage(struct usage *usage, const struct json *object)
{
    int64_t rest = -1, created = 0;
    take_count(object, "prompt_tokens", &usage->prompt_tokens);
    take_count(object, "completion_tokens", &usage->completion_tokens);
    take_count(object, "output_tokens", &usage->completion_tokens);
    take_count(object, "cache_read_input_tokens", &usage->cached_tokens);
    take_count(object, "cache_creation_input_tokens", &created);
    take_count(json_get(object, "prompt_tokens_details"), "cached_tokens",
               &usage->cached_tokens);
    take_count(json_get(object, "input_tokens_details"), "cached_tokens",
               &usage->cached_tokens);
    take_count(object, "input_tokens", &rest);
    if (rest < 0)
        return;
    int64_t read = 0;
    take_count(object, "cache_read_input_tokens", &read);
    usage->prompt_tokens = i64_add_capped(rest, i64_add_capped(read, created));
}

static void
take_timings(struct usage *usage, const struct json *object)
{
    int64_t rest = -1, cached = -1;
    take_count(object, "prompt_n", &rest);
    take_count(object, "cache_n", &cached);
    if (rest >= 0)
        usage->prompt_tokens = i64_add_capped(rest, cached < 0 ? 0 : cached);
    if (cached >= 0)
        usage->cached_tokens = cached;
    take_count(object, "predicted_n", &usage->completion_tokens);
    take_speed(object, "prompt_per_second", &usage->prompt_per_second);
    take_speed(object, "predicted_per_second", &usage->predicted_per_second);
}

/* Takes what a JSON object says: OpenAI's and Anthropic's `usage`,
 * llama.cpp's `timings`, also inside `message` or `response`. */
static void
reader_take(struct usage_reader *reader, const struct json *object)
{
    static const char *const wrappers[] = { "message", "response" };
    take_usage(&reader->usage, json_get(object, "usage"));
    take_timings(&reader->timed, json_get(object, "timings"));
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        take_usage(&reader->usage,
                   json_get(json_get(object, wrappers[i]), "usage"));
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
    reader_take(reader, json_root(doc));
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
    usage_init(&reader->timed);
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
        take_member(&reader->timed, &members[1], take_timings);
    }
    *ret_usage = reader->usage;
    const struct usage *timed = &reader->timed;
    if (ret_usage->prompt_tokens < 0)
        ret_usage->prompt_tokens = timed->prompt_tokens;
    if (ret_usage->completion_tokens < 0)
        ret_usage->completion_tokens = timed->completion_tokens;
    if (ret_usage->cached_tokens < 0)
        ret_usage->cached_tokens = timed->cached_tokens;
    ret_usage->prompt_per_second = timed->prompt_per_second;
    ret_usage->predicted_per_second = timed->predicted_per_second;
}
