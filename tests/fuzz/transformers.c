/* config.json, tokenizer_config.json, *.index.json from anywhere: every
 * refusal says why, no number is negative, no name leads out of the folder. */
#include <stdlib.h>

#include "formats/file_name.h"
#include "formats/transformers.h"
#include "fuzz.h"

static void
check(bool is_so)
{
    if (!is_so)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n };
    struct transformers_config config;
    struct transformers_index index;
    struct error error = { .code = ERR_OK };
    bool has_template;
    if (transformers_config_read(text, &config, &error) < 0)
        check(error.message[0] != '\0');
    else
        check(config.n_layers >= 0 && config.head_dim >= 0 &&
              config.quantization_bits >= 0 && config.quantization_bits <= 32 &&
              config.n_architectures <= TRANSFORMERS_ARCHITECTURES_MAX &&
              (config.kind != MODEL_KIND_UNKNOWN) == config.is_model);
    transformers_tokenizer_read(text, &has_template, &error);
    struct strbuf room = STRBUF_INIT(TRANSFORMERS_INDEX_ROOM);
    strbuf_add_str(&room, text);
    int result = transformers_index_read(&room, &index, &error);
    strbuf_release(&room);
    if (result < 0)
        return 0;
    check(index.total_bytes >= 0 && index.n_parameters >= 0);
    for (size_t i = 0; i < index.shards.n; i++)
        check(file_name_check_path(str_from(index.shards.at[i]), NULL) == 0);
    transformers_index_release(&index);
    return 0;
}
