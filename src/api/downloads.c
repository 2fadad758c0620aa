/* Downloads: /api/models/download, its views, the history. */
#include <stdio.h>
#include <stdlib.h>

#include "api/handlers.h"
#include "base/checked.h"

/* ---- ordering ---- */

struct ordering {
    struct call *call;
    struct download_order order;
    bool is_dry;
};

/* A number or a text, as a text. */
static struct str
id_text(struct call *call, const char *name)
{
    int64_t number;
    struct str text = STR("");
    const struct json *value = json_get(call->input, name);
    if (json_as_int(value, &number)) {
        const char *copy =
            arena_printf(&call->arena, "%lld", (long long)number);
        return str_from(copy == NULL ? "" : copy);
    }
    json_as_text(value, &text);
    return text;
}

/* The numbers of Civitai; answers when one is none. */
static bool
check_numbers(struct call *call)
{
    static const char *const names[] = { "version_id", "file_id" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int64_t number;
        struct error error;
        const struct json *value = json_get(call->input, names[i]);
        if (json_type(value) == JSON_NULL ||
            (str_to_i64(id_text(call, names[i]), &number) == 0 && number > 0))
            continue;
        error_field(&error, names[i], "a number of Civitai is expected");
        reply_error(call, &error);
        return false;
    }
    return true;
}

static int64_t
input_int(const struct call *call, const char *name)
{
    int64_t value = 0;
    json_as_int(json_get(call->input, name), &value);
    return value;
}

static bool
read_files(struct call *call, struct hub_request *request)
{
    const struct json *list = json_get(call->input, "files");
    size_t n = json_count(list);
    struct str *files = arena_alloc(&call->arena, (n + 1) * sizeof *files);
    if (files == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return false;
    }
    for (size_t i = 0; i < n; i++)
        if (!json_as_text(json_at(list, i), &files[i])) {
            struct error error;
            error_field(&error, "files", "a list of texts is expected");
            reply_error(call, &error);
            return false;
        }
    request->files = files;
    request->n_files = n;
    return true;
}

static bool
read_request(struct call *call, struct hub_request *request)
{
    struct error error;
    struct str source = input_text(call, "source");
    if (!check_numbers(call))
        return false;
    *request = (struct hub_request){
        .model_id = id_text(call, "model_id"),
        .revision = input_text(call, "revision"),
        .variant = input_text(call, "variant"),
        .version_id = id_text(call, "version_id"),
        .file_id = id_text(call, "file_id"),
        .type = input_text(call, "type"),
        .format = input_text(call, "format"),
        .url = input_text(call, "url"),
        .filename = input_text(call, "filename"),
        .token = input_text(call, "token"),
    };
    /* A version has a number of its own at Civitai alone. */
    bool is_version =
        source.n == 0 && request->model_id.n == 0 && request->version_id.n > 0;
    request->source = request->url.n > 0 ? HUB_URL
                      : is_version || str_is(source, "civitai")
                          ? HUB_CIVITAI
                          : HUB_HUGGINGFACE;
    bool is_named = request->model_id.n > 0 || request->version_id.n > 0;
    if (request->url.n == 0 && !is_named) {
        error_field(&error, "model_id",
                    str_is(source, "url") ? "url is missing"
                                          : "model_id or url is missing");
        if (str_is(source, "url"))
            snprintf(error.field, sizeof error.field, "url");
        reply_error(call, &error);
        return false;
    }
    return read_files(call, request);
}

static bool
is_priority(int64_t priority, struct error *error)
{
    if (priority >= -1000 && priority <= 1000)
        return true;
    error_field(error, "priority", "must be from -1000 to 1000, not %lld",
                (long long)priority);
    return false;
}

static bool
read_order(struct call *call, struct download_order *order)
{
    struct error error;
    *order = (struct download_order){
        .target = input_text(call, "target"),
        .priority = input_int(call, "priority"),
        .limit_bytes_per_s = input_int(call, "limit_bytes_per_s"),
        .limit_hours = input_text(call, "limit_hours"),
    };
    if (downloads_check_limit(order->limit_bytes_per_s, order->limit_hours,
                              &error) == 0) {
        if (is_priority(order->priority, &error))
            return true;
    }
    reply_error(call, &error);
    return false;
}

static void
reply_plan(struct ordering *ordering, const struct hub_plan *plan)
{
    struct call *call = ordering->call;
    struct error error;
    struct strbuf target = STRBUF_INIT(LIMIT_PATH_BYTES);
    if (downloads_target(call->api->options.downloads, plan, &ordering->order,
                         &target, &error) < 0) {
        strbuf_release(&target);
        reply_error(call, &error);
        return;
    }
    static const char *const sources[] = { [HUB_HUGGINGFACE] = "huggingface",
                                           [HUB_CIVITAI] = "civitai",
                                           [HUB_URL] = "url" };
    struct json_writer *w = reply_begin(call);
    int64_t total = 0;
    json_object_begin(w);
    member_text(w, "source", sources[plan->source]);
    member_text(w, "model_id", plan->model_id);
    member_text(w, "revision", plan->revision);
    member_text(w, "ref", plan->ref);
    member_text(w, "variant", plan->variant);
    member_text(w, "name", plan->display_name);
    member_text(w, "kind", plan->kind);
    member_text(w, "target", strbuf_text(&target));
    json_key(w, "files");
    json_array_begin(w);
    for (size_t i = 0; i < plan->n_files; i++) {
        const struct hub_file *file = &plan->files[i];
        json_object_begin(w);
        member_text(w, "path", file->path);
        member_int_if(w, "size", file->size_bytes >= 0, file->size_bytes);
        json_key(w, "sha256");
        json_text(w, file->sha256[0] == '\0' ? NULL : file->sha256);
        json_object_end(w);
        total = file->size_bytes < 0 || total < 0
                    ? -1
                    : i64_add_capped(total, file->size_bytes);
    }
    json_array_end(w);
    member_int_if(w, "total_bytes", total >= 0, total);
    json_object_end(w);
    strbuf_release(&target);
    reply_end(call, 200);
}

static void
on_told(void *ctx, const struct download *download, bool is_new,
        const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL) {
        reply_error(call, error);
    } else {
        download_write(download, reply_begin(call));
        reply_end(call, is_new ? 201 : 200);
    }
    call_unref(call);
}

static void
add(struct call *call, const struct hub_plan *plan,
    const struct download_order *order)
{
    struct error error;
    call_ref(call);
    if (downloads_add(call->api->options.downloads, plan, order, on_told, call,
                      &error) == 0)
        return;
    reply_error(call, &error);
    call_unref(call);
}

static void
on_plan(void *ctx, const struct hub_plan *plan, const struct error *error)
{
    struct ordering *ordering = ctx;
    struct call *call = ordering->call;
    if (error != NULL)
        reply_error(call, error);
    else if (call->api->is_closed)
        reply_errorf(call, ERR_UNAVAILABLE, "hearth is stopping");
    else if (ordering->is_dry)
        reply_plan(ordering, plan);
    else
        add(call, plan, &ordering->order);
    call_unref(call);
}

void
downloads_create(struct call *call)
{
    struct hub_request request;
    struct error error;
    struct ordering *ordering = arena_alloc(&call->arena, sizeof *ordering);
    if (ordering == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    *ordering = (struct ordering){ .call = call };
    json_as_bool(json_get(call->input, "dry_run"), &ordering->is_dry);
    if (!read_request(call, &request) || !read_order(call, &ordering->order))
        return;
    call_ref(call);
    if (hub_resolve(call->api->options.hub, &request, on_plan, ordering,
                    &error) == 0)
        return;
    reply_error(call, &error);
    call_unref(call);
}

/* ---- looking ---- */

static void
write_list(struct call *call, bool (*is_shown)(const struct download *d))
{
    const struct downloads *downloads = call->api->options.downloads;
    struct str text = query_text(call, "q");
    struct str kind = query_text(call, "model_type");
    struct json_writer *w = reply_begin(call);
    json_array_begin(w);
    const struct download *d = NULL;
    while ((d = downloads_next(downloads, d)) != NULL) {
        if (is_shown(d) && (text.n == 0 || download_matches(d, text)) &&
            (kind.n == 0 || str_eq_nocase(kind, str_from(download_kind(d)))))
            download_write(d, w);
    }
    json_array_end(w);
    reply_end(call, 200);
}

static bool
is_any(const struct download *d)
{
    (void)d;
    return true;
}

static bool
is_active(const struct download *d)
{
    return download_state_is_active(download_state(d)) ||
           download_state(d) == DOWNLOAD_PAUSED;
}

static bool
is_history(const struct download *d)
{
    return !is_active(d);
}

void
downloads_list(struct call *call)
{
    write_list(call, is_any);
}

void
downloads_list_active(struct call *call)
{
    write_list(call, is_active);
}

void
history_list(struct call *call)
{
    write_list(call, is_history);
}

static const struct download *
call_download(struct call *call)
{
    struct str id = call->params[0];
    const struct download *d = downloads_find(call->api->options.downloads, id);
    if (d == NULL)
        reply_errorf(call, ERR_NOT_FOUND, "there is no download \"%.*s\"",
                     (int)(id.n > 64 ? 64 : id.n), id.p);
    return d;
}

void
downloads_show(struct call *call)
{
    const struct download *d = call_download(call);
    if (d == NULL)
        return;
    download_write(d, reply_begin(call));
    reply_end(call, 200);
}

/* ---- changing ---- */

typedef int verb_fn(struct downloads *downloads, struct str id,
                    struct error *error);

static void
change(struct call *call, verb_fn *verb)
{
    struct error error;
    struct downloads *downloads = call->api->options.downloads;
    call_ref(call);
    if (verb(downloads, call->params[0], &error) == 0 &&
        downloads_await(downloads, call->params[0], on_told, call, &error) == 0)
        return;
    reply_error(call, &error);
    call_unref(call);
}

void
downloads_do_pause(struct call *call)
{
    change(call, downloads_pause);
}

void
downloads_do_resume(struct call *call)
{
    change(call, downloads_resume);
}

void
downloads_do_retry(struct call *call)
{
    change(call, downloads_retry);
}

void
downloads_do_cancel(struct call *call)
{
    change(call, downloads_cancel);
}

void
downloads_do_priority(struct call *call)
{
    struct error error;
    int64_t priority = input_int(call, "priority");
    if (is_priority(priority, &error) &&
        downloads_set_priority(call->api->options.downloads, call->params[0],
                               priority, &error) == 0)
        downloads_show(call);
    else
        reply_error(call, &error);
}

/* What is not given stays; no limit has no hours. */
void
downloads_do_limit(struct call *call)
{
    struct error error;
    const struct download *d = call_download(call);
    if (d == NULL)
        return;
    int64_t bytes_per_s = download_limit(d);
    struct str hours = download_limit_hours(d);
    if (json_as_int(json_get(call->input, "limit_bytes_per_s"), &bytes_per_s) &&
        bytes_per_s == 0)
        hours = STR("");
    json_as_text(json_get(call->input, "limit_hours"), &hours);
    if (downloads_set_limit(call->api->options.downloads, call->params[0],
                            bytes_per_s, hours, &error) == 0)
        downloads_show(call);
    else
        reply_error(call, &error);
}

void
history_remove(struct call *call)
{
    struct error error;
    if (downloads_forget(call->api->options.downloads, call->params[0],
                         &error) < 0)
        reply_error(call, &error);
    else
        reply_empty(call);
}

void
history_clear(struct call *call)
{
    struct downloads *downloads = call->api->options.downloads;
    const struct download *d = downloads_next(downloads, NULL);
    while (d != NULL) {
        const struct download *older = downloads_next(downloads, d);
        if (is_history(d)) /* one that still ends stays */
            downloads_forget(downloads, str_from(download_id(d)), NULL);
        d = older;
    }
    reply_empty(call);
}

void
history_again(struct call *call)
{
    const struct download *d = call_download(call);
    if (d == NULL)
        return;
    const struct download_order order = { .target = download_target(d) };
    struct hub_plan *plan = download_plan(d);
    if (plan == NULL)
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
    else
        add(call, plan, &order);
    hub_plan_free(plan);
}
