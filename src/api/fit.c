/* GET /api/models/{id}/fit and /api/hub/fit: how much memory a model takes, and
 * whether this machine has it. Headers are read on a worker. */
#include "core/fit/fit.h"

#include <stdio.h>

#include "api/handlers.h"
#include "base/units.h"

struct fit_call {
    struct call *call;
    char model_id[ID_BYTES];
};

static void
member_bytes(struct json_writer *out, const char *key, int64_t n_bytes)
{
    member_int_if(out, key, n_bytes >= 0, n_bytes);
}

static void
write_parts(const struct fit_result *result, bool is_weights_only,
            struct json_writer *out)
{
    json_key(out, "parts");
    json_array_begin(out);
    for (size_t p = 0; p < FIT_PART_COUNT; p++) {
        bool is_known = !is_weights_only || p == FIT_WEIGHTS;
        json_object_begin(out);
        member_text(out, "name", fit_part_names[p]);
        member_int_if(out, "bytes", is_known, result->parts[p]);
        member_text(out, "explanation", result->explanations[p]);
        json_object_end(out);
    }
    json_array_end(out);
}

static void
write_device(const struct fit_device *device, struct json_writer *out)
{
    json_object_begin(out);
    member_text(out, "name", device->name);
    member_bytes(out, "total_bytes", device->total_bytes);
    member_bytes(out, "available_bytes", device->available_bytes);
    member_int(out, "needed_bytes", device->needed_bytes);
    member_text(out, "fits", fit_verdict_names[device->verdict]);
    json_key(out, "parts");
    json_object_begin(out);
    for (size_t p = 0; p < FIT_PART_COUNT; p++)
        member_int(out, fit_part_names[p], device->parts[p]);
    json_object_end(out);
    json_object_end(out);
}

static void
write_projector_note(int64_t n_bytes, bool is_counted, struct json_writer *out)
{
    char note[240];
    snprintf(note, sizeof note,
             is_counted
                 ? "Its projector (%.0f MiB) is counted with its weights; what "
                   "it computes with depends on the picture."
                 : "Its projector (%.0f MiB) is not counted: engines load it "
                   "only for a profile whose options name it as mmproj, and "
                   "none does. mmproj=true counts it.",
             (double)n_bytes / MIB);
    json_text(out, note);
}

static void
write_notes(const struct fit_facts *facts, const struct fit_result *result,
            struct json_writer *out)
{
    json_key(out, "notes");
    json_array_begin(out);
    if (facts->is_weights_only)
        json_text(out, "Only the weights are told: the file is no GGUF.");
    if (facts->is_guess)
        json_text(out, "The architecture is not known: every block is taken "
                       "for plain attention.");
    if (!facts->is_weights_only)
        json_text(out, "llama-server keeps prompts in RAM as it is used, up "
                       "to its --cache-ram; that is not counted.");
    if (facts->projector_bytes > 0)
        write_projector_note(facts->projector_bytes,
                             result->parts[FIT_PROJECTOR] > 0, out);
    json_array_end(out);
}

static void
write_remote(const struct fit_remote *remote, struct json_writer *out)
{
    json_key(out, "remote");
    if (remote == NULL) {
        json_null(out);
        return;
    }
    json_object_begin(out);
    member_text(out, "source", "huggingface");
    member_text(out, "revision", remote->revision);
    member_text(out, "variant", remote->variant);
    member_text(out, "file", remote->file[0] == '\0' ? NULL : remote->file);
    member_int(out, "n_files", (int64_t)remote->n_files);
    member_int(out, "size_bytes", remote->size_bytes);
    member_int(out, "read_bytes", remote->read_bytes);
    json_object_end(out);
}

/* `remote`: NULL for a model of the library. */
static void
write_fit(const char *model_id, const struct fit_remote *remote,
          const struct fit_facts *facts, const struct fit_result *result,
          struct json_writer *out)
{
    bool is_whole = !facts->is_weights_only;
    json_object_begin(out);
    member_text(out, "model_id", model_id);
    member_text(out, "architecture", is_whole ? facts->architecture : NULL);
    member_bool(out, "is_guess", facts->is_guess);
    member_bool(out, "is_weights_only", facts->is_weights_only);
    member_int_if(out, "context_length", facts->context_length > 0,
                  facts->context_length);
    member_int_if(out, "ctx", is_whole, result->n_ctx);
    member_int_if(out, "ctx_per_slot", is_whole, result->n_ctx_slot);
    member_int_if(out, "slots", is_whole, result->n_slots);
    member_bool(out, "is_ctx_shared", result->is_shared);
    member_int_if(out, "gpu_layers", is_whole, result->gpu_layers);
    write_parts(result, facts->is_weights_only, out);
    member_int(out, "total_bytes", result->total_bytes);
    member_text(out, "fits", fit_verdict_names[result->verdict]);
    member_int_if(out, "max_ctx", is_whole && result->max_ctx >= 0,
                  result->max_ctx);
    json_key(out, "devices");
    json_array_begin(out);
    for (size_t d = 0; d < result->n_devices; d++)
        write_device(&result->devices[d], out);
    json_array_end(out);
    write_notes(facts, result, out);
    write_remote(remote, out);
    json_object_end(out);
}

static void
on_fit(void *ctx, const struct fit_facts *facts,
       const struct fit_result *result, const struct error *error)
{
    struct fit_call *asked = ctx;
    struct call *call = asked->call;
    if (call_is_open(call) && error != NULL) {
        reply_error(call, error);
    } else if (call_is_open(call)) {
        write_fit(asked->model_id, NULL, facts, result, reply_begin(call));
        reply_end(call, 200);
    }
    call_unref(call);
}

/* The static name of a type that the row has checked; NULL: the default. */
static const char *
query_type(struct call *call, const char *name)
{
    struct str text = query_text(call, name);
    for (size_t i = 0; fit_cache_types[i] != NULL; i++)
        if (str_is(text, fit_cache_types[i]))
            return fit_cache_types[i];
    return NULL;
}

static struct fit_options
query_options(struct call *call)
{
    return (struct fit_options){
        .n_ctx = query_int(call, "ctx", 0),
        .n_slots = query_int(call, "parallel", 0),
        .type_k = query_type(call, "cache_type_k"),
        .type_v = query_type(call, "cache_type_v"),
        .gpu_layers = query_int(call, "gpu_layers", -1),
        .has_projector = query_bool(call, "mmproj", false),
    };
}

/* Whether a profile gives the model's projector to its engine. */
static bool
is_projector_used(const struct profiles *profiles, const struct model *model)
{
    bool is_used = false;
    if (model->mmproj_path[0] == '\0')
        return false;
    for (size_t i = 0; i < profiles_count(profiles) && !is_used; i++) {
        const struct profile *profile = profiles_at(profiles, i);
        struct str path = STR("");
        struct json_doc *doc =
            json_parse(str_from(profile->options_json), NULL);
        if (doc != NULL)
            json_as_text(json_get(json_root(doc), "mmproj"), &path);
        is_used = str_is(path, model->mmproj_path);
        json_doc_free(doc);
    }
    return is_used;
}

void
models_fit(struct call *call)
{
    const struct model *model = call_model(call);
    struct error error;
    if (model == NULL)
        return;
    struct fit_options options = query_options(call);
    if (query_text(call, "mmproj").n == 0)
        options.has_projector =
            is_projector_used(call->api->options.profiles, model);
    struct fit_call *asked = arena_alloc(&call->arena, sizeof *asked);
    if (asked == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "out of memory");
        return;
    }
    asked->call = call_ref(call);
    memcpy(asked->model_id, model->id, sizeof asked->model_id);
    if (fit_ask(call->api->options.loop, model, &options, on_fit, asked,
                &error) == 0)
        return;
    reply_error(call, &error);
    call_unref(call);
}

static void
on_remote_fit(void *ctx, const struct fit_remote *remote,
              const struct fit_facts *facts, const struct fit_result *result,
              const struct error *error)
{
    struct call *call = ctx;
    if (call_is_open(call) && error != NULL) {
        reply_error(call, error);
    } else if (call_is_open(call)) {
        write_fit(remote->model_id, remote, facts, result, reply_begin(call));
        reply_end(call, 200);
    }
    call_unref(call);
}

void
hub_do_fit(struct call *call)
{
    struct error error;
    struct str file = query_text(call, "file");
    const struct fit_options options = query_options(call);
    const struct hub_request request = {
        .source = HUB_HUGGINGFACE,
        .model_id = query_text(call, "model_id"),
        .revision = query_text(call, "revision"),
        .variant = query_text(call, "variant"),
        .files = &file,
        .n_files = file.n > 0,
    };
    call_ref(call);
    if (fit_ask_hub(call->api->options.loop, call->api->options.hub, &request,
                    &options, on_remote_fit, call, &error) == 0)
        return;
    reply_error(call, &error);
    call_unref(call);
}
