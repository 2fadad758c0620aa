/* Hugging Face over its HTTP API (documented at hub/api; what is asked here is
 * what the hub's own clients ask).
 *
 *   GET /api/models?search=...                      searching
 *   GET /api/models/ID/revision/REV                 the commit
 *   GET /api/models/ID/tree/COMMIT?recursive=1      files; pages by Link
 *   GET /ID/resolve/COMMIT/PATH                     a file, by core/downloads */
#include <stdio.h>

#include "core/hub/hub_internal.h"
#include "formats/file_name.h"
#include "formats/http_fields.h"

/* ---- ids ---- */

static bool
is_id_part(struct str part)
{
    if (part.n == 0 || part.n > 96)
        return false;
    for (size_t i = 0; i < part.n; i++) {
        char c = part.p[i];
        bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                       (c >= 'A' && c <= 'Z');
        bool is_inner = i > 0 && (c == '.' || c == '_' || c == '-');
        bool is_double = i > 0 && (c == '.' || c == '-') && part.p[i - 1] == c;
        if ((!is_word && !is_inner) || is_double)
            return false;
    }
    return true;
}

bool
hf_is_allowed(const struct hub *hub, struct str id)
{
    struct str org = str_split(&id, '/');
    bool has_org = id.p != NULL;
    for (size_t i = 0; i < hub->options.n_organizations; i++)
        if (has_org && str_eq_nocase(org, str_from(hub->organizations[i])))
            return true;
    return hub->options.n_organizations == 0;
}

/* Models of the hub's first days have no organisation: "gpt2". */
int
hf_check_id(const struct hub *hub, struct str id, struct error *error)
{
    struct str name = id;
    struct str org = str_split(&name, '/');
    if (!is_id_part(org) || (name.p != NULL && !is_id_part(name)))
        return error_field(error, "model_id",
                           "\"%.*s\": ORGANISATION/NAME is expected",
                           (int)(id.n > 200 ? 200 : id.n), id.p);
    if (hf_is_allowed(hub, id))
        return 0;
    return error_field(error, "model_id",
                       "%.*s is not one of huggingface.organizations",
                       STR_ARG(org));
}

static int
check_revision(struct str revision, struct error *error)
{
    if (file_name_check_path(revision, NULL) == 0)
        return 0;
    return error_field(error, "revision",
                       "\"%.*s\" is no branch, tag or commit",
                       (int)(revision.n > 100 ? 100 : revision.n), revision.p);
}

/* ---- errors ---- */

static void
words_of(const struct hub_job *job, const struct fetch_answer *answer,
         char *ret, size_t size)
{
    struct str words = fetch_header_get(answer->head, "x-error-message");
    struct json_doc *doc = NULL;
    if (words.n == 0) {
        doc = json_parse(answer->body, NULL);
        json_as_text(json_get(json_root(doc), "error"), &words);
    }
    str_quote(words, job->token, ret, size);
    json_doc_free(doc);
}

static void
gated(const struct hub_job *job, int status, struct error *error)
{
    const char *endpoint = job->hub->options.huggingface_endpoint;
    const char *id = job->id == NULL ? "" : job->id;
    if (status == 401)
        error_set(error, ERR_UNAUTHORIZED,
                  "%s is gated: accept its terms at %s/%s, then give Hearth a "
                  "token (huggingface.token or HF_TOKEN)",
                  id, endpoint, id);
    else
        error_set(error, ERR_FORBIDDEN,
                  "%s is gated and this token has no access: accept its terms "
                  "at %s/%s, or wait until its authors let you in",
                  id, endpoint, id);
}

static void
not_found(const struct hub_job *job, struct str code, struct error *error)
{
    const char *id = job->id == NULL ? "it" : job->id;
    if (str_is(code, "RevisionNotFound"))
        error_set(error, ERR_NOT_FOUND, "%s has no revision %s", id,
                  job->revision);
    else if (str_is(code, "EntryNotFound"))
        error_set(error, ERR_NOT_FOUND, "%s has no such file", id);
    else
        error_set(error, ERR_NOT_FOUND,
                  "%s does not exist on the hub, or is private and this token "
                  "does not see it",
                  id);
}

void
hub_too_many(const struct fetch_answer *answer, struct error *error)
{
    struct str after = fetch_header_get(answer->head, "retry-after");
    int64_t wait_s =
        after.n > 0
            ? http_retry_after(after, loop_wall_ms() / 1000)
            : http_rate_limit_wait(fetch_header_get(answer->head, "ratelimit"));
    if (wait_s >= 0)
        error_set(error, ERR_TOO_MANY_REQUESTS,
                  "the hub asks to wait %lld s before the next request",
                  (long long)wait_s);
    else
        error_set(error, ERR_TOO_MANY_REQUESTS,
                  "the hub has had too many requests from here");
}

void
hf_error(const struct hub_job *job, const struct fetch_answer *answer,
         struct error *error)
{
    struct str code = fetch_header_get(answer->head, "x-error-code");
    char words[HUB_WORDS_BYTES];
    int status = answer->status;
    words_of(job, answer, words, sizeof words);
    if (str_is(code, "GatedRepo")) {
        gated(job, status, error);
    } else if (status == 401 && str_is(code, "RepoNotFound")) {
        error_set(error, ERR_UNAUTHORIZED,
                  "%s does not exist on the hub or is private: a token that "
                  "sees it is needed (huggingface.token or HF_TOKEN)",
                  job->id == NULL ? "it" : job->id);
    } else if (status == 401) {
        error_set(error, ERR_UNAUTHORIZED, "the hub %s%s%s",
                  job->token == NULL || job->token[0] == '\0'
                      ? "wants a token (huggingface.token or HF_TOKEN)"
                      : "refuses the token",
                  words[0] == '\0' ? "" : ": ", words);
    } else if (status == 404) {
        not_found(job, code, error);
    } else if (status == 429) {
        hub_too_many(answer, error);
    } else if (status >= 500) {
        error_set(error, ERR_UNAVAILABLE, "the hub answers %d%s%s", status,
                  words[0] == '\0' ? "" : ": ", words);
    } else {
        error_set(error, status == 403 ? ERR_FORBIDDEN : ERR_BAD_GATEWAY,
                  "the hub answers %d%s%s", status,
                  words[0] == '\0' ? "" : ": ", words);
    }
}

/* ---- a repository's files ---- */

static char *
url_of(struct hub_job *job, const char *format, const char *a, const char *b)
{
    struct strbuf text = STRBUF_INIT(16 * 1024);
    strbuf_add_text(&text, job->hub->options.huggingface_endpoint);
    strbuf_add_text(&text, format);
    strbuf_add_text(&text, job->id);
    strbuf_add_text(&text, a);
    uri_add_path(&text, str_from(b));
    char *copy = strbuf_failed(&text)
                     ? NULL
                     : arena_str(&job->arena, strbuf_view(&text));
    strbuf_release(&text);
    return copy;
}

/* The same with more behind. */
static char *
with(struct hub_job *job, const char *url, const char *tail)
{
    return url == NULL ? NULL : arena_printf(&job->arena, "%s%s", url, tail);
}

static void
take_size(const struct json *object, struct hub_file *file)
{
    int64_t size;
    if (json_as_int(json_get(object, "size"), &size) && size >= 0)
        file->size_bytes = size;
}

/* `lfs.oid` is the SHA-256 of the content, `oid` of a file that git keeps
 * itself git's own SHA-1. */
static void
take_digest(const struct json *entry, struct hub_file *file)
{
    const struct json *lfs = json_get(entry, "lfs");
    struct str text;
    take_size(entry, file);
    if (json_as_text(json_get(lfs, "oid"), &text)) {
        if (str_starts_with(text, STR("sha256:")))
            text = (struct str){ text.p + 7, text.n - 7 };
        hub_hex(text, 64, file->sha256);
        take_size(lfs, file);
    }
    if (file->sha256[0] != '\0')
        snprintf(file->etag, sizeof file->etag, "%s", file->sha256);
    else if (json_as_text(json_get(entry, "oid"), &text))
        hub_hex(text, 40, file->etag);
}

/* Entries that we may not have as a file are passed over: another file of the
 * repository may still be wanted. */
static int
take_entry(struct hub_job *job, const struct json *entry)
{
    struct str type, path;
    if (!json_as_text(json_get(entry, "type"), &type) ||
        !json_as_text(json_get(entry, "path"), &path) ||
        !str_is(type, "file") || file_name_check_path(path, NULL) < 0)
        return 0;
    struct hub_file *file = hub_job_add_file(job);
    if (file == NULL || job->n_files > HUB_FILES_MAX)
        return -1;
    file->path = arena_str(&job->arena, path);
    take_digest(entry, file);
    char *base = url_of(job, "/", "/resolve/", job->commit);
    struct strbuf url = STRBUF_INIT(16 * 1024);
    strbuf_add_text(&url, base == NULL ? "" : base);
    strbuf_add_byte(&url, '/');
    uri_add_path(&url, path);
    file->url = arena_str(&job->arena, strbuf_view(&url));
    strbuf_release(&url);
    return base == NULL || file->path == NULL || file->url == NULL ? -1 : 0;
}

static void
finish_plan(struct hub_job *job)
{
    struct error error;
    struct hub_plan *plan = hf_plan(job, &error);
    if (plan == NULL) {
        hub_job_fail(job, &error);
    } else if (!job->is_gated) {
        hub_job_plan(job, plan);
    } else if (hub_job_knock(job, plan, &error) < 0) {
        hub_plan_free(plan);
        hub_job_fail(job, &error);
    }
}

static void
finish(struct hub_job *job)
{
    if (job->on_plan != NULL) {
        finish_plan(job);
        return;
    }
    struct strbuf data = STRBUF_INIT(HUB_ANSWER_BYTES);
    struct json_writer w;
    struct error error;
    json_writer_init(&w, &data);
    if (hf_write_files(job, &w, &error) < 0)
        hub_job_fail(job, &error);
    else
        hub_job_data(job, &data);
    strbuf_release(&data);
}

static void
on_tree(struct hub_job *job, const struct fetch_answer *answer,
        const struct json *root)
{
    struct error error;
    if (json_type(root) != JSON_ARRAY) {
        hub_job_odd(job, "the list of files is no list");
        return;
    }
    for (size_t i = 0; i < json_count(root); i++)
        if (take_entry(job, json_at(root, i)) < 0) {
            hub_job_odd(job, "the list of files is too long");
            return;
        }
    struct str next = http_link_next(fetch_header_get(answer->head, "link"));
    if (next.n == 0) {
        finish(job);
        return;
    }
    const char *endpoint = job->hub->options.huggingface_endpoint;
    if (++job->n_pages > HUB_PAGES_MAX || !hub_is_at(next, endpoint)) {
        hub_job_odd(job,
                    "its next page is elsewhere, or there is no end of pages");
        return;
    }
    job->url = arena_str(&job->arena, next);
    if (hub_job_ask(job, on_tree, &error) < 0)
        hub_job_fail(job, &error);
}

static void
on_info(struct hub_job *job, const struct fetch_answer *answer,
        const struct json *root)
{
    struct str sha;
    struct error error;
    bool is_false = false;
    (void)answer;
    if (!json_as_text(json_get(root, "sha"), &sha) || sha.n == 0 ||
        file_name_check(sha, NULL) < 0) {
        hub_job_odd(job, "`sha` is no commit");
        return;
    }
    const struct json *is_gated = json_get(root, "gated");
    job->is_gated = is_gated != NULL && json_type(is_gated) != JSON_NULL &&
                    !(json_as_bool(is_gated, &is_false) && !is_false);
    job->commit = hub_str(job, sha);
    job->url = with(job, url_of(job, "/api/models/", "/tree/", job->commit),
                    "?recursive=1");
    if (hub_job_ask(job, on_tree, &error) < 0)
        hub_job_fail(job, &error);
}

static int
ask_repository(struct hub_job *job, struct error *error)
{
    struct hub_request *r = &job->request;
    if (hf_check_id(job->hub, r->model_id, error) < 0)
        return -1;
    if (r->revision.n > 0 && check_revision(r->revision, error) < 0)
        return -1;
    job->id = hub_str(job, r->model_id);
    job->revision = r->revision.n > 0 ? hub_str(job, r->revision) : "main";
    job->url = url_of(job, "/api/models/", "/revision/", job->revision);
    return hub_job_ask(job, on_info, error);
}

int
hf_resolve(struct hub_job *job, struct error *error)
{
    return ask_repository(job, error);
}

int
hf_list_files(struct hub_job *job, struct error *error)
{
    return ask_repository(job, error);
}
