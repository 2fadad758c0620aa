/* The estimate by numbers that were worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"
#include "core/fit/fit.h"

static struct fit_facts facts;
static struct fit_result result;

enum { D = 1024, F = 4096, KV = 256, LAYERS = 4 };

/* Four blocks of 10 MiB, 16 heads of 64, 4 kv heads. */
static void
plain(void)
{
    facts = (struct fit_facts){
        .weight_bytes = 100 * (int64_t)MIB,
        .input_bytes = 20 * (int64_t)MIB,
        .output_bytes = 30 * (int64_t)MIB,
        .context_length = 8192,
        .vocabulary = 1000,
        .embedding = D,
        .q_width = D,
        .n_heads = 16,
        .ffn_width = F,
        .has_gate = true,
        .n_layers = LAYERS,
    };
    for (size_t i = 0; i < LAYERS; i++)
        facts.layers[i] = (struct fit_layer){ .weight_bytes = 10 * (int64_t)MIB,
                                              .k_width = KV,
                                              .v_width = KV };
}

static struct fit_machine
machine_of(int64_t ram_mib)
{
    return (struct fit_machine){ .memory_total_bytes = ram_mib * (int64_t)MIB,
                                 .memory_available_bytes =
                                     ram_mib * (int64_t)MIB };
}

static void
estimate(struct fit_options options, struct fit_machine machine)
{
    /* The devices' names are the machine's. */
    static struct fit_machine kept;
    kept = machine;
    fit_estimate(&facts, &options, &kept, &result);
}

static void
context_is_rounded_as_the_engine_does(void **state)
{
    const struct {
        int64_t ctx, slots;
        int64_t n_ctx, per_slot;
    } rows[] = {
        { 0, 0, 8192, 8192 },      { 0, 4, 8192, 2048 },
        { 5000, 0, 5120, 5120 },   { 5000, 4, 5120, 1280 },
        { 10001, 3, 10752, 3584 }, { 256, 1, 256, 256 },
        { 256, 4, 1024, 256 },
    };
    plain();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        estimate((struct fit_options){ .n_ctx = rows[i].ctx,
                                       .n_slots = rows[i].slots },
                 machine_of(100000));
        assert_int_equal(result.n_ctx, rows[i].n_ctx);
        assert_int_equal(result.n_ctx_slot, rows[i].per_slot);
        assert_int_equal(result.is_shared, rows[i].slots == 0);
    }
}

static void
parts_of_plain_attention(void **state)
{
    plain();
    estimate((struct fit_options){ .gpu_layers = -1 }, machine_of(100000));
    assert_int_equal(result.parts[FIT_WEIGHTS], 100 * MIB);
    /* 4 blocks x 8192 cells x (256 + 256) x 2 bytes */
    assert_int_equal(result.parts[FIT_ATTENTION], 32 * MIB);
    assert_int_equal(result.parts[FIT_WINDOW], 0);
    assert_int_equal(result.parts[FIT_STATE], 0);
    /* (5 D + 3 F) x 512 x 4, and a mask of 8192 x 512 x 2 */
    assert_int_equal(result.parts[FIT_COMPUTE], (34 + 8) * MIB);
    assert_int_equal(result.parts[FIT_OUTPUT], 4 * 1000 * 4);
    assert_int_equal(result.total_bytes, (100 + 32 + 42) * MIB + 16000);
    assert_int_equal(result.verdict, FIT_YES);
    assert_int_equal(result.n_devices, 1);
    assert_string_equal(result.devices[0].name, "RAM");
    assert_string_equal(result.explanations[FIT_ATTENTION],
                        "4 blocks, 1 x 8192 cells of 256 f16 and 256 f16");
}

static void
caches_by_type(void **state)
{
    const struct {
        const char *type;
        int64_t bytes; /* of 256 numbers */
    } rows[] = {
        { NULL, 512 },   { "f16", 512 },    { "f32", 1024 }, { "bf16", 512 },
        { "q8_0", 272 }, { "q5_1", 192 },   { "q5_0", 176 }, { "q4_1", 160 },
        { "q4_0", 144 }, { "iq4_nl", 144 },
    };
    size_t n_types = 0;
    while (fit_cache_types[n_types] != NULL)
        n_types++;
    assert_int_equal(n_types, sizeof rows / sizeof rows[0] - 1);
    plain();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        estimate((struct fit_options){ .type_k = rows[i].type }, machine_of(1));
        assert_int_equal(result.parts[FIT_ATTENTION],
                         (rows[i].bytes + 512) * 4 * 8192);
        estimate((struct fit_options){ .type_v = rows[i].type }, machine_of(1));
        assert_int_equal(result.parts[FIT_ATTENTION],
                         (rows[i].bytes + 512) * 4 * 8192);
    }
}

static void
windows_hold_what_they_need(void **state)
{
    const struct {
        int64_t window, slots, cells;
    } rows[] = {
        { 512, 1, 1024 },     /* and the 512 that are computed */
        { 600, 1, 1280 },     /* in steps of 256 */
        { 512, 0, 2560 },     /* of all four that share */
        { 512, 4, 4 * 1024 }, /* each has its own */
        { 100000, 1, 8192 },  /* never more than the context */
        { 100000, 2, 2 * 4096 },
    };
    plain();
    for (size_t i = 0; i < 3; i++)
        facts.layers[i].is_windowed = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        facts.window = rows[i].window;
        estimate((struct fit_options){ .n_slots = rows[i].slots },
                 machine_of(1));
        assert_int_equal(result.parts[FIT_WINDOW], rows[i].cells * 1024 * 3);
        assert_int_equal(result.parts[FIT_ATTENTION], 8192 * 1024);
    }
}

static void
states_are_of_slots_not_of_context(void **state)
{
    plain();
    for (size_t i = 0; i < LAYERS; i++)
        facts.layers[i] = (struct fit_layer){ .state_bytes = 1000 };
    facts.ssm_inner = 2 * D;
    facts.ffn_width = 0;
    estimate((struct fit_options){ .n_slots = 8 }, machine_of(1));
    assert_int_equal(result.parts[FIT_STATE], 4 * 8 * 1000);
    assert_int_equal(result.parts[FIT_ATTENTION], 0);
    /* (3 D + 6 I) x 512 x 4, the states, and no mask */
    assert_int_equal(result.parts[FIT_COMPUTE], 30 * MIB + 8 * 1000);
    estimate((struct fit_options){ .n_slots = 8, .n_ctx = 65536 },
             machine_of(1));
    assert_int_equal(result.parts[FIT_STATE], 4 * 8 * 1000);
    /* More than 3/2 I = 6 MiB of them count twice. */
    facts.layers[0].state_bytes = (int64_t)MIB;
    estimate((struct fit_options){ .n_slots = 7 }, machine_of(1));
    assert_int_equal(result.parts[FIT_COMPUTE], (30 + 14) * MIB);
}

static void
experts_and_latent_attention(void **state)
{
    plain();
    facts.n_experts_used = 8;
    facts.expert_width = 768;
    estimate((struct fit_options){ .n_slots = 1 }, machine_of(1));
    /* E = 6144: 5 D + 3 E */
    assert_int_equal(result.parts[FIT_COMPUTE], (46 + 8) * MIB);
    facts.expert_width = 256;
    facts.n_experts_used = 4;
    estimate((struct fit_options){ .n_slots = 1 }, machine_of(1));
    /* E = D: 5 D + 4 D */
    assert_int_equal(result.parts[FIT_COMPUTE], (18 + 8) * MIB);
    plain();
    facts.latent_rank = 512;
    facts.latent_rope = 32;
    facts.latent_q = 16 * 96;
    for (size_t i = 0; i < LAYERS; i++)
        facts.layers[i] = (struct fit_layer){ .k_width = 544 };
    estimate((struct fit_options){ .n_slots = 1 }, machine_of(1));
    assert_int_equal(result.parts[FIT_ATTENTION], 4 * 8192 * 544 * 2);
    /* 3 D + 1536 + 512 + 1088 + 16 x 1056 numbers */
    assert_int_equal(result.parts[FIT_COMPUTE],
                     (3072 + 1536 + 512 + 1088 + 16896) * 2048 + 8 * MIB);
}

static void
verdicts(void **state)
{
    plain(); /* takes 174 MiB, with its margin 182.7 */
    const struct {
        int64_t total, available;
        enum fit_verdict verdict;
    } rows[] = {
        { 183, 183, FIT_YES },   { 183, 182, FIT_TIGHT },
        { 1000, 10, FIT_TIGHT }, { 175, 175, FIT_TIGHT },
        { 174, 174, FIT_NO },    { 10, 10, FIT_NO },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fit_machine machine = machine_of(rows[i].total);
        machine.memory_available_bytes = rows[i].available * (int64_t)MIB;
        estimate((struct fit_options){ 0 }, machine);
        assert_int_equal(result.verdict, rows[i].verdict);
    }
    struct fit_machine silent = machine_of(1000);
    silent.memory_available_bytes = -1;
    estimate((struct fit_options){ 0 }, silent);
    assert_int_equal(result.verdict, FIT_UNKNOWN);
    assert_int_equal(result.max_ctx, -1);
}

static void
the_largest_context_is_the_largest(void **state)
{
    for (int64_t ram = 120; ram < 200; ram += 7)
        for (int64_t slots = 0; slots < 4; slots++) {
            plain();
            facts.context_length = 65536;
            estimate((struct fit_options){ .n_slots = slots }, machine_of(ram));
            int64_t most = result.max_ctx;
            int64_t step = 256 * (slots == 0 ? 1 : slots);
            assert_int_equal(most % step, 0);
            estimate(
                (struct fit_options){ .n_ctx = most + step, .n_slots = slots },
                machine_of(ram));
            assert_int_not_equal(result.verdict, FIT_YES);
            if (most == 0)
                continue;
            estimate((struct fit_options){ .n_ctx = most, .n_slots = slots },
                     machine_of(ram));
            assert_int_equal(result.verdict, FIT_YES);
        }
    plain();
    estimate((struct fit_options){ 0 }, machine_of(100000));
    assert_int_equal(result.max_ctx, 8192); /* no more than it can */
    estimate((struct fit_options){ 0 }, machine_of(10));
    assert_int_equal(result.max_ctx, 0);
}

static struct hardware_gpu
gpu_of(int64_t mib)
{
    return (struct hardware_gpu){ .name = "gpu",
                                  .memory_total_bytes = mib * (int64_t)MIB,
                                  .memory_free_bytes = mib * (int64_t)MIB };
}

static void
layers_go_to_gpus(void **state)
{
    struct fit_machine machine = machine_of(100000);
    machine.gpus[0] = gpu_of(1000);
    machine.n_gpus = 1;
    plain();
    estimate((struct fit_options){ .gpu_layers = 0 }, machine);
    assert_int_equal(result.devices[1].needed_bytes, 0);
    assert_int_equal(result.devices[0].parts[FIT_WEIGHTS], 100 * MIB);
    /* The output and the last two blocks. */
    estimate((struct fit_options){ .gpu_layers = 3 }, machine);
    assert_int_equal(result.devices[1].parts[FIT_WEIGHTS], 50 * MIB);
    assert_int_equal(result.devices[1].parts[FIT_ATTENTION], 16 * MIB);
    assert_int_equal(result.devices[0].parts[FIT_WEIGHTS], 50 * MIB);
    assert_int_equal(result.devices[0].parts[FIT_ATTENTION], 16 * MIB);
    assert_int_equal(result.parts[FIT_WEIGHTS], 100 * MIB);
    /* More than there are. */
    estimate((struct fit_options){ .gpu_layers = 1000 }, machine);
    assert_int_equal(result.gpu_layers, 5);
    assert_int_equal(result.devices[1].parts[FIT_WEIGHTS], 70 * MIB);
    /* An output that is the embedding matrix is there twice. */
    facts.output_bytes = 0;
    estimate((struct fit_options){ .gpu_layers = 1000 }, machine);
    assert_int_equal(result.devices[1].parts[FIT_WEIGHTS], 60 * MIB);
    assert_int_equal(result.parts[FIT_WEIGHTS], 120 * MIB);
    /* Without a GPU they stay. */
    estimate((struct fit_options){ .gpu_layers = 5 }, machine_of(100000));
    assert_int_equal(result.gpu_layers, 0);
}

static void
as_many_layers_as_fit(void **state)
{
    struct fit_machine machine = machine_of(100000);
    machine.n_gpus = 1;
    /* The output takes 30, each block 10 + 8, computing 42; 5 % more. */
    const struct {
        int64_t mib, layers;
    } rows[] = { { 10, 0 },  { 76, 1 },  { 94, 1 },  { 95, 2 },
                 { 113, 2 }, { 114, 3 }, { 1000, 5 } };
    plain();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        machine.gpus[0] = gpu_of(rows[i].mib);
        estimate((struct fit_options){ .gpu_layers = -1 }, machine);
        assert_int_equal(result.gpu_layers, rows[i].layers);
    }
}

static void
gpus_share_by_their_memory(void **state)
{
    struct fit_machine machine = machine_of(100000);
    machine.gpus[0] = gpu_of(3000);
    machine.gpus[1] = gpu_of(1000);
    machine.n_gpus = 2;
    plain();
    estimate((struct fit_options){ .gpu_layers = 5 }, machine);
    assert_int_equal(result.n_devices, 3);
    assert_int_equal(result.devices[1].parts[FIT_WEIGHTS], 40 * MIB);
    assert_int_equal(result.devices[2].parts[FIT_WEIGHTS], 30 * MIB);
    machine.gpus[0] = gpu_of(1000);
    estimate((struct fit_options){ .gpu_layers = 5 }, machine);
    assert_int_equal(result.devices[1].parts[FIT_WEIGHTS], 20 * MIB);
    assert_int_equal(result.devices[2].parts[FIT_WEIGHTS], 50 * MIB);
}

static void
repacking_is_for_amx_without_gpus(void **state)
{
    struct fit_machine machine = machine_of(100000);
    plain();
    for (size_t i = 0; i < LAYERS; i++)
        facts.layers[i].repack_bytes = MIB;
    facts.output_repack_bytes = 3 * (int64_t)MIB;
    facts.input_repack_bytes = 22 * (int64_t)MIB;
    estimate((struct fit_options){ .gpu_layers = -1 }, machine);
    assert_int_equal(result.parts[FIT_REPACK], 0);
    int64_t without_bytes = result.total_bytes;
    machine.has_amx = true;
    estimate((struct fit_options){ .gpu_layers = -1 }, machine);
    assert_int_equal(result.parts[FIT_REPACK], 7 * (int64_t)MIB);
    assert_int_equal(result.total_bytes, without_bytes + 7 * (int64_t)MIB);
    assert_non_null(strstr(result.explanations[FIT_REPACK], "AMX; "));
    facts.output_bytes = 0; /* the embedding matrix, once more */
    estimate((struct fit_options){ .gpu_layers = -1 }, machine);
    assert_int_equal(result.parts[FIT_REPACK], 26 * (int64_t)MIB);
    assert_non_null(strstr(result.explanations[FIT_REPACK], "once more"));
    machine.gpus[0] = gpu_of(1000);
    machine.n_gpus = 1;
    estimate((struct fit_options){ .gpu_layers = 0 }, machine);
    assert_int_equal(result.parts[FIT_REPACK], 0);
}

static void
glances_count_files_and_a_short_context(void **state)
{
    struct model model = { .size_bytes = 1000,
                           .context_length = 131072,
                           .n_layers = 32,
                           .n_heads = 32,
                           .n_kv_heads = 8,
                           .embedding_length = 4096 };
    /* keys and values, F16, 4096 tokens, 32 blocks, 8 heads of 128 */
    const int64_t cache = INT64_C(2) * 2 * 4096 * 32 * 8 * 128;
    assert_int_equal(fit_glance_bytes(&model), 1000 + cache);
    model.context_length = 2048;
    assert_int_equal(fit_glance_bytes(&model), 1000 + cache / 2);
    model.n_kv_heads = 0; /* not said: as many as heads */
    assert_int_equal(fit_glance_bytes(&model), 1000 + cache * 2);
    model.n_layers = 0;
    assert_int_equal(fit_glance_bytes(&model), 1000);
    model.n_layers = model.n_kv_heads = model.embedding_length = INT64_MAX;
    assert_int_equal(fit_glance_bytes(&model), INT64_MAX);
    model.size_bytes = -1;
    model.n_heads = INT64_MIN;
    assert_int_equal(fit_glance_bytes(&model), 0);

    struct fit_machine machine = machine_of(100);
    machine.gpus[0] = gpu_of(10);
    machine.gpus[1] = gpu_of(20);
    machine.n_gpus = 2;
    assert_int_equal(fit_machine_bytes(&machine), 130 * (int64_t)MIB);
    machine.memory_total_bytes = -1;
    assert_int_equal(fit_machine_bytes(&machine), -1);
}

static void
weights_only(void **state)
{
    facts = (struct fit_facts){ .is_weights_only = true,
                                .weight_bytes = 50 * (int64_t)MIB };
    estimate((struct fit_options){ 0 }, machine_of(60));
    assert_int_equal(result.total_bytes, 50 * MIB);
    assert_int_equal(result.verdict, FIT_YES);
    assert_int_equal(result.max_ctx, -1);
    estimate((struct fit_options){ 0 }, machine_of(49));
    assert_int_equal(result.verdict, FIT_NO);
}

/* The largest that facts and options may be leave no 64 bits. */
static void
the_largest_numbers_do_not_overflow(void **state)
{
    plain();
    facts.n_layers = FIT_LAYERS_MAX;
    facts.embedding = facts.q_width = facts.ffn_width = facts.expert_width =
        facts.ssm_inner = FIT_WIDTH_MAX;
    facts.n_experts_used = 1024;
    facts.vocabulary = INT32_MAX;
    facts.window = INT32_MAX;
    facts.context_length = FIT_CTX_MAX;
    for (size_t i = 0; i < FIT_LAYERS_MAX; i++)
        facts.layers[i] = (struct fit_layer){ .k_width = FIT_WIDTH_MAX,
                                              .v_width = FIT_WIDTH_MAX,
                                              .state_bytes = INT64_C(1) << 40,
                                              .is_windowed = i % 2 == 0 };
    for (int64_t slots = 0; slots <= FIT_SLOTS_MAX; slots += 128) {
        struct fit_options options = { .n_ctx = FIT_CTX_MAX,
                                       .n_slots = slots,
                                       .type_k = "f32",
                                       .type_v = "f32" };
        estimate(options, machine_of(1000));
        assert_true(result.total_bytes > INT64_C(1) << 58);
        assert_int_equal(result.verdict, FIT_NO);
        assert_int_equal(result.max_ctx, 0);
    }
}

/* Its weights go to the first GPU, and to RAM only where there is none. */
static void
a_projector_that_is_loaded(void **state)
{
    const int64_t n = 300 * (int64_t)MIB;
    (void)state;
    plain();
    facts.projector_bytes = n;
    struct fit_machine machine = machine_of(8000);
    estimate((struct fit_options){ .n_ctx = 256, .gpu_layers = -1 }, machine);
    int64_t without = result.total_bytes;
    assert_int_equal(result.parts[FIT_PROJECTOR], 0);
    estimate((struct fit_options){ .n_ctx = 256,
                                   .gpu_layers = -1,
                                   .has_projector = true },
             machine);
    assert_int_equal(result.devices[0].parts[FIT_PROJECTOR], n);
    assert_int_equal(result.total_bytes, without + n);
    machine.gpus[0] = gpu_of(1000);
    machine.gpus[1] = gpu_of(1000);
    machine.n_gpus = 2;
    estimate((struct fit_options){ .n_ctx = 256, .has_projector = true },
             machine); /* though no block is there */
    assert_int_equal(result.gpu_layers, 0);
    assert_int_equal(result.devices[0].parts[FIT_PROJECTOR], 0);
    assert_int_equal(result.devices[1].parts[FIT_PROJECTOR], n);
    assert_int_equal(result.devices[2].parts[FIT_PROJECTOR], 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(context_is_rounded_as_the_engine_does),
        cmocka_unit_test(parts_of_plain_attention),
        cmocka_unit_test(a_projector_that_is_loaded),
        cmocka_unit_test(caches_by_type),
        cmocka_unit_test(windows_hold_what_they_need),
        cmocka_unit_test(states_are_of_slots_not_of_context),
        cmocka_unit_test(experts_and_latent_attention),
        cmocka_unit_test(verdicts),
        cmocka_unit_test(the_largest_context_is_the_largest),
        cmocka_unit_test(layers_go_to_gpus),
        cmocka_unit_test(as_many_layers_as_fit),
        cmocka_unit_test(gpus_share_by_their_memory),
        cmocka_unit_test(repacking_is_for_amx_without_gpus),
        cmocka_unit_test(glances_count_files_and_a_short_context),
        cmocka_unit_test(weights_only),
        cmocka_unit_test(the_largest_numbers_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
