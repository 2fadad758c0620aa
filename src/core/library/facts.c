/* What is known of one model: its head, then the folders it lies in. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/library/library_internal.h"
#include "formats/comfy_paths.h"
#include "formats/model_name.h"
#include "platform/file.h"

enum { HEAD_BYTES = 16 * 1024 };

/* Besides ComfyUI's own, those of other image programs. */
static const struct {
    const char *folder;
    enum model_kind kind;
} folder_rows[] = {
    { "lora", MODEL_KIND_LORA },
    { "lycoris", MODEL_KIND_LORA },
    { "stable-diffusion", MODEL_KIND_CHECKPOINT },
    { "esrgan", MODEL_KIND_UPSCALER },
};

static enum model_kind
kind_of_folder(struct str folder)
{
    for (size_t i = 0; i < sizeof folder_rows / sizeof *folder_rows; i++)
        if (str_eq_nocase(folder, str_from(folder_rows[i].folder)))
            return folder_rows[i].kind;
    return comfy_folder_kind(folder);
}

/* The folder nearest to the file counts. */
enum model_kind
facts_kind_of_folders(const char *path)
{
    enum model_kind kind = MODEL_KIND_UNKNOWN;
    struct str rest = str_from(path);
    while (rest.n > 0) {
        struct str part = str_split(&rest, '/');
        if (rest.p == NULL)
            break; /* the file itself */
        enum model_kind its = kind_of_folder(part);
        if (its != MODEL_KIND_UNKNOWN)
            kind = its;
    }
    return kind;
}

/* Out of memory is ours to tell; everything else is what the file is. */
int
facts_note_failure(struct model *model, const struct error *error)
{
    if (error->code == ERR_NO_MEMORY)
        return -1;
    return model_set_text(&model->error, str_from(error->message));
}

/* What tells files of one size apart: their first bytes. A file that is not
 * what its name says has none, so that it is never taken for another one. */
static int
take_fingerprint(struct model *model, const char *path)
{
    char head[HEAD_BYTES], hex[24];
    struct error error;
    ptrdiff_t n = file_read_part(path, 0, head, sizeof head, &error);
    if (n < 0)
        return model_set_text(&model->error, str_from(error.message));
    bool is_gguf = n >= 4 && memcmp(head, "GGUF", 4) == 0;
    if (model->format == MODEL_FORMAT_GGUF && !is_gguf)
        return model_set_text(&model->error,
                              STR("it is no GGUF file: the first four bytes "
                                  "are not \"GGUF\""));
    uint64_t hash = str_hash((struct str){ head, (size_t)n });
    snprintf(hex, sizeof hex, "%016" PRIx64, hash);
    return model_set_text(&model->fingerprint, str_from(hex));
}

static int
guess_text(struct model *model, char **field, const char *name,
           struct str value)
{
    if ((*field)[0] != '\0' || value.n == 0)
        return 0;
    return model_set_text(field, value) < 0 ||
                   text_list_add(&model->guessed, str_from(name)) < 0
               ? -1
               : 0;
}

/* Where the head is silent, the name may tell; marked as what it is. */
static int
guess_from_name(struct model *model)
{
    const char *slash = strrchr(model->label, '/');
    struct str name = str_from(slash == NULL ? model->label : slash + 1);
    uint64_t n_parameters = model_name_parameters(name);
    if (model->n_parameters == 0 && n_parameters > 0 &&
        n_parameters <= INT64_MAX) {
        model->n_parameters = (int64_t)n_parameters;
        if (text_list_add(&model->guessed, STR("n_parameters")) < 0)
            return -1;
    }
    if (guess_text(model, &model->quantization, "quantization",
                   model_name_quantization(name)) < 0)
        return -1;
    return guess_text(model, &model->architecture, "architecture",
                      str_from(model_name_family(name)));
}

static int
read_head(struct model *model)
{
    char config[LIMIT_PATH_BYTES + 16];
    bool is_folder = model->format == MODEL_FORMAT_TRANSFORMERS;
    snprintf(config, sizeof config, "%s%s", model->path,
             is_folder ? "/config.json" : "");
    if (take_fingerprint(model, config) < 0)
        return -1;
    if (model->error[0] == '\0' && model->format == MODEL_FORMAT_GGUF)
        return heads_read_gguf(model);
    if (is_folder)
        return texts_read_folder(model);
    if (texts_read_sidecars(model) < 0)
        return -1;
    if (model->error[0] == '\0' && model->format == MODEL_FORMAT_SAFETENSORS)
        return heads_read_safetensors(model);
    return 0;
}

/* Some parts of a split model may be on their way, or lost. */
static int
check_parts(struct model *model)
{
    const char *slash = strrchr(model->path, '/');
    const struct model_shard shard =
        model_shard_of(str_from(slash == NULL ? model->path : slash + 1));
    char text[96];
    if (shard.index != 1 || model->shards.n + 1 >= shard.count)
        return 0;
    snprintf(text, sizeof text, "incomplete: %zu of %u parts are missing",
             shard.count - model->shards.n - 1, shard.count);
    return model_set_text(&model->error, str_from(text));
}

int
facts_read(struct model *model)
{
    if (model->kind == MODEL_KIND_UNKNOWN)
        model->kind = facts_kind_of_folders(model->path);
    if (read_head(model) < 0 || check_parts(model) < 0)
        return -1;
    return guess_from_name(model);
}
