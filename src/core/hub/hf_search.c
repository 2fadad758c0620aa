/* Searching Hugging Face. Pages follow each other by the cursor in a Link
 * header; what its own filters cannot do is done to each page. */
#include "core/hub/hub_internal.h"
#include "formats/http_fields.h"

static const struct {
    const char *name, *wire;
} sorts[] = {
    { "", "downloads" },
    { "downloads", "downloads" },
    { "likes", "likes" },
    { "updated", "lastModified" },
    { "lastModified", "lastModified" },
    { "trending", "trendingScore" },
};

static void
copy_member(struct json_writer *out, const struct json *from, const char *key,
            const char *name)
{
    json_key(out, name);
    json_value(out, json_get(from, key));
}

/* Of safetensors the hub tells parameters by type, of GGUF the bytes. */
static int64_t
size_of(const struct json *model)
{
    static const struct {
        const char *type;
        int64_t bits;
    } types[] = { { "F64", 64 },    { "F32", 32 },   { "F16", 16 },
                  { "BF16", 16 },   { "I8", 8 },     { "U8", 8 },
                  { "I32", 32 },    { "U32", 32 },   { "I64", 64 },
                  { "F8_E4M3", 8 }, { "F8_E5M2", 8 } };
    int64_t bytes = 0, n = 0;
    struct json_iter iter;
    if (json_as_int(json_get(json_get(model, "gguf"), "totalFileSize"), &n))
        return n;
    if (json_as_int(json_get(model, "usedStorage"), &n))
        return n;
    json_iter_init(&iter,
                   json_get(json_get(model, "safetensors"), "parameters"));
    while (json_iter_next(&iter))
        for (size_t i = 0; i < sizeof types / sizeof *types; i++)
            if (str_is(iter.key, types[i].type) &&
                json_as_int(iter.value, &n) && n >= 0 && n < INT64_MAX / 1024)
                bytes += n / 8 * types[i].bits;
    return bytes > 0 ? bytes : -1;
}

static bool
is_wanted(const struct hub_job *job, const struct json *model, int64_t size)
{
    const struct hub_search *search = &job->search;
    bool is_open = false;
    struct str id;
    const struct json *value = json_get(model, "gated");
    bool is_gated = value != NULL && json_type(value) != JSON_NULL &&
                    !(json_as_bool(value, &is_open) && !is_open);
    if (search->gated >= 0 && is_gated != (search->gated == 1))
        return false;
    if (json_as_text(json_get(model, "id"), &id) &&
        !hf_is_allowed(job->hub, id))
        return false;
    return search->max_size_bytes == 0 || size < 0 ||
           size <= search->max_size_bytes;
}

static void
write_found(const struct hub_job *job, const struct json *model, int64_t size,
            struct json_writer *out)
{
    struct str id = STR("");
    json_as_text(json_get(model, "id"), &id);
    struct str rest = id;
    struct str author = str_split(&rest, '/');
    json_object_begin(out);
    json_key(out, "source");
    json_text(out, "huggingface");
    json_key(out, "model_id");
    json_str(out, id);
    json_key(out, "author");
    json_str(out, rest.p == NULL ? STR("") : author);
    json_key(out, "name");
    json_str(out, rest.p == NULL ? id : rest);
    copy_member(out, model, "downloads", "downloads");
    copy_member(out, model, "likes", "likes");
    copy_member(out, model, "tags", "tags");
    copy_member(out, model, "gated", "gated");
    copy_member(out, model, "library_name", "library");
    copy_member(out, model, "pipeline_tag", "kind");
    copy_member(out, model, "lastModified", "last_modified");
    json_key(out, "size_bytes");
    if (size < 0)
        json_null(out);
    else
        json_int(out, size);
    hub_write_here(job, id, out);
    json_object_end(out);
}

static struct str
cursor_of(struct str link)
{
    struct str query = link;
    str_split(&query, '?');
    while (query.n > 0) {
        struct str part = str_split(&query, '&');
        if (str_starts_with(part, STR("cursor=")))
            return (struct str){ part.p + 7, part.n - 7 };
    }
    return STR("");
}

static void
on_found(struct hub_job *job, const struct fetch_answer *answer,
         const struct json *root)
{
    if (json_type(root) != JSON_ARRAY) {
        hub_job_odd(job, "what was found is no list");
        return;
    }
    struct strbuf data = STRBUF_INIT(HUB_ANSWER_BYTES);
    struct strbuf cursor = STRBUF_INIT(16 * 1024);
    struct json_writer w;
    json_writer_init(&w, &data);
    json_object_begin(&w);
    json_key(&w, "models");
    json_array_begin(&w);
    for (size_t i = 0; i < json_count(root); i++) {
        const struct json *model = json_at(root, i);
        int64_t size = size_of(model);
        if (is_wanted(job, model, size))
            write_found(job, model, size, &w);
    }
    json_array_end(&w);
    json_key(&w, "next_cursor");
    struct str next =
        cursor_of(http_link_next(fetch_header_get(answer->head, "link")));
    if (next.n > 0 && uri_decode(next, &cursor))
        json_str(&w, strbuf_view(&cursor));
    else
        json_null(&w);
    json_object_end(&w);
    strbuf_release(&cursor);
    hub_job_data(job, &data);
    strbuf_release(&data);
}

int
hf_search(struct hub_job *job, struct error *error)
{
    static const char *const expand[] = { "safetensors",  "gguf",
                                          "downloads",    "likes",
                                          "tags",         "gated",
                                          "library_name", "pipeline_tag",
                                          "lastModified", "usedStorage" };
    const struct hub_search *search = &job->search;
    struct strbuf url = STRBUF_INIT(16 * 1024);
    size_t i = 0;
    while (i < sizeof sorts / sizeof *sorts &&
           !str_is(search->sort, sorts[i].name))
        i++;
    if (i == sizeof sorts / sizeof *sorts)
        return error_field(error, "sort",
                           "must be one of downloads, likes, updated, "
                           "trending");
    strbuf_addf(&url, "%s/api/models?limit=%d&sort=%s&direction=-1",
                job->hub->options.huggingface_endpoint, search->limit,
                sorts[i].wire);
    hub_add_query(&url, "search", search->text);
    hub_add_query(&url, "author", search->author);
    hub_add_query(&url, "filter", search->library);
    hub_add_query(&url, "pipeline_tag", search->kind);
    hub_add_query(&url, "cursor", search->cursor);
    for (i = 0; i < sizeof expand / sizeof *expand; i++)
        strbuf_addf(&url, "&expand=%s", expand[i]);
    job->url = arena_str(&job->arena, strbuf_view(&url));
    strbuf_release(&url);
    return hub_job_ask(job, on_found, error);
}
