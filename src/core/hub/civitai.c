/* Civitai over its REST API (documented at developer.civitai.com).
 *
 *   GET /api/v1/models?query=...             searching
 *   GET /api/v1/models/N                     a model with its versions
 *   GET /api/v1/model-versions/V             one version with its files
 *   GET /api/v1/model-versions/by-hash/H     the same, found by a digest
 *
 * A file is asked for at its downloadUrl, which leads to a signed address
 * elsewhere (core/downloads does that). Its size is told in rounded
 * kilobytes, so the length that counts is the one of the answer. */
#include <stdio.h>
#include <stdlib.h>

#include "core/hub/hub_internal.h"

static struct str
text_of(const struct json *object, const char *key)
{
    struct str text = STR("");
    json_as_text(json_get(object, key), &text);
    return text;
}

/* ---- errors ---- */

void
civitai_error(const struct hub_job *job, const struct fetch_answer *answer,
              struct error *error)
{
    struct json_doc *doc = json_parse(answer->body, NULL);
    struct str words = text_of(json_root(doc), "message");
    char shown[HUB_WORDS_BYTES + 2] = ": ";
    if (words.n == 0)
        words = text_of(json_root(doc), "error");
    str_quote(words, job->token, shown + 2, sizeof shown - 2);
    if (words.n == 0)
        shown[0] = '\0';
    json_doc_free(doc);
    switch (answer->status) {
    case 401:
        error_set(error, ERR_UNAUTHORIZED,
                  "Civitai wants an API key (civitai.token or "
                  "CIVITAI_API_KEY)%s",
                  shown);
        break;
    case 403:
        error_set(error, ERR_FORBIDDEN,
                  "Civitai does not let this account have it: early access, "
                  "or no permission%s",
                  shown);
        break;
    case 404:
        error_set(error, ERR_NOT_FOUND,
                  "Civitai has no such model or version%s", shown);
        break;
    case 410:
        error_set(error, ERR_NOT_FOUND,
                  "Civitai keeps this in its archive and gives it to nobody%s",
                  shown);
        break;
    case 429: hub_too_many(answer, error); break;
    default:
        error_set(error,
                  answer->status >= 500 ? ERR_UNAVAILABLE : ERR_BAD_GATEWAY,
                  "Civitai answers %d%s", answer->status, shown);
    }
}

/* ---- asking for a version ---- */

static bool
is_number(struct str text)
{
    if (text.n == 0 || text.n > 18)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    return true;
}

static void
show_version(struct hub_job *job, const struct json *version)
{
    struct strbuf data = STRBUF_INIT(HUB_ANSWER_BYTES);
    struct json_writer w;
    json_writer_init(&w, &data);
    civitai_write_version(version, &w);
    hub_job_data(job, &data);
    strbuf_release(&data);
}

static void
on_version(struct hub_job *job, const struct fetch_answer *answer,
           const struct json *root)
{
    struct error error;
    struct hub_plan *plan;
    int64_t id;
    (void)answer;
    if (!json_as_int(json_get(root, "id"), &id))
        hub_job_odd(job, "`id` of a version is no number");
    else if (json_type(json_get(root, "files")) != JSON_ARRAY)
        hub_job_odd(job, "`files` of a version is no list");
    else if (job->on_plan == NULL)
        show_version(job, root);
    else if ((plan = civitai_plan(job, root, &error)) != NULL)
        hub_job_plan(job, plan);
    else
        hub_job_fail(job, &error);
}

static int
ask_version(struct hub_job *job, struct str version, struct error *error)
{
    job->url =
        arena_printf(&job->arena, "%s/api/v1/model-versions/%.*s",
                     job->hub->options.civitai_endpoint, STR_ARG(version));
    return hub_job_ask(job, on_version, error);
}

/* Of a model its newest version, which comes first; what a version alone
 * says of its model is all that a sidecar needs. */
static void
on_model(struct hub_job *job, const struct fetch_answer *answer,
         const struct json *root)
{
    struct error error;
    const struct json *version = json_at(json_get(root, "modelVersions"), 0);
    struct str id = str_from(civitai_number(job, json_get(version, "id")));
    (void)answer;
    if (id.n == 0)
        hub_job_odd(job,
                    "`modelVersions` of a model has no first one with an `id`");
    else if (ask_version(job, id, &error) < 0)
        hub_job_fail(job, &error);
}

int
civitai_resolve(struct hub_job *job, struct error *error)
{
    struct hub_request *r = &job->request;
    const char *endpoint = job->hub->options.civitai_endpoint;
    if (r->version_id.n == 0)
        hub_read_civitai_url(job, r->model_id);
    if (r->version_id.n > 0 && !is_number(r->version_id))
        return error_field(error, "version_id",
                           "\"%.*s\" is no number of a version",
                           (int)(r->version_id.n > 40 ? 40 : r->version_id.n),
                           r->version_id.p);
    if (r->version_id.n > 0)
        return ask_version(job, r->version_id, error);
    if (!is_number(r->model_id))
        return error_field(error, "model_id",
                           "a model's number, or the address of its page at "
                           "%s, is expected",
                           endpoint);
    job->url = arena_printf(&job->arena, "%s/api/v1/models/%.*s", endpoint,
                            STR_ARG(r->model_id));
    return hub_job_ask(job, on_model, error);
}

int
civitai_find_hash(struct hub_job *job, struct error *error)
{
    struct str hash = job->request.version_id;
    char hex[65];
    static const size_t lengths[] = { 64, 8, 10, 12 };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        hub_hex(hash, lengths[i], hex);
        if (hex[0] == '\0')
            continue;
        job->url =
            arena_printf(&job->arena, "%s/api/v1/model-versions/by-hash/%s",
                         job->hub->options.civitai_endpoint, hex);
        return hub_job_ask(job, on_version, error);
    }
    return error_field(error, "hash",
                       "64 (SHA-256, BLAKE3), 12, 10 or 8 (AutoV3, AutoV2, "
                       "AutoV1, CRC32) hexadecimal digits are expected");
}

/* ---- searching ---- */

static const struct {
    const char *name, *wire;
} sorts[] = {
    { "", "Most Downloaded" },         { "downloads", "Most Downloaded" },
    { "likes", "Highest Rated" },      { "updated", "Newest" },
    { "trending", "Most Downloaded" },
};

static void
on_found(struct hub_job *job, const struct fetch_answer *answer,
         const struct json *root)
{
    const struct json *items = json_get(root, "items");
    struct strbuf data = STRBUF_INIT(HUB_ANSWER_BYTES);
    struct json_writer w;
    (void)answer;
    if (json_type(items) != JSON_ARRAY) {
        hub_job_odd(job, "what was found is no list");
        return;
    }
    json_writer_init(&w, &data);
    json_object_begin(&w);
    json_key(&w, "models");
    json_array_begin(&w);
    for (size_t i = 0; i < json_count(items); i++)
        civitai_write_found(job, json_at(items, i), &w);
    json_array_end(&w);
    json_key(&w, "next_cursor");
    struct str cursor = text_of(json_get(root, "metadata"), "nextCursor");
    if (cursor.n > 0)
        json_str(&w, cursor);
    else
        json_null(&w);
    json_object_end(&w);
    hub_job_data(job, &data);
    strbuf_release(&data);
}

int
civitai_search(struct hub_job *job, struct error *error)
{
    const struct hub_search *search = &job->search;
    struct strbuf url = STRBUF_INIT(16 * 1024);
    size_t i = 0;
    while (i < sizeof sorts / sizeof *sorts &&
           !str_is(search->sort, sorts[i].name))
        i++;
    if (i == sizeof sorts / sizeof *sorts)
        return error_field(error, "sort",
                           "must be one of downloads, likes, updated");
    strbuf_addf(&url, "%s/api/v1/models?limit=%d",
                job->hub->options.civitai_endpoint, search->limit);
    hub_add_query(&url, "query", search->text);
    hub_add_query(&url, "username", search->author);
    hub_add_query(&url, "baseModels", search->library);
    hub_add_query(&url, "types", search->kind);
    hub_add_query(&url, "cursor", search->cursor);
    hub_add_query(&url, "sort", str_from(sorts[i].wire));
    job->url = arena_str(&job->arena, strbuf_view(&url));
    strbuf_release(&url);
    return hub_job_ask(job, on_found, error);
}
