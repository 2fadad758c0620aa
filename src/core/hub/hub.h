/* The hubs: what can be had from Hugging Face and Civitai, and where exactly.
 *
 * A hub is asked over HTTP (io/fetch.h) and answers with JSON; whatever it
 * says is hostile until checked. Nothing is downloaded here: hub_resolve()
 * turns what a user named into a plan, a list of files with their addresses,
 * sizes and digests, pinned to one commit or version; core/downloads carries
 * it out. Loop thread only. */
#ifndef CORE_HUB_H
#define CORE_HUB_H

#include "base/error.h"
#include "base/strbuf.h"
#include "core/events/events.h"
#include "formats/json.h"
#include "io/fetch.h"

struct hub;

struct hub_options {
    struct loop *loop;
    struct events *events;
    struct fetcher *fetcher;
    const char *huggingface_endpoint; /* "https://huggingface.co" */
    const char *huggingface_token;    /* "" : none */
    const char *civitai_endpoint;
    const char *civitai_token;
    bool is_offline;
    const char *const *organizations; /* allowed; none: all */
    size_t n_organizations;
};

int hub_new(const struct hub_options *options, struct hub **ret_hub,
            struct error *error);
/* After a change of settings (everything is copied). */
int hub_configure(struct hub *hub, const struct hub_options *options,
                  struct error *error);
/* Requests on their way end with ERR_CANCELLED first. Accepts NULL. */
void hub_free(struct hub *hub);

enum hub_source { HUB_HUGGINGFACE, HUB_CIVITAI, HUB_URL };

/* What a user named. Views, borrowed for the call; empty when not given. */
struct hub_request {
    enum hub_source source;
    struct str model_id;     /* "org/name", or "gpt2" of the first days;
                              * Civitai: number or page URL */
    struct str revision;     /* branch, tag or commit; "": main */
    struct str variant;      /* as hub_files() names it: "Q4_K_M"; or a file
                              * of it. "": chosen by rule, or an error that
                              * names the variants when there are several */
    const struct str *files; /* exact paths; wins over variant */
    size_t n_files;
    struct str version_id;   /* Civitai */
    struct str file_id;      /* Civitai */
    struct str type, format; /* Civitai: which of the files */
    struct str url;          /* HUB_URL */
    struct str filename;     /* instead of the own name of the only file */
    struct str token;        /* instead of the stored one */
};

struct hub_file {
    char *path;         /* relative, checked: no "..", no control characters */
    char *url;          /* to ask with the token of the plan */
    int64_t size_bytes; /* -1: not known */
    char sha256[65];    /* lower case hex, or "" */
    char etag[128];     /* Hugging Face: blob name in its cache, or "" */
};

struct hub_plan {
    enum hub_source source;
    char *model_id; /* "org/name", Civitai's model number, or "" */
    char *revision; /* commit hash, Civitai's version number, or "" */
    char *ref;      /* what was asked for: "main" */
    char *variant;  /* or "" */
    char *display_name;
    char *kind;        /* Civitai: "lora", "checkpoint", "vae",
                        * "embedding-sd", ...; or "" */
    char *token;       /* for the plan's URLs, or ""; never shown */
    char *sidecar;     /* Civitai: JSON to keep beside the file, or "" */
    char *preview_url; /* Civitai, or "" */
    bool is_renamed;   /* the user named its file, and no hub's cache has it */
    struct hub_file *files;
    size_t n_files;
};

/* `plan` is valid during the callback; hub_plan_copy() keeps one. Errors:
 * ERR_NOT_FOUND (repository, revision, file), ERR_UNAUTHORIZED (a token is
 * needed), ERR_FORBIDDEN (gated, early access; the text says what to do),
 * ERR_TOO_MANY_REQUESTS, ERR_UNAVAILABLE (offline, hub down), ERR_INVALID
 * with the field. The text says how long to wait when the hub told it. */
typedef void hub_plan_fn(void *ctx, const struct hub_plan *plan,
                         const struct error *error);
int hub_resolve(struct hub *hub, const struct hub_request *request,
                hub_plan_fn *on_done, void *ctx, struct error *error);

struct hub_plan *hub_plan_copy(const struct hub_plan *from); /* or NULL */
void hub_plan_free(struct hub_plan *plan);                   /* accepts NULL */

/* ---- searching ---- */

struct hub_search {
    enum hub_source source;
    struct str text, author, library, kind; /* "": any */
    struct str sort;        /* downloads (also ""), likes, updated, trending */
    struct str cursor;      /* of the page before, or "" */
    int64_t max_size_bytes; /* 0: any; rows of unknown size stay */
    int gated;              /* -1: any, 0, 1 */
    int limit;              /* 1..100 */
    /* Whether a model is on this machine; NULL: not told. */
    bool (*is_here)(void *ctx, enum hub_source source, struct str model_id);
    void *here_ctx;
};

/* Writes the answer's `data` as JSON: {"models":[{source, model_id, author,
 * name, downloads, likes, tags, gated, library, kind, last_modified,
 * size_bytes, is_downloaded}], "next_cursor"}. `data` is valid during the
 * callback, NULL with `error`. */
typedef void hub_data_fn(void *ctx, const struct strbuf *data,
                         const struct error *error);
int hub_search(struct hub *hub, const struct hub_search *search,
               hub_data_fn *on_done, void *ctx, struct error *error);

/* The files of a repository in groups: {"source", "model_id", "revision",
 * "gated", "variants":[{"name","size_bytes","files":[...]}], "projectors":
 * [...], "files":[{"path","size","sha256"}]}. Of Civitai those of the newest
 * version, or of `version_id`; more is told of it and its files. */
int hub_files(struct hub *hub, const struct hub_request *request,
              hub_data_fn *on_done, void *ctx, struct error *error);

/* The same for the version of Civitai that has a file of this digest. */
int hub_find_hash(struct hub *hub, struct str hash, hub_data_fn *on_done,
                  void *ctx, struct error *error);

/* Whose token this is; "": the stored one. {"source", "is_valid":true,
 * "name", "message":null}; ERR_UNAUTHORIZED when the hub refuses it. */
int hub_check_token(struct hub *hub, enum hub_source source, struct str token,
                    hub_data_fn *on_done, void *ctx, struct error *error);

/* ---- the front of a file ---- */

/* Reads the fronts of a plan's files with ranged requests: a header, and not
 * the gigabytes behind it. A server that knows no ranges is left as soon as
 * it has given what was wanted. A reader may outlive hub_free(); then every
 * question is ERR_CANCELLED. */
enum { HUB_FRONT_BYTES_MAX = 64 * 1024 * 1024, HUB_READERS_MAX = 8 };
struct hub_reader;

/* -1 with `error`: ERR_TOO_MANY_REQUESTS when too many are open, or
 * ERR_NO_MEMORY. The plan is copied. */
int hub_reader_open(struct hub *hub, const struct hub_plan *plan,
                    struct hub_reader **ret_reader, struct error *error);
/* Not between a question and its on_done. Accepts NULL. */
void hub_reader_close(struct hub_reader *reader);

/* Reads on until the first `n_bytes` of the plan's file `file` are here, or
 * all of a shorter one. `front`: every byte that is here of that file; lives
 * until the next question. Another file than the last time starts anew. More
 * than HUB_FRONT_BYTES_MAX is ERR_TOO_LARGE; else errors as above. -1 with
 * `error`: never called. */
typedef void hub_front_fn(void *ctx, struct str front,
                          const struct error *error);
int hub_reader_read(struct hub_reader *reader, size_t file, int64_t n_bytes,
                    hub_front_fn *on_done, void *ctx, struct error *error);
/* Bytes that came over the wire so far. */
int64_t hub_reader_bytes(const struct hub_reader *reader);

/* A repository's config.json as it is there: an object's text. */
int hub_read_config(struct hub *hub, struct str model_id, hub_data_fn *on_done,
                    void *ctx, struct error *error);

#endif
