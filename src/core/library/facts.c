/* What is known of one model: its head, then the folders it lies in. */
#include <stdio.h>
#include <stdlib.h>

#include "core/library/library_internal.h"

static const struct {
    const char *folder;
    enum model_kind kind;
} folder_rows[] = {
    { "lora", MODEL_KIND_LORA },
    { "loras", MODEL_KIND_LORA },
    { "lycoris", MODEL_KIND_LORA },
    { "checkpoints", MODEL_KIND_CHECKPOINT },
    { "stable-diffusion", MODEL_KIND_CHECKPOINT },
    { "diffusion_models", MODEL_KIND_CHECKPOINT },
    { "unet", MODEL_KIND_CHECKPOINT },
    { "vae", MODEL_KIND_VAE },
    { "embeddings", MODEL_KIND_EMBEDDING_SD },
    { "controlnet", MODEL_KIND_CONTROLNET },
    { "upscale_models", MODEL_KIND_UPSCALER },
    { "esrgan", MODEL_KIND_UPSCALER },
    { "text_encoders", MODEL_KIND_TEXT_ENCODER },
    { "clip", MODEL_KIND_TEXT_ENCODER },
};

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
        for (size_t i = 0; i < sizeof folder_rows / sizeof *folder_rows; i++)
            if (str_eq_nocase(part, str_from(folder_rows[i].folder)))
                kind = folder_rows[i].kind;
    }
    return kind;
}

int
facts_read(struct model *model)
{
    if (model->kind == MODEL_KIND_UNKNOWN)
        model->kind = facts_kind_of_folders(model->path);
    return 0;
}
