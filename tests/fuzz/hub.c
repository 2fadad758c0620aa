/* Any bytes as answers of a hub: no crash, each question ends once, and what a
 * plan names is below the hub and may become a file.
 *
 * The first byte is the question, the second the status of the last answer.
 * The rest is answers that zero bytes part; one that begins with "<" up to a
 * line's end has that as its Link header. */
#include <stdlib.h>

#include "core/hub/hub.h"
#include "formats/file_name.h"
#include "fuzz.h"

#define HUGGINGFACE "https://hub.test"
#define CIVITAI     "https://art.test"

enum { ASKED_MAX = 200 };

static struct fetch_text_request pending;
static bool is_pending;
static size_t n_done;

/* In the place of the one of io. */
struct fetch *
fetch_text(struct fetcher *fetcher, const struct fetch_text_request *request)
{
    struct str url = str_from(request->url);
    (void)fetcher;
    if (is_pending || (!str_starts_with(url, STR(HUGGINGFACE "/")) &&
                       !str_starts_with(url, STR(CIVITAI "/"))))
        abort();
    pending = *request;
    is_pending = true;
    return (struct fetch *)&pending;
}

static void
give(int status, struct str body)
{
    static const struct str names[] = { { "Link", 4 }, { "X-Error-Code", 12 } };
    struct fetch_text_request request = pending;
    struct fetch_header headers[2] = { { names[0], { "", 0 }, 0 },
                                       { names[1], { "", 0 }, 0 } };
    if (body.n > 0 && body.p[0] == '<')
        headers[status == 200 ? 0 : 1].value = str_split(&body, '\n');
    const struct fetch_head head = { .status = status,
                                     .headers = headers,
                                     .n_headers = 2,
                                     .content_length = (int64_t)body.n };
    const struct fetch_answer answer = { status, &head, body };
    is_pending = false;
    request.on_done(request.ctx, &answer, NULL);
}

static void
check_file(const struct hub_plan *plan, const struct hub_file *file)
{
    const struct str endpoint =
        plan->source == HUB_CIVITAI ? STR(CIVITAI "/") : STR(HUGGINGFACE "/");
    size_t n = strlen(file->sha256);
    if (file_name_check_path(str_from(file->path), NULL) < 0 ||
        !str_starts_with(str_from(file->url), endpoint) ||
        file->size_bytes < -1 || (n != 0 && n != 64) ||
        strspn(file->sha256, "0123456789abcdef") != n ||
        strspn(file->etag, "0123456789abcdef") != strlen(file->etag))
        abort();
}

static void
check_error(const struct error *error)
{
    if (error->code == ERR_OK || error->message[0] == '\0' ||
        strstr(error->message, "hf_secret") != NULL)
        abort();
}

static void
on_plan(void *ctx, const struct hub_plan *plan, const struct error *error)
{
    (void)ctx;
    n_done++;
    if (error != NULL) {
        check_error(error);
        return;
    }
    if (plan->n_files == 0)
        abort();
    for (size_t i = 0; i < plan->n_files; i++)
        check_file(plan, &plan->files[i]);
}

static void
on_data(void *ctx, const struct strbuf *data, const struct error *error)
{
    (void)ctx;
    n_done++;
    if (error != NULL) {
        check_error(error);
        return;
    }
    struct json_doc *doc = json_parse(strbuf_view(data), NULL);
    if (doc == NULL)
        abort();
    json_doc_free(doc);
}

static int
ask(struct hub *hub, unsigned question, struct error *error)
{
    const struct hub_request one = { .source = HUB_HUGGINGFACE,
                                     .model_id = STR("org/name") };
    const struct hub_request art = { .source = HUB_CIVITAI,
                                     .model_id = STR("3") };
    const struct hub_search found = { .gated = 0,
                                      .limit = 5,
                                      .max_size_bytes = 1000 };
    const struct hub_search paint = { .source = HUB_CIVITAI, .limit = 5 };
    const struct str digest = STR("0123456789");
    switch (question % 8) {
    case 0: return hub_resolve(hub, &one, on_plan, NULL, error);
    case 1: return hub_files(hub, &one, on_data, NULL, error);
    case 2: return hub_search(hub, &found, on_data, NULL, error);
    case 3: return hub_resolve(hub, &art, on_plan, NULL, error);
    case 4: return hub_files(hub, &art, on_data, NULL, error);
    case 5: return hub_search(hub, &paint, on_data, NULL, error);
    case 6: return hub_find_hash(hub, digest, on_data, NULL, error);
    default:
        return hub_check_token(hub, HUB_HUGGINGFACE, STR(""), on_data, NULL,
                               error);
    }
}

/* The answers one after the other; the last one for ever. */
static void
answer_all(struct str rest, int last_status)
{
    for (size_t i = 0; is_pending; i++) {
        if (i > ASKED_MAX)
            abort();
        struct str whole = rest;
        struct str body = str_split(&rest, '\0');
        bool is_last = rest.n == 0;
        if (is_last)
            rest = whole;
        give(is_last ? last_status : 200, body);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const int statuses[] = { 200, 200, 401, 403, 404, 410, 429, 503 };
    const struct hub_options options = { .huggingface_endpoint = HUGGINGFACE,
                                         .huggingface_token = "hf_secret",
                                         .civitai_endpoint = CIVITAI,
                                         .civitai_token = "hf_secret" };
    struct hub *hub;
    struct error error;
    if (n < 2 || hub_new(&options, &hub, &error) < 0)
        return 0;
    n_done = 0;
    if (ask(hub, data[0], &error) == 0) {
        answer_all((struct str){ (const char *)data + 2, n - 2 },
                   statuses[data[1] % 8]);
        if (n_done != 1)
            abort();
    }
    hub_free(hub);
    return 0;
}
