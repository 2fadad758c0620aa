/* The facts of a model that is on a hub.
 *
 *     hub_resolve()      which files it would be
 *     hub_reader_read()  the front of one: 1 MiB, then twice as much, ... or
 *                        a little more than the parser missed
 *     on a worker        parsed; when bytes are missing, read on; else the
 *                        next part; after the last one, the estimate
 *
 * Weights are counted from the tensor tables of all parts, so each part's
 * header is read. The worker and the loop take turns with `struct ask`. */
#include <stdlib.h>
#include <string.h>

#include "core/fit/fit.h"
#include "formats/model_name.h"
#include "io/worker.h"

enum {
    FIRST_STEP_BYTES = 1024 * 1024,
    PART_STEP_BYTES = 256 * 1024,
    STEP_MAX_BYTES = 8 * 1024 * 1024
};

struct ask {
    struct loop *loop;
    struct hub *hub;
    struct hub_plan *plan;
    struct hub_reader *reader;
    char *wanted; /* a file that was named, or NULL */
    fit_remote_fn *on_done;
    void *ctx;
    struct fit_options options;
    struct fit_remote remote;
    size_t parts[FIT_PARTS_MAX]; /* of plan->files, in order */
    size_t at;                   /* the part that is read */
    struct byte_prefix prefix;   /* what is here of it */
    struct fit_facts facts, trial;
    struct fit_machine machine;
    struct fit_result result; /* names devices of `machine` */
    struct error error;       /* ERR_OK: parsed */
};

static void
ask_free(struct ask *ask)
{
    hub_reader_close(ask->reader);
    hub_plan_free(ask->plan);
    free(ask->wanted);
    free(ask);
}

static void
finish(struct ask *ask, const struct error *error)
{
    if (error != NULL) {
        struct error copy = *error;
        ask->on_done(ask->ctx, NULL, NULL, NULL, &copy);
    } else {
        if (ask->reader != NULL)
            ask->remote.read_bytes = hub_reader_bytes(ask->reader);
        ask->on_done(ask->ctx, &ask->remote, &ask->facts, &ask->result, NULL);
    }
    ask_free(ask);
}

/* ---- which files ---- */

static struct str
name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return str_from(slash == NULL ? path : slash + 1);
}

static bool
is_model(const struct hub_file *file)
{
    struct str path = str_from(file->path);
    return str_ends_with(path, STR(".gguf")) && !model_name_is_projector(path);
}

/* Whether two files are parts of one model. */
static bool
are_together(const char *a, const char *b)
{
    struct str x = name_of(a), y = name_of(b);
    struct model_shard s = model_shard_of(x), t = model_shard_of(y);
    struct str folder_a = { a, (size_t)(x.p - a) };
    struct str folder_b = { b, (size_t)(y.p - b) };
    return str_eq(folder_a, folder_b) && str_eq(s.stem, t.stem) &&
           s.count == t.count;
}

/* The file that stands for the model: the named one, or the first. */
static const char *
find_model(const struct ask *ask)
{
    if (ask->wanted != NULL)
        return ask->wanted;
    for (size_t i = 0; i < ask->plan->n_files; i++)
        if (is_model(&ask->plan->files[i]))
            return ask->plan->files[i].path;
    return NULL;
}

static int
add_part(struct ask *ask, size_t file, unsigned index, unsigned count,
         struct error *error)
{
    const struct hub_file *part = &ask->plan->files[file];
    if (count > FIT_PARTS_MAX)
        return error_set(error, ERR_TOO_LARGE, "%s has more than %d parts",
                         ask->plan->model_id, FIT_PARTS_MAX);
    if (part->size_bytes < 0 ||
        part->size_bytes > INT64_MAX / 4 - ask->remote.size_bytes)
        return error_set(error, ERR_BAD_GATEWAY,
                         "the hub does not say how large %s is", part->path);
    ask->parts[index - 1] = file;
    ask->remote.size_bytes += part->size_bytes;
    ask->remote.n_files++;
    if (index == 1)
        ask->remote.file = part->path;
    return 0;
}

/* The parts of the model; those of a whole one are one. */
static int
choose_parts(struct ask *ask, const char *model, struct error *error)
{
    const struct hub_plan *plan = ask->plan;
    struct model_shard first = model_shard_of(name_of(model));
    unsigned count = first.index == 0 ? 1 : first.count;
    for (size_t i = 0; i < plan->n_files; i++) {
        struct model_shard shard = model_shard_of(name_of(plan->files[i].path));
        unsigned index = first.index == 0 ? 1 : shard.index;
        if (is_model(&plan->files[i]) &&
            (first.index == 0 ? strcmp(plan->files[i].path, model) == 0
                              : are_together(plan->files[i].path, model)) &&
            add_part(ask, i, index, count, error) < 0)
            return -1;
    }
    if (ask->remote.n_files == count)
        return 0;
    return error_set(error, ERR_NOT_FOUND, "%s has %zu of %u parts of %s",
                     plan->model_id, ask->remote.n_files, count, model);
}

static void
note_projector(struct ask *ask)
{
    const struct hub_plan *plan = ask->plan;
    for (size_t i = 0; i < plan->n_files; i++)
        if (model_name_is_projector(str_from(plan->files[i].path)))
            ask->facts.projector_bytes = plan->files[i].size_bytes;
}

/* ---- what they say ---- */

static void
estimate(struct ask *ask)
{
    fit_read_machine(&ask->machine);
    fit_estimate(&ask->facts, &ask->options, &ask->machine, &ask->result);
}

static void
parse_work(void *arg)
{
    struct ask *ask = arg;
    int64_t size = ask->plan->files[ask->parts[ask->at]].size_bytes;
    struct byte_source source =
        byte_prefix_source(&ask->prefix, (uint64_t)size);
    int64_t projector_bytes = ask->facts.projector_bytes;
    int rc;
    ask->error = (struct error){ .code = ERR_OK };
    if (ask->at == 0) {
        rc = fit_facts_read(&source, &ask->trial, &ask->error);
    } else {
        ask->trial = ask->facts;
        rc = fit_facts_add_part(&source, &ask->trial, &ask->error);
    }
    if (rc == 0 && ask->trial.n_parts > (int64_t)ask->remote.n_files)
        rc = error_set(&ask->error, ERR_INVALID,
                       "%s says that it is one of %lld parts", ask->remote.file,
                       (long long)ask->trial.n_parts);
    if (rc < 0)
        return;
    ask->facts = ask->trial;
    ask->facts.projector_bytes = projector_bytes;
    if (ask->at + 1 == ask->remote.n_files)
        estimate(ask);
}

static void read_on(struct ask *ask, int64_t n_bytes);

static void
parse_done(void *arg)
{
    struct ask *ask = arg;
    int64_t n = (int64_t)ask->prefix.have.n;
    if (ask->error.code == ERR_UNAVAILABLE) {
        int64_t wanted = ask->prefix.wanted > INT64_MAX / 2
                             ? INT64_MAX / 2
                             : (int64_t)ask->prefix.wanted;
        n += n < STEP_MAX_BYTES ? n : STEP_MAX_BYTES;
        wanted += FIRST_STEP_BYTES; /* more will be missed behind it */
        read_on(ask, wanted > n ? wanted : n);
    } else if (ask->error.code != ERR_OK) {
        finish(ask, &ask->error);
    } else if (++ask->at < ask->remote.n_files) {
        read_on(ask, PART_STEP_BYTES);
    } else {
        finish(ask, NULL);
    }
}

static void
submit(struct ask *ask, void (*work)(void *arg), void (*done)(void *arg))
{
    struct error error;
    if (worker_submit(ask->loop, work, done, ask) == 0)
        return;
    error_set(&error, ERR_NO_MEMORY, "out of memory");
    finish(ask, &error);
}

static void
on_front(void *ctx, struct str front, const struct error *error)
{
    struct ask *ask = ctx;
    if (error != NULL) {
        finish(ask, error);
        return;
    }
    ask->prefix = (struct byte_prefix){ .have = front };
    submit(ask, parse_work, parse_done);
}

/* Until `n_bytes` of the part are here; never more than is allowed, unless
 * that much is here and was not enough. */
static void
read_on(struct ask *ask, int64_t n_bytes)
{
    struct error error;
    if (n_bytes > HUB_FRONT_BYTES_MAX &&
        ask->prefix.have.n < HUB_FRONT_BYTES_MAX &&
        ask->prefix.wanted <= HUB_FRONT_BYTES_MAX)
        n_bytes = HUB_FRONT_BYTES_MAX;
    if (hub_reader_read(ask->reader, ask->parts[ask->at], n_bytes, on_front,
                        ask, &error) < 0)
        finish(ask, &error);
}

/* ---- a repository without GGUF ---- */

static void
weigh_work(void *arg)
{
    estimate(arg);
}

static void
weigh_done(void *arg)
{
    finish(arg, NULL);
}

static int
weigh(struct ask *ask, struct error *error)
{
    const struct hub_plan *plan = ask->plan;
    for (size_t i = 0; i < plan->n_files; i++) {
        const struct hub_file *file = &plan->files[i];
        if (!str_ends_with(str_from(file->path), STR(".safetensors")) ||
            file->size_bytes < 0 ||
            file->size_bytes > INT64_MAX / 4 - ask->remote.size_bytes)
            continue;
        ask->remote.size_bytes += file->size_bytes;
        ask->remote.n_files++;
    }
    if (ask->remote.n_files == 0)
        return error_set(error, ERR_INVALID,
                         "%s has no language model in GGUF or safetensors: "
                         "what it needs cannot be told",
                         plan->model_id);
    ask->facts.is_weights_only = true;
    ask->facts.weight_bytes = ask->remote.size_bytes;
    submit(ask, weigh_work, weigh_done);
    return 0;
}

/* ---- the whole ---- */

static int
begin(struct ask *ask, const struct hub_plan *plan, struct error *error)
{
    ask->plan = hub_plan_copy(plan);
    if (ask->plan == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    ask->remote = (struct fit_remote){ .model_id = ask->plan->model_id,
                                       .revision = ask->plan->revision,
                                       .variant = ask->plan->variant,
                                       .file = "" };
    const char *model = find_model(ask);
    if (model == NULL)
        return weigh(ask, error);
    if (choose_parts(ask, model, error) < 0 ||
        hub_reader_open(ask->hub, ask->plan, &ask->reader, error) < 0)
        return -1;
    note_projector(ask);
    read_on(ask, FIRST_STEP_BYTES);
    return 0;
}

static void
on_plan(void *ctx, const struct hub_plan *plan, const struct error *error)
{
    struct ask *ask = ctx;
    struct error what;
    if (error != NULL)
        finish(ask, error);
    else if (begin(ask, plan, &what) < 0)
        finish(ask, &what);
}

/* A part is asked for as the variant that it belongs to. */
static int
ask_plan(struct ask *ask, const struct hub_request *request,
         struct error *error)
{
    struct hub_request asked = *request;
    if (request->n_files > 0) {
        ask->wanted = str_dup(request->files[0]);
        if (ask->wanted == NULL)
            return error_set(error, ERR_NO_MEMORY, "out of memory");
        if (!str_ends_with(request->files[0], STR(".gguf")) ||
            model_name_is_projector(request->files[0]))
            return error_field(error, "file", "%s is no model in GGUF",
                               ask->wanted);
        if (model_shard_of(name_of(ask->wanted)).index > 0) {
            asked.variant = str_from(ask->wanted);
            asked.n_files = 0;
        }
    }
    return hub_resolve(ask->hub, &asked, on_plan, ask, error);
}

int
fit_ask_hub(struct loop *loop, struct hub *hub,
            const struct hub_request *request,
            const struct fit_options *options, fit_remote_fn *on_done,
            void *ctx, struct error *error)
{
    struct ask *ask = calloc(1, sizeof *ask);
    if (ask == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    ask->loop = loop;
    ask->hub = hub;
    ask->options = *options;
    ask->on_done = on_done;
    ask->ctx = ctx;
    if (ask_plan(ask, request, error) == 0)
        return 0;
    ask_free(ask);
    return -1;
}
