/* A task as JSON. The store's form has everything but the token, the
 * people's form nothing that only machines need. */
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "core/downloads/downloads_internal.h"

static const char *const source_names[] = { [HUB_HUGGINGFACE] = "huggingface",
                                            [HUB_CIVITAI] = "civitai",
                                            [HUB_URL] = "url" };

static void
member(struct json_writer *out, const char *key, const char *text)
{
    json_key(out, key);
    json_text(out, text);
}

static void
member_number(struct json_writer *out, const char *key, int64_t value)
{
    json_key(out, key);
    json_int(out, value);
}

/* null below 0 */
static void
member_known(struct json_writer *out, const char *key, int64_t value)
{
    json_key(out, key);
    if (value < 0)
        json_null(out);
    else
        json_int(out, value);
}

static void
write_error(const struct error *error, struct json_writer *out)
{
    json_key(out, "error");
    if (error->code == ERR_OK) {
        json_null(out);
        return;
    }
    json_object_begin(out);
    member(out, "code", error_wire(error->code));
    member(out, "message", error->message);
    json_object_end(out);
}

static void
write_names(const struct download *d, struct json_writer *out)
{
    member(out, "source", source_names[d->source]);
    member(out, "model_id", d->model_id);
    member(out, "revision", d->revision);
    member(out, "ref", d->ref);
    member(out, "variant", d->variant);
    member(out, "name", d->display_name);
    member(out, "kind", d->kind);
    member(out, "target", d->target);
    member_number(out, "limit_bytes_per_s", d->limit_bytes_per_s);
    member(out, "limit_hours", d->limit_hours);
}

/* ---- for people ---- */

static uint64_t
downloaded_bytes(const struct download *d)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < d->n_files; i++)
        sum += d->files[i].downloaded_bytes;
    return sum;
}

static int64_t
size_of(const struct download_file *file)
{
    bool is_seen = file->size_bytes < 0 && file->seen_bytes > 0;
    return is_seen ? (int64_t)file->seen_bytes : file->size_bytes;
}

/* -1 as long as one is not known. */
static int64_t
total_bytes(const struct download *d)
{
    int64_t sum = 0;
    for (size_t i = 0; i < d->n_files; i++) {
        int64_t bytes = size_of(&d->files[i]);
        if (bytes < 0 && !d->files[i].is_optional)
            return -1;
        sum = i64_add_capped(sum, bytes > 0 ? bytes : 0);
    }
    return sum;
}

static int64_t
percent(const struct download *d, int64_t total)
{
    if (d->state == DOWNLOAD_COMPLETED)
        return 100;
    if (total <= 0)
        return 0;
    double done = (double)downloaded_bytes(d) * 100.0 / (double)total;
    return done >= 99 ? 99 : (int64_t)done;
}

static void
write_files(const struct download *d, struct json_writer *out)
{
    json_key(out, "files");
    json_array_begin(out);
    for (size_t i = 0; i < d->n_files; i++) {
        const struct download_file *file = &d->files[i];
        json_object_begin(out);
        member(out, "path", file->path);
        member(out, "place", file->place);
        member_known(out, "size", size_of(file));
        json_key(out, "sha256");
        json_text(out, file->sha256[0] == '\0' ? NULL : file->sha256);
        member_number(out, "downloaded_bytes", (int64_t)file->downloaded_bytes);
        member(out, "status", download_state_name(file->state));
        json_object_end(out);
    }
    json_array_end(out);
}

void
download_write(const struct download *d, struct json_writer *out)
{
    int64_t total = total_bytes(d), done = (int64_t)downloaded_bytes(d);
    bool is_moving = d->state == DOWNLOAD_DOWNLOADING;
    int64_t speed = is_moving ? (int64_t)d->bytes_per_s : -1;
    json_object_begin(out);
    member(out, "task_id", d->id);
    member(out, "status", download_state_name(d->state));
    write_names(d, out);
    member_number(out, "priority", d->priority);
    member_number(out, "progress", percent(d, total));
    member_number(out, "downloaded_bytes", done);
    member_known(out, "total_bytes", total);
    member_known(out, "bytes_per_s", speed);
    member_known(out, "eta_s",
                 speed > 0 && total >= done ? (total - done) / speed : -1);
    write_error(&d->error, out);
    member_number(out, "created_at_ms", d->created_at_ms);
    member_known(out, "started_at_ms",
                 d->started_at_ms > 0 ? d->started_at_ms : -1);
    int64_t ended_at_ms = d->ended_at_ms > 0 ? d->ended_at_ms : -1;
    bool is_whole = d->state == DOWNLOAD_COMPLETED;
    member_known(out, "completed_at_ms", is_whole ? ended_at_ms : -1);
    member_known(out, "ended_at_ms", ended_at_ms);
    write_files(d, out);
    json_object_end(out);
}

/* ---- for the store ---- */

void
download_write_body(const struct download *d, struct json_writer *out)
{
    json_object_begin(out);
    write_names(d, out);
    member(out, "sidecar", d->sidecar);
    json_key(out, "is_cache");
    json_bool(out, d->is_cache);
    member_number(out, "made_bytes", (int64_t)d->made_bytes);
    member_number(out, "started_at_ms", d->started_at_ms);
    member_number(out, "ended_at_ms", d->ended_at_ms);
    write_error(&d->error, out);
    json_key(out, "files");
    json_array_begin(out);
    for (size_t i = 0; i < d->n_files; i++) {
        const struct download_file *file = &d->files[i];
        json_object_begin(out);
        member(out, "path", file->path);
        member(out, "place", file->place);
        member(out, "url", file->url);
        member_number(out, "size", file->size_bytes);
        member(out, "sha256", file->sha256);
        member(out, "etag", file->etag);
        json_key(out, "is_optional");
        json_bool(out, file->is_optional);
        member(out, "state", download_state_name(file->state));
        json_object_end(out);
    }
    json_array_end(out);
    json_object_end(out);
}

static int
take(const struct json *object, const char *key, char **ret)
{
    struct str text;
    if (!json_as_text(json_get(object, key), &text))
        return -1;
    *ret = str_dup(text);
    return *ret == NULL ? -1 : 0;
}

static int
take_short(const struct json *object, const char *key, char *ret, size_t size)
{
    struct str text;
    if (!json_as_text(json_get(object, key), &text) || text.n >= size)
        return -1;
    snprintf(ret, size, "%.*s", STR_ARG(text));
    return 0;
}

static int
read_file(const struct json *value, struct download_file *file)
{
    char state[32];
    if (take(value, "path", &file->path) < 0 ||
        take(value, "place", &file->place) < 0 ||
        take(value, "url", &file->url) < 0 ||
        take_short(value, "sha256", file->sha256, sizeof file->sha256) < 0 ||
        take_short(value, "etag", file->etag, sizeof file->etag) < 0 ||
        take_short(value, "state", state, sizeof state) < 0 ||
        !json_as_int(json_get(value, "size"), &file->size_bytes) ||
        !json_as_bool(json_get(value, "is_optional"), &file->is_optional))
        return -1;
    file->state = download_state_from(str_from(state));
    if (file->state == DOWNLOAD_STATE_COUNT)
        return -1;
    if (file->state == DOWNLOAD_COMPLETED && file->size_bytes > 0)
        file->downloaded_bytes = (uint64_t)file->size_bytes;
    return 0;
}

static void
read_error(const struct json *value, struct error *ret)
{
    char code[64], message[ERROR_MESSAGE_MAX];
    *ret = (struct error){ .code = ERR_OK };
    if (take_short(value, "code", code, sizeof code) < 0 ||
        take_short(value, "message", message, sizeof message) < 0)
        return;
    enum error_code found = error_from_wire(code);
    error_set(ret, found == ERR_COUNT ? ERR_INTERNAL : found, "%s", message);
}

static int
read_names(const struct json *root, struct download *d)
{
    char source[32];
    if (take_short(root, "source", source, sizeof source) < 0 ||
        take(root, "model_id", &d->model_id) < 0 ||
        take(root, "revision", &d->revision) < 0 ||
        take(root, "ref", &d->ref) < 0 ||
        take(root, "variant", &d->variant) < 0 ||
        take(root, "name", &d->display_name) < 0 ||
        take(root, "kind", &d->kind) < 0 ||
        take(root, "target", &d->target) < 0 ||
        take(root, "sidecar", &d->sidecar) < 0)
        return -1;
    for (int i = HUB_HUGGINGFACE; i <= HUB_URL; i++)
        if (strcmp(source, source_names[i]) == 0) {
            d->source = (enum hub_source)i;
            return 0;
        }
    return -1;
}

/* Tasks of an earlier version have no hours. */
static int
read_limit(const struct json *root, struct download *d)
{
    int64_t bytes_per_s;
    struct str hours = STR("");
    const struct json *value = json_get(root, "limit_hours");
    if (!json_as_int(json_get(root, "limit_bytes_per_s"), &bytes_per_s) ||
        (json_type(value) != JSON_NULL && !json_as_text(value, &hours)))
        return -1;
    return download_take_limit(d, bytes_per_s, hours, NULL);
}

/* Within the folder; nothing where it is missing: then folders stay. */
static void
read_made(const struct json *root, struct download *d)
{
    int64_t made;
    if (json_as_int(json_get(root, "made_bytes"), &made) && made > 0 &&
        made <= (int64_t)(strlen(d->target) + sizeof "/blobs" - 1))
        d->made_bytes = (size_t)made;
}

/* Before the end of every task was kept, only a completed one had a time. */
static bool
read_ended(const struct json *root, struct download *d)
{
    const struct json *at = json_get(root, "ended_at_ms");
    if (at == NULL)
        at = json_get(root, "completed_at_ms");
    return json_as_int(at, &d->ended_at_ms);
}

static int
read_all(const struct json *root, struct download *d)
{
    const struct json *files = json_get(root, "files");
    size_t n = json_count(files);
    if (read_names(root, d) < 0 || json_type(files) != JSON_ARRAY ||
        n > DOWNLOAD_FILES_MAX ||
        !json_as_bool(json_get(root, "is_cache"), &d->is_cache) ||
        read_limit(root, d) < 0 ||
        !json_as_int(json_get(root, "started_at_ms"), &d->started_at_ms) ||
        !read_ended(root, d))
        return -1;
    read_error(json_get(root, "error"), &d->error);
    read_made(root, d);
    d->files = calloc(n + 1, sizeof *d->files);
    if (d->files == NULL)
        return -1;
    for (; d->n_files < n; d->n_files++)
        if (read_file(json_at(files, d->n_files), &d->files[d->n_files]) < 0) {
            d->n_files++; /* what it has of it is freed */
            return -1;
        }
    return 0;
}

int
download_read_body(struct download *d, struct str body, struct error *error)
{
    struct json_doc *doc = json_parse(body, error);
    if (doc == NULL)
        return -1;
    int rc = read_all(json_root(doc), d);
    json_doc_free(doc);
    return rc == 0 ? 0
                   : error_set(error, ERR_INTERNAL,
                               "download %s is stored in a form that is not "
                               "ours",
                               d->id);
}
