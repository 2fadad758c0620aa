/* The owner of questions to the hubs: see hub.h. */
#include "core/hub/hub.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/hub/hub_internal.h"
#include "formats/file_name.h"
#include "formats/http_fields.h"

/* ---- options ---- */

static void
free_options(struct hub *hub)
{
    struct hub_options *options = &hub->options;
    free((char *)(uintptr_t)options->huggingface_endpoint);
    free((char *)(uintptr_t)options->huggingface_token);
    free((char *)(uintptr_t)options->civitai_endpoint);
    free((char *)(uintptr_t)options->civitai_token);
    for (size_t i = 0;
         hub->organizations != NULL && i < options->n_organizations; i++)
        free(hub->organizations[i]);
    free(hub->organizations);
    hub->organizations = NULL;
}

/* Without slashes at its end. */
static char *
copy_endpoint(const char *text)
{
    struct str endpoint = str_from(text);
    while (endpoint.n > 0 && endpoint.p[endpoint.n - 1] == '/')
        endpoint.n--;
    return str_dup(endpoint);
}

static int
copy_options(struct hub *to, const struct hub_options *from)
{
    to->options = *from;
    to->options.huggingface_endpoint =
        copy_endpoint(from->huggingface_endpoint);
    to->options.huggingface_token = str_dup(str_from(from->huggingface_token));
    to->options.civitai_endpoint = copy_endpoint(from->civitai_endpoint);
    to->options.civitai_token = str_dup(str_from(from->civitai_token));
    to->organizations =
        calloc(from->n_organizations + 1, sizeof *to->organizations);
    bool is_whole = to->options.huggingface_endpoint != NULL &&
                    to->options.huggingface_token != NULL &&
                    to->options.civitai_endpoint != NULL &&
                    to->options.civitai_token != NULL &&
                    to->organizations != NULL;
    for (size_t i = 0; to->organizations != NULL && i < from->n_organizations;
         i++) {
        to->organizations[i] = str_dup(str_from(from->organizations[i]));
        is_whole = is_whole && to->organizations[i] != NULL;
    }
    return is_whole ? 0 : -1;
}

int
hub_configure(struct hub *hub, const struct hub_options *options,
              struct error *error)
{
    struct hub fresh = { .n_jobs = 0 };
    if (copy_options(&fresh, options) < 0) {
        free_options(&fresh);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    free_options(hub);
    hub->options = fresh.options;
    hub->organizations = fresh.organizations;
    return 0;
}

int
hub_new(const struct hub_options *options, struct hub **ret_hub,
        struct error *error)
{
    *ret_hub = calloc(1, sizeof **ret_hub);
    if (*ret_hub == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    if (hub_configure(*ret_hub, options, error) == 0)
        return 0;
    free(*ret_hub);
    *ret_hub = NULL;
    return -1;
}

void
hub_free(struct hub *hub)
{
    if (hub == NULL)
        return;
    assert(hub->n_jobs == 0); /* the fetcher was stopped before */
    free_options(hub);
    hub->is_closed = true;
    if (hub->n_readers == 0)
        free(hub);
}

/* ---- jobs ---- */

const char *
hub_str(struct hub_job *job, struct str text)
{
    const char *copy = arena_str(&job->arena, text);
    return copy == NULL ? "" : copy;
}

void
hub_hex(struct str text, size_t n, char *ret_hex)
{
    ret_hex[0] = '\0';
    if (text.n != n)
        return;
    for (size_t i = 0; i < n; i++) {
        char c = text.p[i];
        if (c >= 'A' && c <= 'F')
            c = (char)(c | 0x20);
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            ret_hex[0] = '\0';
            return;
        }
        ret_hex[i] = c;
    }
    ret_hex[n] = '\0';
}

bool
hub_is_at(struct str url, const char *endpoint)
{
    struct str start = str_from(endpoint);
    return str_starts_with(url, start) && url.n > start.n &&
           url.p[start.n] == '/';
}

static struct str
keep(struct hub_job *job, struct str text, bool *is_whole)
{
    char *copy = arena_str(&job->arena, text);
    *is_whole = *is_whole && copy != NULL;
    return (struct str){ copy, copy == NULL ? 0 : text.n };
}

static bool
copy_request(struct hub_job *job, const struct hub_request *from)
{
    bool is_whole = true;
    struct hub_request *to = &job->request;
    *to = *from;
    struct str *texts[] = { &to->model_id,   &to->revision, &to->variant,
                            &to->version_id, &to->file_id,  &to->type,
                            &to->format,     &to->url,      &to->filename,
                            &to->token };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = keep(job, *texts[i], &is_whole);
    struct str *files =
        arena_alloc(&job->arena, (from->n_files + 1) * sizeof *files);
    for (size_t i = 0; files != NULL && i < from->n_files; i++)
        files[i] = keep(job, from->files[i], &is_whole);
    to->files = files;
    return is_whole && files != NULL;
}

struct hub_job *
hub_job_new(struct hub *hub, const struct hub_request *request)
{
    struct hub_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    job->hub = hub;
    arena_init(&job->arena, HUB_JOB_BYTES);
    if (!copy_request(job, request)) {
        arena_release(&job->arena);
        free(job);
        return NULL;
    }
    hub->n_jobs++;
    return job;
}

void
hub_job_free(struct hub_job *job)
{
    job->hub->n_jobs--;
    arena_release(&job->arena);
    free(job);
}

void
hub_job_fail(struct hub_job *job, const struct error *error)
{
    struct error copy = *error;
    if (job->on_plan != NULL)
        job->on_plan(job->ctx, NULL, &copy);
    else
        job->on_data(job->ctx, NULL, &copy);
    hub_job_free(job);
}

/* Under the name that the user gave it. */
static int
rename_file(struct hub_job *job, struct hub_plan *plan, struct error *error)
{
    struct str name = job->request.filename;
    if (plan->n_files != 1)
        return error_field(error, "filename",
                           "one file can have it, and %zu are wanted of %s",
                           plan->n_files, plan->display_name);
    char *path = str_dup(name);
    if (path == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    free(plan->files[0].path);
    plan->files[0].path = path;
    plan->is_renamed = true;
    return 0;
}

void
hub_job_plan(struct hub_job *job, struct hub_plan *plan)
{
    struct error error;
    if (job->request.filename.n > 0 && rename_file(job, plan, &error) < 0) {
        hub_plan_free(plan);
        hub_job_fail(job, &error);
        return;
    }
    job->on_plan(job->ctx, plan, NULL);
    hub_plan_free(plan);
    hub_job_free(job);
}

void
hub_job_data(struct hub_job *job, const struct strbuf *data)
{
    struct error error;
    if (strbuf_failed(data)) {
        error_set(&error, ERR_NO_MEMORY, "out of memory for the answer");
        hub_job_fail(job, &error);
        return;
    }
    job->on_data(job->ctx, data, NULL);
    hub_job_free(job);
}

void
hub_job_odd(struct hub_job *job, const char *what)
{
    struct error error;
    error_set(&error, ERR_BAD_GATEWAY, "the hub's answer is odd: %s", what);
    hub_job_fail(job, &error);
}

void
hub_write_here(const struct hub_job *job, struct str model_id,
               struct json_writer *out)
{
    const struct hub_search *search = &job->search;
    json_key(out, "is_downloaded");
    json_bool(out,
              search->is_here != NULL &&
                  search->is_here(search->here_ctx, search->source, model_id));
}

void
hub_add_query(struct strbuf *url, const char *name, struct str value)
{
    if (value.n == 0)
        return;
    strbuf_addf(url, "&%s=", name);
    uri_add_segment(url, value);
}

struct hub_file *
hub_job_add_file(struct hub_job *job)
{
    if (job->n_files == job->capacity) {
        size_t capacity = job->capacity == 0 ? 32 : job->capacity * 2;
        struct hub_file *files =
            arena_alloc(&job->arena, capacity * sizeof *files);
        if (files == NULL)
            return NULL;
        if (job->n_files > 0)
            memcpy(files, job->files, job->n_files * sizeof *files);
        job->files = files;
        job->capacity = capacity;
    }
    struct hub_file *file = &job->files[job->n_files++];
    *file = (struct hub_file){ .size_bytes = -1 };
    return file;
}

/* ---- asking ---- */

struct asking {
    struct hub_job *job;
    void (*on_answer)(struct hub_job *job, const struct fetch_answer *answer,
                      const struct json *root);
};

static void
on_answer(void *ctx, const struct fetch_answer *answer,
          const struct error *error)
{
    struct asking asking = *(struct asking *)ctx;
    struct hub_job *job = asking.job;
    struct error what = { .code = ERR_OK };
    free(ctx);
    if (error != NULL) {
        hub_job_fail(job, error);
        return;
    }
    if (answer->status != 200) {
        if (job->request.source == HUB_CIVITAI)
            civitai_error(job, answer, &what);
        else
            hf_error(job, answer, &what);
        hub_job_fail(job, &what);
        return;
    }
    struct json_doc *doc =
        job->is_text ? NULL : json_parse(answer->body, &what);
    if (doc == NULL && !job->is_text) {
        struct error odd;
        error_set(&odd, ERR_BAD_GATEWAY, "the hub answers no JSON: %.300s",
                  what.message);
        hub_job_fail(job, &odd);
        return;
    }
    asking.on_answer(job, answer, json_root(doc));
    json_doc_free(doc);
}

int
hub_check_online(const struct hub *hub, struct error *error)
{
    if (!hub->options.is_offline)
        return 0;
    return error_set(error, ERR_UNAVAILABLE,
                     "Hearth is offline (huggingface.offline): no hub is "
                     "asked");
}

int
hub_job_ask(struct hub_job *job,
            void (*on_good)(struct hub_job *job,
                            const struct fetch_answer *answer,
                            const struct json *root),
            struct error *error)
{
    static const char *const headers[] = { "Accept: application/json", NULL };
    if (hub_check_online(job->hub, error) < 0)
        return -1;
    struct asking *asking = malloc(sizeof *asking);
    if (asking == NULL || job->url == NULL) {
        free(asking);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    *asking = (struct asking){ job, on_good };
    const struct fetch_text_request request = {
        .url = job->url,
        .bearer = job->token,
        .headers = headers,
        .range_first = -1,
        .range_last = -1,
        .max_bytes = HUB_ANSWER_BYTES,
        .stall_ms = HUB_STALL_MS,
        .on_done = on_answer,
        .ctx = asking,
    };
    if (fetch_text(job->hub->options.fetcher, &request) != NULL)
        return 0;
    free(asking);
    return error_set(error, ERR_NO_MEMORY, "out of memory");
}

/* ---- plain files ---- */

/* A plain file somewhere. */
static int
resolve_url(struct hub_job *job, struct error *error)
{
    const struct hub_request *r = &job->request;
    struct strbuf name = STRBUF_INIT(4096);
    if (fetch_check_url(job->hub->options.fetcher, hub_str(job, r->url),
                        error) < 0) {
        snprintf(error->field, sizeof error->field, "url");
        return -1;
    }
    if (r->filename.n > 0) /* was checked */
        strbuf_add_str(&name, r->filename);
    else if (!uri_decode(uri_last_segment(r->url), &name))
        strbuf_clear(&name);
    int rc = file_name_check(strbuf_view(&name), error);
    if (rc < 0) {
        snprintf(error->field, sizeof error->field, "url");
        error->code = ERR_INVALID;
        strbuf_release(&name);
        return -1;
    }
    struct hub_file file = { .path = name.p,
                             .url = (char *)(uintptr_t)hub_str(job, r->url),
                             .size_bytes = -1 };
    const struct hub_plan plan = {
        .source = HUB_URL,
        .display_name = name.p,
        .token = (char *)(uintptr_t)hub_str(job, r->token),
        .files = &file,
        .n_files = 1,
    };
    struct hub_plan *copy = hub_plan_copy(&plan);
    strbuf_release(&name);
    if (copy == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    hub_job_plan(job, copy);
    return 0;
}

/* ---- the verbs ---- */

static const char *
token_of(struct hub_job *job)
{
    const struct hub_options *options = &job->hub->options;
    if (job->request.token.n > 0)
        return hub_str(job, job->request.token);
    return hub_str(job, str_from(job->request.source == HUB_CIVITAI
                                     ? options->civitai_token
                                     : options->huggingface_token));
}

int
hub_job_begin(struct hub_job *job,
              int (*ask)(struct hub_job *job, struct error *error),
              struct error *error)
{
    job->token = token_of(job);
    int rc = ask(job, error);
    if (rc < 0)
        hub_job_free(job);
    return rc;
}

static int
resolve(struct hub_job *job, struct error *error)
{
    switch (job->request.source) {
    case HUB_HUGGINGFACE: return hf_resolve(job, error);
    case HUB_CIVITAI: return civitai_resolve(job, error);
    case HUB_URL: return resolve_url(job, error);
    }
    return -1;
}

int
hub_resolve(struct hub *hub, const struct hub_request *request,
            hub_plan_fn *on_done, void *ctx, struct error *error)
{
    if (request->filename.n > 0 &&
        file_name_check(request->filename, error) < 0) {
        snprintf(error->field, sizeof error->field, "filename");
        error->code = ERR_INVALID;
        return -1;
    }
    struct hub_job *job = hub_job_new(hub, request);
    if (job == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    job->on_plan = on_done;
    job->ctx = ctx;
    if (request->source == HUB_URL &&
        !hub_read_civitai_url(job, job->request.url))
        hub_read_huggingface_url(job, job->request.url);
    return hub_job_begin(job, resolve, error);
}

static int
list_files(struct hub_job *job, struct error *error)
{
    return job->request.source == HUB_CIVITAI ? civitai_resolve(job, error)
                                              : hf_list_files(job, error);
}

int
hub_files(struct hub *hub, const struct hub_request *request,
          hub_data_fn *on_done, void *ctx, struct error *error)
{
    struct hub_job *job = hub_job_new(hub, request);
    if (job == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    job->on_data = on_done;
    job->ctx = ctx;
    return hub_job_begin(job, list_files, error);
}

static int
ask_search(struct hub_job *job, struct error *error)
{
    return job->request.source == HUB_CIVITAI ? civitai_search(job, error)
                                              : hf_search(job, error);
}

int
hub_search(struct hub *hub, const struct hub_search *search,
           hub_data_fn *on_done, void *ctx, struct error *error)
{
    const struct hub_request request = { .source = search->source };
    struct hub_job *job = hub_job_new(hub, &request);
    bool is_whole = job != NULL;
    if (job == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    job->search = *search;
    struct str *texts[] = { &job->search.text,    &job->search.author,
                            &job->search.library, &job->search.kind,
                            &job->search.sort,    &job->search.cursor };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = keep(job, *texts[i], &is_whole);
    job->on_data = on_done;
    job->ctx = ctx;
    if (!is_whole) {
        hub_job_free(job);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    return hub_job_begin(job, ask_search, error);
}
