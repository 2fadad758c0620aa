/* A task as a value: made of a plan, looked at, and a plan again. */
#include <stdio.h>
#include <stdlib.h>

#include "core/downloads/downloads_internal.h"
#include "formats/day_hours.h"
#include "platform/system.h"

/* ---- a task ---- */

bool
download_has_ended(const struct download *d)
{
    return d->state == DOWNLOAD_COMPLETED || d->state == DOWNLOAD_CANCELLED;
}

void
download_free(struct download *d)
{
    for (size_t i = 0; i < d->n_files; i++) {
        free(d->files[i].path);
        free(d->files[i].place);
        free(d->files[i].url);
    }
    free(d->files);
    free(d->model_id);
    free(d->revision);
    free(d->ref);
    free(d->variant);
    free(d->display_name);
    free(d->kind);
    free(d->target);
    free(d->sidecar);
    free(d->token);
    bandwidth_release(&d->bandwidth);
    free(d);
}

struct download *
download_new(struct downloads *downloads)
{
    struct download *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    list_init(&d->node);
    list_init(&d->waits);
    d->all = downloads;
    bandwidth_init(&d->bandwidth, &downloads->bandwidth);
    return d;
}

char *
download_text(const char *text)
{
    return str_dup(str_from(text == NULL ? "" : text));
}

static int
copy_file(struct download_file *to, const struct hub_file *from)
{
    to->path = download_text(from->path);
    to->url = download_text(from->url);
    to->size_bytes = from->size_bytes;
    snprintf(to->sha256, sizeof to->sha256, "%s", from->sha256);
    snprintf(to->etag, sizeof to->etag, "%s", from->etag);
    to->state = DOWNLOAD_QUEUED;
    return to->path == NULL || to->url == NULL ? -1 : 0;
}

/* The picture of a Civitai model, beside its file. */
static int
add_preview(struct download *d, const struct hub_plan *plan)
{
    struct download_file *file = &d->files[d->n_files];
    struct strbuf path = STRBUF_INIT(LIMIT_PATH_BYTES);
    const char *first = d->files[0].path;
    const char *dot = strrchr(first, '.');
    strbuf_add(&path, first,
               dot == NULL ? strlen(first) : (size_t)(dot - first));
    strbuf_add_text(&path, ".preview.png");
    file->path = strbuf_detach(&path, NULL);
    file->url = download_text(plan->preview_url);
    file->size_bytes = -1;
    file->is_optional = true;
    d->n_files++;
    return file->path == NULL || file->url == NULL ? -1 : 0;
}

static int
copy_plan(struct download *d, const struct hub_plan *plan)
{
    d->source = plan->source;
    d->is_renamed = plan->is_renamed;
    d->model_id = download_text(plan->model_id);
    d->revision = download_text(plan->revision);
    d->ref = download_text(plan->ref);
    d->variant = download_text(plan->variant);
    d->display_name = download_text(plan->display_name);
    d->kind = download_text(plan->kind);
    d->sidecar = download_text(plan->sidecar);
    d->token = download_text(plan->token);
    d->files = calloc(plan->n_files + 2, sizeof *d->files);
    if (d->model_id == NULL || d->revision == NULL || d->ref == NULL ||
        d->variant == NULL || d->display_name == NULL || d->kind == NULL ||
        d->sidecar == NULL || d->token == NULL || d->files == NULL)
        return -1;
    for (; d->n_files < plan->n_files; d->n_files++)
        if (copy_file(&d->files[d->n_files], &plan->files[d->n_files]) < 0) {
            d->n_files++;
            return -1;
        }
    bool has_preview =
        plan->preview_url != NULL && plan->preview_url[0] != '\0';
    return has_preview && d->n_files > 0 ? add_preview(d, plan) : 0;
}

int
downloads_check_limit(int64_t bytes_per_s, struct str hours,
                      struct error *error)
{
    struct day_hours read;
    if (bytes_per_s < 0)
        return error_field(error, "limit_bytes_per_s",
                           "must be 0 or more, not %lld",
                           (long long)bytes_per_s);
    if (hours.n >= DOWNLOAD_HOURS_BYTES || !day_hours_read(hours, &read))
        return error_field(error, "limit_hours",
                           "\"%.*s\" are no hours of the day like 08:00-22:30",
                           (int)(hours.n > 64 ? 64 : hours.n), hours.p);
    if (hours.n > 0 && bytes_per_s == 0)
        return error_field(error, "limit_hours",
                           "hours need a limit, and limit_bytes_per_s is 0");
    return 0;
}

int
download_take_limit(struct download *d, int64_t bytes_per_s, struct str hours,
                    struct error *error)
{
    if (downloads_check_limit(bytes_per_s, hours, error) < 0)
        return -1;
    d->limit_bytes_per_s = bytes_per_s;
    snprintf(d->limit_hours, sizeof d->limit_hours, "%.*s", STR_ARG(hours));
    return 0;
}

struct download *
download_of_plan(struct downloads *downloads, const struct hub_plan *plan,
                 const struct download_order *order, struct error *error)
{
    uint8_t random[10];
    struct download *d = download_new(downloads);
    if (d == NULL || copy_plan(d, plan) < 0) {
        error_set(error, ERR_NO_MEMORY, "out of memory");
        goto failed;
    }
    if (plan->n_files == 0 || plan->n_files > DOWNLOAD_FILES_MAX) {
        error_set(error, ERR_INVALID, "%zu files: 1 to %d are expected",
                  plan->n_files, DOWNLOAD_FILES_MAX);
        goto failed;
    }
    if (download_take_limit(d, order->limit_bytes_per_s, order->limit_hours,
                            error) < 0)
        goto failed;
    if (download_place(downloads, d, order->target, error) < 0)
        goto failed;
    system_random(random, sizeof random);
    id_format(d->id, "download", loop_wall_ms(), random);
    d->created_at_ms = loop_wall_ms();
    d->priority = order->priority;
    return d;
failed:
    if (d != NULL)
        download_free(d);
    return NULL;
}

/* ---- whose files ---- */

/* It is being cancelled, and nothing else can become of it. */
bool
download_is_leaving(const struct download *d)
{
    return d->is_busy && d->wanted == DOWNLOAD_CANCELLED;
}

bool
download_has_place(const struct download *d, const char *place)
{
    for (size_t i = 0; i < d->n_files; i++)
        if (strcmp(d->files[i].place, place) == 0)
            return true;
    return false;
}

bool
download_shares_place(const struct download *a, const struct download *b)
{
    for (size_t i = 0; i < a->n_files; i++)
        if (download_has_place(b, a->files[i].place))
            return true;
    return false;
}

/* ---- looking at one ---- */

const char *
download_id(const struct download *d)
{
    return d->id;
}

enum download_state
download_state(const struct download *d)
{
    return d->state;
}

int64_t
download_limit(const struct download *d)
{
    return d->limit_bytes_per_s;
}

struct str
download_limit_hours(const struct download *d)
{
    return str_from(d->limit_hours);
}

const char *
download_kind(const struct download *d)
{
    return d->kind;
}

bool
download_matches(const struct download *d, struct str text)
{
    bool is_match = str_contains_nocase(str_from(d->model_id), text) ||
                    str_contains_nocase(str_from(d->display_name), text);
    for (size_t i = 0; i < d->n_files && !is_match; i++)
        is_match = str_contains_nocase(str_from(d->files[i].path), text);
    return is_match;
}

struct str
download_target(const struct download *d)
{
    return d->is_cache ? STR("") : str_from(d->target);
}

struct hub_plan *
download_plan(const struct download *d)
{
    struct hub_file *files = calloc(d->n_files + 1, sizeof *files);
    if (files == NULL)
        return NULL;
    struct hub_plan plan = {
        .source = d->source,
        .model_id = d->model_id,
        .revision = d->revision,
        .ref = d->ref,
        .variant = d->variant,
        .display_name = d->display_name,
        .kind = d->kind,
        .token = d->token,
        .sidecar = d->sidecar,
        .files = files,
    };
    for (size_t i = 0; i < d->n_files; i++) {
        const struct download_file *from = &d->files[i];
        struct hub_file *to = &files[plan.n_files];
        if (from->is_optional) {
            plan.preview_url = from->url;
            continue;
        }
        *to = (struct hub_file){ .path = from->path,
                                 .url = from->url,
                                 .size_bytes = -1 };
        plan.n_files++;
        if (d->source == HUB_URL) /* whatever lies there now */
            continue;
        to->size_bytes = from->size_bytes;
        snprintf(to->sha256, sizeof to->sha256, "%s", from->sha256);
        snprintf(to->etag, sizeof to->etag, "%s", from->etag);
    }
    struct hub_plan *copy = hub_plan_copy(&plan);
    free(files);
    return copy;
}
