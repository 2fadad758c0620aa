/* The first bytes of files: hub.h.
 *
 * A question asks for what is missing, from the last byte that is here on. The
 * callbacks of the fetch run on its thread and touch only the reader, whose
 * owner waits meanwhile. An answer of 200 begins at the file's first byte: what
 * is here already is passed over, and the request ends with the last byte that
 * was wanted. */
#include <assert.h>
#include <stdlib.h>

#include "core/hub/hub_internal.h"
#include "formats/http_fields.h"

enum { REFUSAL_BYTES = 64 * 1024 };

struct hub_reader {
    struct hub *hub;
    struct hub_plan *plan;
    size_t file;
    struct strbuf front;
    int64_t n_came;
    /* of the question on its way */
    struct hub_job *job; /* NULL: none */
    hub_front_fn *on_done;
    void *ctx;
    size_t n_wanted; /* bytes of the front */
    int status;
    size_t n_skip; /* bytes that come, but are here */
    bool is_full, is_odd;
    struct strbuf refusal;
    struct fetch_header *headers; /* of a refusal, in the job's arena */
    size_t n_headers;
};

int
hub_reader_open(struct hub *hub, const struct hub_plan *plan,
                struct hub_reader **ret_reader, struct error *error)
{
    if (hub->n_readers >= HUB_READERS_MAX)
        return error_set(error, ERR_TOO_MANY_REQUESTS,
                         "%d headers of remote files are being read already",
                         (int)HUB_READERS_MAX);
    struct hub_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL || (reader->plan = hub_plan_copy(plan)) == NULL) {
        free(reader);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    reader->hub = hub;
    strbuf_init(&reader->front, HUB_FRONT_BYTES_MAX);
    strbuf_init(&reader->refusal, REFUSAL_BYTES);
    hub->n_readers++;
    *ret_reader = reader;
    return 0;
}

void
hub_reader_close(struct hub_reader *reader)
{
    if (reader == NULL)
        return;
    assert(reader->job == NULL);
    struct hub *hub = reader->hub;
    if (--hub->n_readers == 0 && hub->is_closed)
        free(hub);
    hub_plan_free(reader->plan);
    strbuf_release(&reader->front);
    strbuf_release(&reader->refusal);
    free(reader);
}

int64_t
hub_reader_bytes(const struct hub_reader *reader)
{
    return reader->n_came;
}

/* ---- on the fetch thread ---- */

/* What hf_error() reads of a refusal. */
static void
keep_headers(struct hub_reader *reader, const struct fetch_head *head)
{
    struct arena *arena = &reader->job->arena;
    struct fetch_header *kept =
        arena_alloc(arena, (head->n_headers + 1) * sizeof *kept);
    for (size_t i = 0; kept != NULL && i < head->n_headers; i++) {
        const struct fetch_header *from = &head->headers[i];
        char *name = arena_str(arena, from->name);
        char *value = arena_str(arena, from->value);
        if (name == NULL || value == NULL)
            return;
        kept[i] =
            (struct fetch_header){ str_from(name), str_from(value), from->hop };
        reader->headers = kept;
        reader->n_headers = i + 1;
    }
}

static enum fetch_verdict
on_head(void *ctx, const struct fetch_head *head)
{
    struct hub_reader *reader = ctx;
    struct content_range range;
    reader->status = head->status;
    if (head->status == 200) {
        reader->n_skip = reader->front.n;
    } else if (head->status == 206) {
        reader->n_skip = 0;
        reader->is_odd = !http_content_range(
                             fetch_header_get(head, "content-range"), &range) ||
                         (uint64_t)range.first != reader->front.n;
        if (reader->is_odd)
            return FETCH_ABORT;
    } else {
        keep_headers(reader, head);
    }
    return FETCH_GO_ON;
}

static enum fetch_verdict
on_body(void *ctx, struct str bytes)
{
    struct hub_reader *reader = ctx;
    reader->n_came += (int64_t)bytes.n;
    if (reader->status != 200 && reader->status != 206) {
        strbuf_add_str(&reader->refusal, bytes);
        return strbuf_failed(&reader->refusal) ? FETCH_ABORT : FETCH_GO_ON;
    }
    size_t n_skip = reader->n_skip < bytes.n ? reader->n_skip : bytes.n;
    size_t n_missing = reader->n_wanted - reader->front.n;
    reader->n_skip -= n_skip;
    bytes = (struct str){ bytes.p + n_skip, bytes.n - n_skip };
    bool has_more = bytes.n > n_missing;
    if (has_more)
        bytes.n = n_missing;
    strbuf_add_str(&reader->front, bytes);
    reader->is_full = reader->front.n == reader->n_wanted;
    if (strbuf_failed(&reader->front) || has_more ||
        (reader->is_full && reader->status == 200))
        return FETCH_ABORT;
    return FETCH_GO_ON;
}

/* ---- on the loop's thread ---- */

static void
refused(const struct hub_reader *reader, struct error *error)
{
    const struct fetch_head head = { .status = reader->status,
                                     .headers = reader->headers,
                                     .n_headers = reader->n_headers,
                                     .content_length = -1 };
    const struct fetch_answer answer = { .status = reader->status,
                                         .head = &head,
                                         .body =
                                             strbuf_view(&reader->refusal) };
    hf_error(reader->job, &answer, error);
}

static void
on_ended(void *ctx, const struct error *error)
{
    struct hub_reader *reader = ctx;
    const struct hub_file *file = &reader->plan->files[reader->file];
    struct error what = { .code = ERR_OK };
    bool is_good = reader->status == 200 || reader->status == 206;
    if (reader->is_odd)
        error_set(&what, ERR_BAD_GATEWAY,
                  "the hub gives other bytes of %s than were asked for",
                  file->path);
    else if (strbuf_failed(&reader->front))
        error_set(&what, ERR_NO_MEMORY, "out of memory");
    else if (reader->status != 0 && !is_good)
        refused(reader, &what);
    else if (error != NULL && !reader->is_full)
        what = *error;
    else if (!reader->is_full)
        error_set(&what, ERR_BAD_GATEWAY, "the hub gives only %zu bytes of %s",
                  reader->front.n, file->path);
    hub_job_free(reader->job);
    reader->job = NULL;
    if (what.code == ERR_OK)
        reader->on_done(reader->ctx, strbuf_view(&reader->front), NULL);
    else
        reader->on_done(reader->ctx, STR(""), &what);
}

/* How many bytes of the file are to be here then. */
static int
settle_wanted(struct hub_reader *reader, int64_t n_bytes, struct error *error)
{
    const struct hub_file *file = &reader->plan->files[reader->file];
    if (file->size_bytes <= 0)
        return error_set(error, ERR_BAD_GATEWAY,
                         "the hub does not say how large %s is", file->path);
    if (n_bytes > file->size_bytes)
        n_bytes = file->size_bytes;
    if (n_bytes > HUB_FRONT_BYTES_MAX)
        return error_set(error, ERR_TOO_LARGE,
                         "the header of %s has more than %d MiB", file->path,
                         HUB_FRONT_BYTES_MAX / (1024 * 1024));
    reader->n_wanted = (size_t)n_bytes;
    return 0;
}

static struct hub_job *
make_job(const struct hub_reader *reader)
{
    const struct hub_plan *plan = reader->plan;
    const struct hub_request request = {
        .source = plan->source,
        .model_id = str_from(plan->model_id),
    };
    struct hub_job *job = hub_job_new(reader->hub, &request);
    if (job == NULL)
        return NULL;
    job->id = hub_str(job, str_from(plan->model_id));
    job->revision = hub_str(job, str_from(plan->ref));
    job->token = hub_str(job, str_from(plan->token));
    return job;
}

int
hub_reader_read(struct hub_reader *reader, size_t file, int64_t n_bytes,
                hub_front_fn *on_done, void *ctx, struct error *error)
{
    assert(reader->job == NULL && file < reader->plan->n_files);
    if (reader->hub->is_closed)
        return error_set(error, ERR_CANCELLED, "Hearth is stopping");
    if (hub_check_online(reader->hub, error) < 0)
        return -1;
    if (file != reader->file)
        strbuf_clear(&reader->front);
    strbuf_clear(&reader->refusal);
    reader->file = file;
    if (settle_wanted(reader, n_bytes, error) < 0)
        return -1;
    assert(reader->n_wanted > reader->front.n);
    reader->job = make_job(reader);
    reader->on_done = on_done;
    reader->ctx = ctx;
    reader->status = 0;
    reader->is_full = reader->is_odd = false;
    reader->headers = NULL;
    reader->n_headers = 0;
    const struct fetch_request request = {
        .url = reader->plan->files[file].url,
        .bearer = reader->plan->token,
        .range_first = (int64_t)reader->front.n,
        .range_last = (int64_t)reader->n_wanted - 1,
        .stall_ms = HUB_STALL_MS,
        .on_head = on_head,
        .on_body = on_body,
        .on_done = on_ended,
        .ctx = reader,
    };
    if (reader->job != NULL &&
        fetch_start(reader->hub->options.fetcher, &request) != NULL)
        return 0;
    if (reader->job != NULL)
        hub_job_free(reader->job);
    reader->job = NULL;
    return error_set(error, ERR_NO_MEMORY, "out of memory");
}
