/* From facts, options and a machine to what is allocated where. Pure. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "core/fit/fit_internal.h"

enum {
    CELLS_MULTIPLE = 256,
    TOKENS_AT_ONCE = 512, /* llama-server's --ubatch-size */
    SLOTS_WHEN_SHARED = 4,
    RAM = 0,
    MARGIN_DIVISOR = 20 /* 5 % */
};
static const int64_t margin_min_bytes = 4 * (int64_t)MIB;

const char *const fit_cache_types[] = { "f16",    "f32",  "bf16", "q8_0",
                                        "q5_1",   "q5_0", "q4_1", "q4_0",
                                        "iq4_nl", NULL };
const char *const fit_part_names[] = {
#define X(name, wire) wire,
    FIT_PARTS(X)
#undef X
        NULL
};
const char *const fit_verdict_names[] = { "unknown", "yes", "tight", "no",
                                          NULL };

static int64_t
smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t
round_up(int64_t n, int64_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

/* ---- the context ---- */

static int64_t
context_of(const struct fit_facts *facts, const struct fit_options *options)
{
    if (options->n_ctx > 0)
        return options->n_ctx;
    return facts->context_length > 0 ? facts->context_length : FIT_CTX_MIN;
}

static struct fit_layout
layout_of(const struct fit_facts *facts, const struct fit_options *options,
          int64_t n_ctx)
{
    bool is_shared = options->n_slots == 0;
    struct fit_layout layout = {
        .n_slots = is_shared ? SLOTS_WHEN_SHARED : options->n_slots,
        .n_streams = is_shared ? 1 : options->n_slots,
    };
    layout.cells = round_up(n_ctx / layout.n_streams, CELLS_MULTIPLE);
    if (layout.cells == 0)
        layout.cells = CELLS_MULTIPLE;
    layout.n_tokens = smaller(TOKENS_AT_ONCE, layout.cells * layout.n_streams);
    layout.window_cells =
        smaller(layout.cells,
                round_up(facts->window * (is_shared ? layout.n_slots : 1) +
                             layout.n_tokens,
                         CELLS_MULTIPLE));
    return layout;
}

/* ---- one block ---- */

/* Of `n` numbers in a row. */
static int64_t
row_bytes(const char *type_name, int64_t n)
{
    static const struct {
        const char *name;
        int64_t block, bytes;
    } types[] = {
        { "f16", 1, 2 },    { "f32", 1, 4 },    { "bf16", 1, 2 },
        { "q8_0", 32, 34 }, { "q5_1", 32, 24 }, { "q5_0", 32, 22 },
        { "q4_1", 32, 20 }, { "q4_0", 32, 18 }, { "iq4_nl", 32, 18 },
    };
    size_t i = 0;
    while (i + 1 < sizeof types / sizeof types[0] && type_name != NULL &&
           strcmp(types[i].name, type_name) != 0)
        i++;
    if (type_name == NULL)
        i = 0;
    return (n + types[i].block - 1) / types[i].block * types[i].bytes;
}

static void
add_layer(const struct fit_layer *layer, const struct fit_options *options,
          const struct fit_layout *layout, int64_t *parts)
{
    int64_t cell = row_bytes(options->type_k, layer->k_width) +
                   row_bytes(options->type_v, layer->v_width);
    int64_t cells = layer->is_windowed ? layout->window_cells : layout->cells;
    parts[layer->is_windowed ? FIT_WINDOW : FIT_ATTENTION] +=
        cell * cells * layout->n_streams;
    parts[FIT_STATE] += layer->state_bytes * layout->n_slots;
    parts[FIT_WEIGHTS] += layer->weight_bytes;
}

/* ---- which device has what ---- */

struct plan {
    const struct fit_facts *facts;
    const struct fit_options *options;
    const struct fit_machine *machine;
    struct fit_layout layout;
};

/* The GPU of the i-th of n offloaded layers: shared out by total memory. */
static size_t
gpu_of(const struct fit_machine *machine, int64_t i, int64_t n)
{
    double sum = 0, share = 0;
    for (size_t g = 0; g < machine->n_gpus; g++)
        sum += (double)machine->gpus[g].memory_total_bytes;
    for (size_t g = 0; g + 1 < machine->n_gpus; g++) {
        share += (double)machine->gpus[g].memory_total_bytes;
        if (sum > 0 && ((double)i + 0.5) / (double)n < share / sum)
            return g;
    }
    return machine->n_gpus - 1;
}

/* What repacking adds in RAM. An engine that sees a GPU keeps its matrices
 * where that can read them, as they are stored. */
static int64_t
repack_bytes(const struct plan *plan)
{
    const struct fit_facts *f = plan->facts;
    int64_t sum =
        f->output_bytes > 0 ? f->output_repack_bytes : f->input_repack_bytes;
    if (!plan->machine->has_amx || plan->machine->n_gpus > 0)
        return 0;
    for (size_t i = 0; i < f->n_layers; i++)
        sum += f->layers[i].repack_bytes;
    return sum;
}

/* `gpu_layers` from the end, the output as the last one. */
static void
place(const struct plan *plan, int64_t gpu_layers, struct fit_result *result)
{
    const struct fit_facts *f = plan->facts;
    int64_t n_layers = (int64_t)f->n_layers,
            on_gpu = smaller(gpu_layers, n_layers + 1);
    int64_t first = n_layers + 1 - on_gpu;
    int64_t outside = f->weight_bytes;
    result->gpu_layers = on_gpu;
    for (size_t d = 0; d < result->n_devices; d++)
        memset(result->devices[d].parts, 0, sizeof result->devices[d].parts);
    for (int64_t i = 0; i < n_layers; i++) {
        size_t device = RAM;
        if (i >= first)
            device = 1 + gpu_of(plan->machine, i - first, on_gpu);
        outside -= f->layers[i].weight_bytes;
        add_layer(&f->layers[i], plan->options, &plan->layout,
                  result->devices[device].parts);
    }
    int64_t compute = fit_compute_bytes(f, &plan->layout);
    int64_t *ram = result->devices[RAM].parts;
    ram[FIT_WEIGHTS] += outside;
    ram[FIT_REPACK] = repack_bytes(plan);
    ram[FIT_OUTPUT] = f->vocabulary * plan->layout.n_slots * 4;
    ram[FIT_COMPUTE] = compute;
    if (plan->options->has_projector) /* however many blocks are on GPUs */
        result->devices[plan->machine->n_gpus > 0 ? RAM + 1 : RAM]
            .parts[FIT_PROJECTOR] = f->projector_bytes;
    if (on_gpu == 0)
        return;
    for (size_t d = 1; d < result->n_devices; d++)
        result->devices[d].parts[FIT_COMPUTE] = compute;
    /* The output goes to the last GPU; one that is the embedding matrix
     * is there twice then. */
    int64_t output = f->output_bytes > 0 ? f->output_bytes : f->input_bytes;
    result->devices[result->n_devices - 1].parts[FIT_WEIGHTS] += output;
    ram[FIT_WEIGHTS] -= f->output_bytes;
}

static enum fit_verdict
judge(const struct fit_device *device)
{
    int64_t margin = device->needed_bytes / MARGIN_DIVISOR;
    if (margin < margin_min_bytes)
        margin = margin_min_bytes;
    if (device->needed_bytes == 0)
        return FIT_YES;
    if (device->total_bytes < 0 || device->available_bytes < 0)
        return FIT_UNKNOWN;
    if (device->needed_bytes + margin <= device->available_bytes)
        return FIT_YES;
    return device->needed_bytes <= device->total_bytes ? FIT_TIGHT : FIT_NO;
}

/* Sums and verdicts of what was placed. */
static void
conclude(struct fit_result *result)
{
    memset(result->parts, 0, sizeof result->parts);
    result->total_bytes = 0;
    result->verdict = FIT_YES;
    for (size_t d = 0; d < result->n_devices; d++) {
        struct fit_device *device = &result->devices[d];
        device->needed_bytes = 0;
        for (size_t p = 0; p < FIT_PART_COUNT; p++) {
            device->needed_bytes += device->parts[p];
            result->parts[p] += device->parts[p];
        }
        result->total_bytes += device->needed_bytes;
        device->verdict = judge(device);
        if (device->verdict == FIT_UNKNOWN && result->verdict != FIT_NO)
            result->verdict = FIT_UNKNOWN;
        else if (device->verdict > result->verdict &&
                 (result->verdict != FIT_UNKNOWN || device->verdict == FIT_NO))
            result->verdict = device->verdict;
    }
}

static bool
gpus_fit(const struct fit_result *result)
{
    for (size_t d = 1; d < result->n_devices; d++)
        if (result->devices[d].verdict != FIT_YES)
            return false;
    return true;
}

/* The context of the plan's layout, on the devices. */
static void
place_at(struct plan *plan, int64_t n_ctx, struct fit_result *result)
{
    int64_t gpu_layers = plan->options->gpu_layers;
    int64_t most = (int64_t)plan->facts->n_layers + 1;
    plan->layout = layout_of(plan->facts, plan->options, n_ctx);
    if (plan->machine->n_gpus == 0)
        gpu_layers = 0;
    if (gpu_layers >= 0) {
        place(plan, gpu_layers, result);
        conclude(result);
        return;
    }
    int64_t low = 0, high = most;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        place(plan, middle, result);
        conclude(result);
        if (gpus_fit(result))
            low = middle;
        else
            high = middle - 1;
    }
    place(plan, low, result);
    conclude(result);
}

/* ---- the largest context ---- */

static int64_t
largest_context(const struct plan *plan, const struct fit_result *result)
{
    struct plan trial = *plan;
    struct fit_result at = *result;
    int64_t n_streams = plan->layout.n_streams;
    int64_t step = CELLS_MULTIPLE * n_streams;
    int64_t top = plan->facts->context_length > 0 ? plan->facts->context_length
                                                  : FIT_CTX_MAX;
    int64_t low = 0, high = top * n_streams / step;
    if (high > FIT_CTX_MAX / step)
        high = FIT_CTX_MAX / step;
    if (result->verdict == FIT_UNKNOWN)
        return -1;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        place_at(&trial, middle * step, &at);
        if (at.verdict == FIT_YES)
            low = middle;
        else
            high = middle - 1;
    }
    return low * step;
}

/* ---- words ---- */

static void
explain_cache(const struct plan *plan, bool is_windowed, char *text)
{
    const struct fit_layout *layout = &plan->layout;
    const struct fit_facts *f = plan->facts;
    const char *k = plan->options->type_k, *v = plan->options->type_v;
    int64_t k_width = 0, v_width = 0;
    size_t n = 0;
    for (size_t i = 0; i < f->n_layers; i++) {
        const struct fit_layer *layer = &f->layers[i];
        if (layer->k_width + layer->v_width == 0 ||
            layer->is_windowed != is_windowed)
            continue;
        n++;
        k_width = layer->k_width > k_width ? layer->k_width : k_width;
        v_width = layer->v_width > v_width ? layer->v_width : v_width;
    }
    if (n == 0)
        return;
    snprintf(text, FIT_TEXT_BYTES,
             "%zu blocks, %" PRId64 " x %" PRId64 " cells of %" PRId64
             " %s and %" PRId64 " %s",
             n, layout->n_streams,
             is_windowed ? layout->window_cells : layout->cells, k_width,
             k == NULL ? fit_cache_types[0] : k, v_width,
             v == NULL ? fit_cache_types[0] : v);
}

static void
explain(const struct plan *plan, struct fit_result *result)
{
    const struct fit_facts *f = plan->facts;
    size_t n_states = 0;
    for (size_t i = 0; i < f->n_layers; i++)
        n_states += f->layers[i].state_bytes > 0;
    snprintf(result->explanations[FIT_WEIGHTS], FIT_TEXT_BYTES,
             "as they are stored");
    if (f->is_weights_only)
        return;
    if (result->parts[FIT_REPACK] > 0)
        snprintf(result->explanations[FIT_REPACK], FIT_TEXT_BYTES,
                 "matrices in the order of this processor's AMX%s; not with "
                 "--no-repack",
                 f->output_bytes > 0 ? ""
                                     : ", the embedding matrix once more as "
                                       "the output");
    explain_cache(plan, false, result->explanations[FIT_ATTENTION]);
    explain_cache(plan, true, result->explanations[FIT_WINDOW]);
    if (n_states > 0)
        snprintf(result->explanations[FIT_STATE], FIT_TEXT_BYTES,
                 "%zu blocks, a state for each of %" PRId64 " slots", n_states,
                 plan->layout.n_slots);
    snprintf(result->explanations[FIT_COMPUTE], FIT_TEXT_BYTES,
             "%" PRId64 " tokens at once, flash attention",
             plan->layout.n_tokens);
    snprintf(result->explanations[FIT_OUTPUT], FIT_TEXT_BYTES,
             "%" PRId64 " scores for each of %" PRId64 " slots", f->vocabulary,
             plan->layout.n_slots);
    if (result->parts[FIT_PROJECTOR] > 0)
        snprintf(result->explanations[FIT_PROJECTOR], FIT_TEXT_BYTES,
                 "its weights; what it computes with depends on the picture");
}

/* ---- the whole ---- */

static void
list_devices(const struct fit_machine *machine, struct fit_result *result)
{
    result->devices[RAM] = (struct fit_device){
        .name = "RAM",
        .total_bytes = machine->memory_total_bytes,
        .available_bytes = machine->memory_available_bytes,
    };
    for (size_t g = 0; g < machine->n_gpus; g++)
        result->devices[1 + g] = (struct fit_device){
            .name = machine->gpus[g].name,
            .total_bytes = machine->gpus[g].memory_total_bytes,
            .available_bytes = machine->gpus[g].memory_free_bytes,
        };
    result->n_devices = 1 + machine->n_gpus;
}

void
fit_estimate(const struct fit_facts *facts, const struct fit_options *options,
             const struct fit_machine *machine, struct fit_result *ret_result)
{
    struct plan plan = { facts, options, machine, { 0 } };
    *ret_result = (struct fit_result){ .max_ctx = -1 };
    list_devices(machine, ret_result);
    if (facts->is_weights_only) {
        ret_result->devices[RAM].parts[FIT_WEIGHTS] = facts->weight_bytes;
        conclude(ret_result);
        explain(&plan, ret_result);
        return;
    }
    place_at(&plan, context_of(facts, options), ret_result);
    ret_result->n_slots = plan.layout.n_slots;
    ret_result->n_ctx = plan.layout.cells * plan.layout.n_streams;
    ret_result->n_ctx_slot = plan.layout.cells;
    ret_result->is_shared = options->n_slots == 0;
    ret_result->max_ctx = largest_context(&plan, ret_result);
    explain(&plan, ret_result);
}
