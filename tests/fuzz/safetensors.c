/* Whatever the bytes say: no crash, and what is read adds up. */
#include <stdlib.h>

#include "formats/safetensors.h"
#include "formats/sd_model.h"
#include "fuzz.h"

static void
check(const struct safetensors_info *info)
{
    uint64_t bytes = 0, elements = 0;
    for (size_t i = 0; i < info->n_tensors; i++) {
        bytes += info->tensors[i].n_bytes;
        elements += info->tensors[i].n_elements;
    }
    if (bytes != info->data_bytes || elements != info->n_parameters)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct safetensors_info info;
    struct error error = { .code = ERR_OK };
    struct sd_words words;
    struct byte_prefix prefix = { .have = { (const char *)data, n } };
    struct byte_source source = byte_prefix_source(&prefix, n);
    if (safetensors_read(&source, &info, &error) < 0) {
        if (error.code == ERR_OK || error.message[0] == '\0')
            abort();
        return 0;
    }
    check(&info);
    struct sd_model model = sd_model_of_safetensors(&info);
    if (model.kind < 0 || model.kind >= MODEL_KIND_COUNT ||
        model.base_model == NULL)
        abort();
    if (sd_words_read(&words, info.metadata) == 0)
        sd_words_release(&words);
    safetensors_info_release(&info);
    return 0;
}
