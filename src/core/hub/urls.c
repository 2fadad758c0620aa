/* What a URL that a user pasted means: the page of a model, or one of its
 * files. Known are the hubs' own addresses and those of their mirrors that
 * are configured; what is asked afterwards goes to the configured one. */
#include <string.h>

#include "core/hub/hub_internal.h"
#include "formats/http_fields.h"

static bool
cut(struct str *text, struct str prefix)
{
    if (!str_starts_with(*text, prefix))
        return false;
    *text = (struct str){ text->p + prefix.n, text->n - prefix.n };
    return true;
}

/* The one that the URL is below, or NULL. */
static const char *
host_of(struct str url, const char *const *hosts)
{
    while (*hosts != NULL && !hub_is_at(url, *hosts))
        hosts++;
    return *hosts;
}

/* Leaves what comes after "https://HOST/". */
static bool
cut_host(struct str *url, const char *endpoint, const char *const *hosts)
{
    const char *host =
        hub_is_at(*url, endpoint) ? endpoint : host_of(*url, hosts);
    return host != NULL && cut(url, str_from(host)) && cut(url, STR("/"));
}

/* Percent-decoded, in the job's arena; false when it cannot be. */
static bool
decode(struct hub_job *job, struct str text, struct str *ret)
{
    struct strbuf plain = STRBUF_INIT(16 * 1024);
    char *copy = uri_decode(text, &plain) && !strbuf_failed(&plain)
                     ? arena_str(&job->arena, strbuf_view(&plain))
                     : NULL;
    strbuf_release(&plain);
    *ret = str_from(copy);
    return copy != NULL;
}

/* The path of a URL, and its query; the fragment goes. */
static struct str
split_query(struct str url, struct str *ret_query)
{
    struct str rest = url;
    *ret_query = str_split(&rest, '#');
    return str_split(ret_query, '?');
}

static bool
is_file_verb(struct str part)
{
    return str_is(part, "resolve") || str_is(part, "blob");
}

/* Parts of the site that are not models. */
static bool
is_no_model(struct str first)
{
    return first.n == 0 || str_is(first, "api") || str_is(first, "datasets") ||
           str_is(first, "spaces");
}

/* [ORGANISATION/]NAME[/(resolve|blob|tree)/REVISION[/PATH]]; only a file can
 * be given another name. */
bool
hub_read_huggingface_url(struct hub_job *job, struct str url)
{
    static const char *const hosts[] = { "https://huggingface.co",
                                         "https://www.huggingface.co",
                                         "https://hf.co", NULL };
    struct hub_request *r = &job->request;
    struct str query, revision = STR(""), file = STR("");
    bool is_own = host_of(url, hosts) != NULL; /* no plain files lie there */
    if (!cut_host(&url, job->hub->options.huggingface_endpoint, hosts))
        return false;
    struct str rest = split_query(url, &query);
    struct str id = str_split(&rest, '/'), verb = str_split(&rest, '/');
    if (is_no_model(id))
        return false;
    bool has_org = verb.n > 0 && !is_file_verb(verb) && !str_is(verb, "tree");
    if (has_org) {
        id = (struct str){ id.p, id.n + 1 + verb.n };
        verb = str_split(&rest, '/');
    }
    struct str rev = str_split(&rest, '/');
    bool is_file = is_file_verb(verb);
    if ((!has_org && verb.n == 0 && !is_own) ||
        (verb.n > 0 && !is_file && !str_is(verb, "tree")) ||
        !decode(job, rev, &revision) || !decode(job, rest, &file) ||
        (r->filename.n > 0 && (!is_file || file.n == 0)))
        return false;
    r->source = HUB_HUGGINGFACE;
    r->model_id = id;
    if (revision.n > 0)
        r->revision = revision;
    if (!is_file || file.n == 0)
        return true;
    struct str *files = arena_alloc(&job->arena, sizeof *files);
    if (files == NULL)
        return false;
    *files = file;
    r->files = files;
    r->n_files = 1;
    return true;
}

/* ?modelVersionId=1&type=Model&format=SafeTensor&size=pruned&fp=fp16 */
static void
read_query(struct hub_job *job, struct str query)
{
    struct hub_request *r = &job->request;
    struct {
        const char *name;
        struct str *to;
    } wanted[] = { { "modelVersionId", &r->version_id },
                   { "fileId", &r->file_id },
                   { "type", &r->type },
                   { "format", &r->format },
                   { "size", &job->file_size },
                   { "fp", &job->file_precision } };
    while (query.n > 0) {
        struct str value = str_split(&query, '&'), text;
        struct str name = str_split(&value, '=');
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (str_is(name, wanted[i].name) && decode(job, value, &text) &&
                text.n > 0)
                *wanted[i].to = text;
    }
}

/* models/N[/title], api/download/models/V, model-versions/V */
bool
hub_read_civitai_url(struct hub_job *job, struct str url)
{
    static const char *const hosts[] = { "https://civitai.com",
                                         "https://www.civitai.com", NULL };
    struct hub_request *r = &job->request;
    struct str query;
    if (!cut_host(&url, job->hub->options.civitai_endpoint, hosts))
        return false;
    struct str path = split_query(url, &query);
    cut(&path, STR("api/v1/"));
    bool is_model = cut(&path, STR("models/"));
    if (!is_model && !cut(&path, STR("api/download/models/")) &&
        !cut(&path, STR("model-versions/")))
        return false;
    r->source = HUB_CIVITAI;
    r->model_id = STR("");
    read_query(job, query);
    *(is_model ? &r->model_id : &r->version_id) = str_split(&path, '/');
    return true;
}
