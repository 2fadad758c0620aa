/* Shared by the files of core/hub:
 *
 *   hub.c           the owner: options, jobs, what a URL means
 *   huggingface.c   what is asked of Hugging Face, and how it answers
 *   hf_files.c      a repository's files: choosing, grouping
 *   civitai.c       the same for Civitai
 *   plan.c          copies of plans */
#ifndef CORE_HUB_INTERNAL_H
#define CORE_HUB_INTERNAL_H

#include "base/arena.h"
#include "core/hub/hub.h"

enum {
    HUB_ANSWER_BYTES = 32 * 1024 * 1024,
    HUB_FILES_MAX = 10000,
    HUB_PAGES_MAX = 50,
    HUB_JOB_BYTES = 64 * 1024 * 1024,
    HUB_STALL_MS = 20 * 1000,
};

struct hub {
    struct hub_options options; /* texts are owned */
    char **organizations;
    size_t n_jobs;
};

/* A question on its way: one or more requests, then an answer. Everything
 * that it needs is in its arena. */
struct hub_job {
    struct hub *hub;
    struct arena arena;
    struct hub_request request;
    struct hub_search search;
    const char *token;
    const char *id;       /* checked */
    const char *revision; /* asked for: "main" */
    const char *commit;
    bool is_gated;
    int n_pages;
    struct hub_file *files; /* in the arena */
    size_t n_files, capacity;
    char *url; /* of the next request */
    hub_plan_fn *on_plan;
    hub_data_fn *on_data;
    hub_front_fn *on_front;
    void *ctx;
    int64_t whole_bytes; /* of a front */
};

/* ---- hub.c ---- */

/* A job with a copy of the request; NULL when out of memory. */
struct hub_job *hub_job_new(struct hub *hub, const struct hub_request *request);
/* Ends it with an error, a plan or data; frees it. */
void hub_job_fail(struct hub_job *job, const struct error *error);
void hub_job_plan(struct hub_job *job, struct hub_plan *plan); /* takes it */
void hub_job_data(struct hub_job *job, const struct strbuf *data);
/* Asks job->url; `on_answer` gets only answers of 200, parsed. */
int hub_job_ask(struct hub_job *job,
                void (*on_answer)(struct hub_job *job,
                                  const struct fetch_answer *answer,
                                  const struct json *root),
                struct error *error);
struct hub_file *hub_job_add_file(struct hub_job *job);
const char *hub_str(struct hub_job *job, struct str text); /* in its arena */

/* ---- huggingface.c ---- */

int hf_resolve(struct hub_job *job, struct error *error);
int hf_list_files(struct hub_job *job, struct error *error);
int hf_search(struct hub_job *job, struct error *error);
/* What an answer other than 200 means. */
void hf_error(const struct hub_job *job, const struct fetch_answer *answer,
              struct error *error);
int hf_check_id(const struct hub *hub, struct str id, struct error *error);

/* ---- hf_files.c ---- */

/* Keeps those of job->files that are wanted and makes the plan; NULL with
 * `error`, which names the variants when one has to be chosen. */
struct hub_plan *hf_plan(struct hub_job *job, struct error *error);
void hf_write_files(struct hub_job *job, struct json_writer *out);

/* ---- civitai.c ---- */

int civitai_resolve(struct hub_job *job, struct error *error);
int civitai_search(struct hub_job *job, struct error *error);
void civitai_error(const struct hub_job *job, const struct fetch_answer *answer,
                   struct error *error);

#endif
