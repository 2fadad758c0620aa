/* Shared by the files of core/hub:
 *
 *   hub.c           the owner: options, jobs, plain files
 *   urls.c          what a pasted URL means
 *   huggingface.c   what is asked of Hugging Face, and how it answers
 *   hf_search.c     searching it
 *   hf_files.c      a repository's files: choosing, grouping
 *   civitai.c       what is asked of Civitai
 *   civitai_json.c  what it answers: choosing a file, showing
 *   fronts.c        the first bytes of files
 *   peeks.c         small questions
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
    HUB_WORDS_BYTES = 201, /* of a refusal */
};

struct hub {
    struct hub_options options; /* texts are owned */
    char **organizations;
    size_t n_jobs;
    size_t n_readers;
    bool is_closed; /* by hub_free(): only readers are left */
};

/* A question on its way: one or more requests, then an answer. Everything
 * that it needs is in its arena. */
struct hub_job {
    struct hub *hub;
    struct arena arena;
    struct hub_request request;
    struct hub_search search;
    const char *token;
    struct str file_size, file_precision; /* Civitai: "pruned", "fp16" */
    const char *id;                       /* checked */
    const char *revision;                 /* asked for: "main" */
    const char *commit;
    bool is_gated;
    bool is_text; /* the answer is for others to parse */
    int n_pages;
    struct hub_file *files; /* in the arena */
    size_t n_files, capacity;
    char *url; /* of the next request */
    hub_plan_fn *on_plan;
    hub_data_fn *on_data;
    void *ctx;
};

/* ---- hub.c ---- */

/* A job with a copy of the request; NULL when out of memory. */
struct hub_job *hub_job_new(struct hub *hub, const struct hub_request *request);
void hub_job_free(struct hub_job *job);
/* Whether a hub may be asked. */
int hub_check_online(const struct hub *hub, struct error *error);
/* Ends it with an error, a plan or data; frees it. */
void hub_job_fail(struct hub_job *job, const struct error *error);
void hub_job_plan(struct hub_job *job, struct hub_plan *plan); /* takes it */
void hub_job_data(struct hub_job *job, const struct strbuf *data);
/* Ends it: the hub did not answer what it promises; `what` names the member. */
void hub_job_odd(struct hub_job *job, const char *what);
/* Makes the checks that hold for each question, then asks; frees the job when
 * that has failed. */
int hub_job_begin(struct hub_job *job,
                  int (*ask)(struct hub_job *job, struct error *error),
                  struct error *error);
/* Asks job->url; `on_good` gets only answers of 200, parsed unless is_text
 * (then `root` is NULL). */
int hub_job_ask(struct hub_job *job,
                void (*on_good)(struct hub_job *job,
                                const struct fetch_answer *answer,
                                const struct json *root),
                struct error *error);
/* A found model's is_downloaded. */
void hub_write_here(const struct hub_job *job, struct str model_id,
                    struct json_writer *out);
/* Appends &name=value unless the value is empty. */
void hub_add_query(struct strbuf *url, const char *name, struct str value);
/* Takes the plan unless it fails: asks whether its first file is given to
 * whoever has the plan's token, then ends the job with the plan or what the hub
 * said. Files of a gated repository are listed for everybody, but not given. */
int hub_job_knock(struct hub_job *job, struct hub_plan *plan,
                  struct error *error);
struct hub_file *hub_job_add_file(struct hub_job *job);
const char *hub_str(struct hub_job *job, struct str text); /* in its arena */
/* `n` hexadecimal digits in lower case, else "": `ret_hex` has n + 1 bytes. */
void hub_hex(struct str text, size_t n, char *ret_hex);
/* Whether a URL is below an endpoint: "https://hub.example.org" is not an
 * endpoint of "https://hub.example". */
bool hub_is_at(struct str url, const char *endpoint);

/* ---- urls.c ---- */

/* Puts what the URL names into job->request; false, with nothing changed,
 * when it is none of this hub. */
bool hub_read_huggingface_url(struct hub_job *job, struct str url);
bool hub_read_civitai_url(struct hub_job *job, struct str url);

/* ---- huggingface.c ---- */

int hf_resolve(struct hub_job *job, struct error *error);
int hf_list_files(struct hub_job *job, struct error *error);
int hf_search(struct hub_job *job, struct error *error);
/* What an answer other than 200 means. */
void hf_error(const struct hub_job *job, const struct fetch_answer *answer,
              struct error *error);
void hub_too_many(const struct fetch_answer *answer, struct error *error);
bool hf_is_allowed(const struct hub *hub, struct str id);
int hf_check_id(const struct hub *hub, struct str id, struct error *error);

/* ---- hf_files.c ---- */

/* Keeps those of job->files that are wanted and makes the plan; NULL with
 * `error`, which names the variants when one has to be chosen. */
struct hub_plan *hf_plan(struct hub_job *job, struct error *error);
int hf_write_files(struct hub_job *job, struct json_writer *out,
                   struct error *error);

/* ---- civitai_json.c ---- */

/* The plan of the wanted file of a version; NULL with `error`. */
struct hub_plan *civitai_plan(struct hub_job *job, const struct json *version,
                              struct error *error);
void civitai_write_version(const struct json *version, struct json_writer *out);
void civitai_write_found(struct hub_job *job, const struct json *model,
                         struct json_writer *out);
/* A number as text, or "". */
const char *civitai_number(struct hub_job *job, const struct json *value);

/* ---- civitai.c ---- */

int civitai_resolve(struct hub_job *job, struct error *error);
int civitai_find_hash(struct hub_job *job, struct error *error);
int civitai_search(struct hub_job *job, struct error *error);
void civitai_error(const struct hub_job *job, const struct fetch_answer *answer,
                   struct error *error);

#endif
