/* What a model needs at least, without a look at its file: fit.h. */
#include "base/checked.h"
#include "core/fit/fit.h"

enum { F16_BYTES = 2 };

/* Numbers of the record come from files: a product that cannot be is the
 * largest there is. */
static uint64_t
times(uint64_t a, int64_t b)
{
    uint64_t product;
    if (b <= 0)
        return 0;
    return u64_mul_overflows(a, (uint64_t)b, &product) ? UINT64_MAX : product;
}

int64_t
fit_glance_bytes(const struct model *model)
{
    int64_t n_heads = model->n_heads;
    int64_t ctx = model->context_length;
    int64_t n_kv_heads = model->n_kv_heads > 0 ? model->n_kv_heads : n_heads;
    int64_t head = n_heads > 0 ? model->embedding_length / n_heads : 0;
    if (ctx <= 0 || ctx > FIT_GLANCE_CTX)
        ctx = FIT_GLANCE_CTX;
    uint64_t cache = times(2 * F16_BYTES, ctx); /* keys and values */
    cache = times(times(times(cache, model->n_layers), n_kv_heads), head);
    uint64_t size = model->size_bytes > 0 ? (uint64_t)model->size_bytes : 0;
    if (cache > INT64_MAX - size)
        return INT64_MAX;
    return (int64_t)(size + cache);
}

int64_t
fit_machine_bytes(const struct fit_machine *machine)
{
    int64_t sum = machine->memory_total_bytes;
    if (sum < 0)
        return -1;
    for (size_t i = 0; i < machine->n_gpus; i++)
        if (machine->gpus[i].memory_total_bytes > 0)
            sum += machine->gpus[i].memory_total_bytes;
    return sum;
}
