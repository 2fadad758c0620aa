/* Small questions: whose token this is, which version has a file, a
 * repository's configuration, whether a file is given. */
#include <stdlib.h>

#include "core/hub/hub_internal.h"

static int
ask_for_data(struct hub *hub, const struct hub_request *request,
             int (*ask)(struct hub_job *job, struct error *error),
             hub_data_fn *on_done, void *ctx, struct error *error)
{
    struct hub_job *job = hub_job_new(hub, request);
    if (job == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    job->on_data = on_done;
    job->ctx = ctx;
    return hub_job_begin(job, ask, error);
}

/* ---- whose token ---- */

static void
on_owner(struct hub_job *job, const struct fetch_answer *answer,
         const struct json *root)
{
    bool is_civitai = job->request.source == HUB_CIVITAI;
    const char *key = is_civitai ? "username" : "name";
    struct strbuf data = STRBUF_INIT(HUB_ANSWER_BYTES);
    struct json_writer w;
    struct str name;
    (void)answer;
    if (!json_as_text(json_get(root, key), &name)) {
        hub_job_odd(job,
                    is_civitai ? "`username` is no text" : "`name` is no text");
        return;
    }
    json_writer_init(&w, &data);
    json_object_begin(&w);
    json_key(&w, "source");
    json_text(&w, is_civitai ? "civitai" : "huggingface");
    json_key(&w, "is_valid");
    json_bool(&w, true);
    json_key(&w, "name");
    json_str(&w, name);
    json_key(&w, "message");
    json_null(&w);
    json_object_end(&w);
    hub_job_data(job, &data);
    strbuf_release(&data);
}

static int
ask_owner(struct hub_job *job, struct error *error)
{
    const struct hub_options *options = &job->hub->options;
    bool is_civitai = job->request.source == HUB_CIVITAI;
    if (job->token[0] == '\0')
        return error_field(error, "token", "none is given, and none is set");
    job->url = arena_printf(&job->arena, "%s%s",
                            is_civitai ? options->civitai_endpoint
                                       : options->huggingface_endpoint,
                            is_civitai ? "/api/v1/me" : "/api/whoami-v2");
    return hub_job_ask(job, on_owner, error);
}

int
hub_check_token(struct hub *hub, enum hub_source source, struct str token,
                hub_data_fn *on_done, void *ctx, struct error *error)
{
    const struct hub_request request = { .source = source, .token = token };
    return ask_for_data(hub, &request, ask_owner, on_done, ctx, error);
}

/* ---- a version by a digest of its file ---- */

int
hub_find_hash(struct hub *hub, struct str hash, hub_data_fn *on_done, void *ctx,
              struct error *error)
{
    const struct hub_request request = { .source = HUB_CIVITAI,
                                         .version_id = hash };
    return ask_for_data(hub, &request, civitai_find_hash, on_done, ctx, error);
}

/* ---- a repository's configuration ---- */

static void
on_config(struct hub_job *job, const struct fetch_answer *answer,
          const struct json *root)
{
    struct strbuf data = STRBUF_INIT(HUB_ANSWER_BYTES);
    (void)root;
    strbuf_add_str(&data, answer->body);
    hub_job_data(job, &data);
    strbuf_release(&data);
}

static int
ask_config(struct hub_job *job, struct error *error)
{
    if (hf_check_id(job->hub, job->request.model_id, error) < 0)
        return -1;
    job->id = hub_str(job, job->request.model_id);
    job->revision = "main";
    job->is_text = true; /* Python's JSON: formats/transformers.h */
    job->url = arena_printf(&job->arena, "%s/%s/resolve/main/config.json",
                            job->hub->options.huggingface_endpoint, job->id);
    return hub_job_ask(job, on_config, error);
}

int
hub_read_config(struct hub *hub, struct str model_id, hub_data_fn *on_done,
                void *ctx, struct error *error)
{
    const struct hub_request request = { .source = HUB_HUGGINGFACE,
                                         .model_id = model_id };
    return ask_for_data(hub, &request, ask_config, on_done, ctx, error);
}

/* ---- whether a file is given ---- */

struct knocking {
    struct hub_job *job;
    struct hub_plan *plan;
};

static void
on_knocked(void *ctx, const struct fetch_answer *answer,
           const struct error *error)
{
    struct knocking knocking = *(struct knocking *)ctx;
    struct error what;
    free(ctx);
    if (error == NULL && answer->status < 400) {
        hub_job_plan(knocking.job, knocking.plan);
        return;
    }
    hub_plan_free(knocking.plan);
    if (error == NULL)
        hf_error(knocking.job, answer, &what);
    hub_job_fail(knocking.job, error == NULL ? &what : error);
}

int
hub_job_knock(struct hub_job *job, struct hub_plan *plan, struct error *error)
{
    struct knocking *knocking = malloc(sizeof *knocking);
    if (knocking == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    *knocking = (struct knocking){ job, plan };
    const struct fetch_text_request request = {
        .url = plan->files[0].url,
        .method = "HEAD",
        .bearer = job->token,
        .range_first = -1,
        .range_last = -1,
        .max_bytes = HUB_ANSWER_BYTES,
        .stall_ms = HUB_STALL_MS,
        .keeps_redirect = true,
        .on_done = on_knocked,
        .ctx = knocking,
    };
    if (fetch_text(job->hub->options.fetcher, &request) != NULL)
        return 0;
    free(knocking);
    return error_set(error, ERR_NO_MEMORY, "out of memory");
}
