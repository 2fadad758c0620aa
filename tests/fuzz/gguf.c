/* Whatever the bytes say: no crash, bounded memory, and the same answer when
 * the file comes as a front that grows. */
#include <stdlib.h>

#include "formats/gguf.h"
#include "fuzz.h"

static int
on_tensor(void *ctx, const struct gguf_tensor *tensor)
{
    uint64_t *sum = ctx;
    *sum += tensor->n_elements + tensor->name.n + tensor->n_dims;
    return 0;
}

static int
read_front(const char *bytes, size_t have, size_t whole, uint64_t *ret_sum,
           uint64_t *ret_wanted, struct error *error)
{
    struct gguf_info info;
    struct byte_prefix prefix = { .have = { bytes, have } };
    struct byte_source source = byte_prefix_source(&prefix, whole);
    const struct gguf_visitor visitor = { on_tensor, ret_sum };
    *ret_sum = 0;
    int rc = gguf_read(&source, &visitor, &info, error);
    *ret_wanted = prefix.wanted;
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < info.n_kept; i++)
        *ret_sum += info.keys[i].name.n + info.keys[i].value.n_numbers;
    if (info.arena.used_bytes > (size_t)20 << 20)
        abort();
    gguf_info_release(&info);
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint64_t sum = 0, front_sum = 0, wanted = 0;
    struct error error = { .code = ERR_OK }, front_error = { .code = ERR_OK };
    char *copy = calloc(n + 1, 1);
    if (copy == NULL)
        abort();
    if (n > 0)
        memcpy(copy, data, n);
    int rc = read_front(copy, n, n, &sum, &wanted, &error);
    size_t have = 0;
    int front_rc = -1;
    while (have < n) {
        front_rc = read_front(copy, have, n, &front_sum, &wanted, &front_error);
        if (front_rc == 0 || front_error.code != ERR_UNAVAILABLE)
            break;
        if (wanted <= have || wanted > n)
            abort();
        have = (size_t)wanted + (n - (size_t)wanted) / 2;
    }
    if (have < n && (front_rc != rc || (rc == 0 && front_sum != sum) ||
                     (rc != 0 && front_error.code != error.code)))
        abort();
    free(copy);
    return 0;
}
