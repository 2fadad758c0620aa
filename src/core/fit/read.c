/* The facts of a library model, read on a worker. */
#include <stdlib.h>
#include <string.h>

#include "core/fit/fit.h"
#include "io/worker.h"
#include "platform/file.h"
#include "platform/folder.h"
#include "platform/hardware.h"

struct ask {
    struct model *model; /* a copy: the library may change meanwhile */
    fit_done_fn *on_done;
    void *ctx;
    struct fit_options options;
    struct fit_facts facts;
    struct fit_machine machine;
    struct fit_result result; /* names devices of `machine` */
    struct error error;
    bool has_failed;
};

static int
open_source(char *path, struct byte_source *ret_source, struct error *error)
{
    struct folder_facts facts;
    if (folder_facts(path, &facts) < 0 || facts.is_folder)
        return error_set(error, ERR_NOT_FOUND, "%s is not there", path);
    *ret_source =
        (struct byte_source){ .read = file_read_exactly,
                              .ctx = path,
                              .size_bytes = (uint64_t)facts.size_bytes };
    return 0;
}

static void
weigh_projector(struct ask *ask)
{
    const char *path = ask->model->mmproj_path;
    struct folder_facts facts;
    if (path[0] != '\0' && folder_facts(path, &facts) == 0 && !facts.is_folder)
        ask->facts.projector_bytes = facts.size_bytes;
}

static int
read_gguf(struct ask *ask)
{
    const struct text_list *shards = &ask->model->shards;
    struct byte_source source;
    if (open_source(ask->model->path, &source, &ask->error) < 0 ||
        fit_facts_read(&source, &ask->facts, &ask->error) < 0)
        return -1;
    if (ask->facts.n_parts > 1 + (int64_t)shards->n)
        return error_set(
            &ask->error, ERR_INVALID, "of %lld parts of %s only %zu are here",
            (long long)ask->facts.n_parts, ask->model->name, 1 + shards->n);
    for (size_t i = 0; i < shards->n; i++)
        if (open_source(shards->at[i], &source, &ask->error) < 0 ||
            fit_facts_add_part(&source, &ask->facts, &ask->error) < 0)
            return -1;
    weigh_projector(ask);
    return 0;
}

static void
ask_work(void *arg)
{
    struct ask *ask = arg;
    if (ask->model->format == MODEL_FORMAT_GGUF) {
        ask->has_failed = read_gguf(ask) < 0;
    } else {
        ask->facts.is_weights_only = true;
        ask->facts.weight_bytes = ask->model->size_bytes;
    }
    if (ask->has_failed)
        return;
    fit_read_machine(&ask->machine);
    fit_estimate(&ask->facts, &ask->options, &ask->machine, &ask->result);
}

static void
ask_free(struct ask *ask)
{
    model_free(ask->model);
    free(ask);
}

static void
ask_done(void *arg)
{
    struct ask *ask = arg;
    if (ask->has_failed)
        ask->on_done(ask->ctx, NULL, NULL, &ask->error);
    else
        ask->on_done(ask->ctx, &ask->facts, &ask->result, NULL);
    ask_free(ask);
}

int
fit_ask(struct loop *loop, const struct model *model,
        const struct fit_options *options, fit_done_fn *on_done, void *ctx,
        struct error *error)
{
    bool is_llm =
        model->kind == MODEL_KIND_LLM || model->kind == MODEL_KIND_EMBEDDING;
    if (model->format != MODEL_FORMAT_GGUF &&
        (!is_llm || model->format == MODEL_FORMAT_PICKLE))
        return error_set(error, ERR_INVALID,
                         "%s is no language model in GGUF or safetensors: "
                         "what it needs cannot be told",
                         model->name);
    struct ask *ask = calloc(1, sizeof *ask);
    if (ask != NULL && (ask->model = model_copy(model)) != NULL) {
        ask->options = *options;
        ask->on_done = on_done;
        ask->ctx = ctx;
        if (worker_submit(loop, ask_work, ask_done, ask) == 0)
            return 0;
    }
    if (ask != NULL)
        ask_free(ask);
    return error_set(error, ERR_NO_MEMORY, "out of memory");
}

void
fit_read_machine(struct fit_machine *ret_machine)
{
    struct hardware_use use;
    hardware_read_use(&use);
    *ret_machine = (struct fit_machine){
        .memory_total_bytes = use.memory_total_bytes,
        .memory_available_bytes = use.memory_available_bytes,
    };
    ret_machine->n_gpus = hardware_read_gpus(ret_machine->gpus, NULL);
    ret_machine->has_amx = hardware_has_amx();
}
