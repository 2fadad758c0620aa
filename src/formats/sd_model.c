/* Telling image models apart: see sd_model.h.
 *
 * A tensor's name, and where names are not enough the size of one of its
 * dimensions, leaves marks; rules over the marks tell kind and base model.
 * The first rule that fits counts, so the special ones stand first.
 *
 * Where the names come from: "single file" layouts of the models' authors
 * (LDM, SGM, MMDiT, BFL), the diffusers layout, and for LoRAs the namings of
 * kohya's sd-scripts ("lora_unet_down_blocks_0_..."), PEFT and LyCORIS. kohya
 * writes underscores where the others have dots, so that both count as the
 * same character here. */
#include "formats/sd_model.h"

enum mark {
    LORA,
    CONTROLNET,
    SD_EMBEDDING,
    DIFFUSION,
    VAE_DECODER,
    CLIP_TEXT,
    T5_ENCODER,
    T5_DECODER,
    UPSCALER,
    LLM_LAYER,
    UNET,
    CONTEXT_768,
    CONTEXT_1024,
    CONTEXT_1280,
    CONTEXT_2048,
    VECTOR_2816,
    VECTOR_2560,
    TEXT_768,
    TEXT_1024,
    SECOND_TEXT_ENCODER,
    SGM_UNET,
    VIDEO_UNET,
    KOLORS,
    JOINT_BLOCKS,
    QUERY_NORM,
    DOUBLE_BLOCKS,
    BLOCK_39,
    WIDTH_6144,
    MODULATION_SHARED,
    DISTILLED_GUIDANCE,
    TOKEN_REFINER,
    SINGLE_TRANSFORMER_BLOCKS,
    ADDED_KEYS_1536,
    ADDED_KEYS_2432,
    DOUBLE_LAYERS,
    CROSS_ATTENTION_K,
    IMAGE_MLP,
    PATCHIFY,
    WORDS_768,
    WORDS_1024,
    WORDS_1280,
    N_MARKS
};
#define BIT(mark) ((uint64_t)1 << (mark))
_Static_assert(N_MARKS <= 64, "marks are bits of one number");

/* ---- marks ---- */

/* '^' at the front: the name begins so; '$' at the end: it ends so. */
static const struct {
    const char *pattern;
    int dim; /* that has to have `size`; size 0: any shape */
    uint64_t size;
    enum mark mark;
} mark_rows[] = {
    /* Two thin matrices beside the weight that they change: kohya and
     * LyCORIS (lora, hada, lokr, oft, ia3, full differences), diffusers, PEFT
     * with and without an adapter's name, XLabs. */
    { ".lora.up.weight$", 0, 0, LORA },
    { ".lora.A.weight$", 0, 0, LORA },
    { ".lora.A.default.weight$", 0, 0, LORA },
    { ".lora.linear.layer.up.weight$", 0, 0, LORA },
    { ".qkv.lora1.up.weight$", 0, 0, LORA },
    { ".hada.w1.a$", 0, 0, LORA },
    { ".lokr.w1$", 0, 0, LORA },
    { ".lokr.w1.a$", 0, 0, LORA },
    { ".oft.blocks$", 0, 0, LORA },
    { ".on.input$", 0, 0, LORA },
    { ".dora.scale$", 0, 0, LORA },

    /* LDM's copy of the UNet's first half, and diffusers' zero
     * convolutions. */
    { "^control.model.", 0, 0, CONTROLNET },
    { "^controlnet.", 0, 0, CONTROLNET },
    { "^input.hint.block.", 0, 0, CONTROLNET },
    { "^lora.controlnet$", 0, 0, CONTROLNET },

    /* Textual inversion: as many rows as tokens, as wide as the encoder. */
    { "^emb.params$", 1, 768, WORDS_768 },
    { "^emb.params$", 1, 1024, WORDS_1024 },
    { "^clip.g$", 1, 1280, WORDS_1280 },
    { "^emb.params$", 0, 0, SD_EMBEDDING },
    { "^clip.g$", 0, 0, SD_EMBEDDING },
    { "^string.to.param", 0, 0, SD_EMBEDDING },

    { "^model.diffusion.model.", 0, 0, DIFFUSION },
    /* Latents to pixels; diffusers calls the blocks up_blocks. */
    { "decoder.up.0.block.0.", 0, 0, VAE_DECODER },
    { "decoder.up.blocks.0.resnets.0.", 0, 0, VAE_DECODER },
    /* Wan's and Qwen-Image's. */
    { "^decoder.upsamples.0.", 0, 0, VAE_DECODER },
    { "^text.model.encoder.layers.", 0, 0, CLIP_TEXT },
    { "^transformer.resblocks.", 0, 0, CLIP_TEXT },
    { "^encoder.block.0.layer.0.SelfAttention.", 0, 0, T5_ENCODER },
    { "^enc.blk.0.attn.q.weight$", 0, 0, T5_ENCODER },
    { "^decoder.block.0.", 0, 0, T5_DECODER },
    { "^dec.blk.0.", 0, 0, T5_DECODER },
    /* ESRGAN (old names, BasicSR's, BSRGAN's), SwinIR and its kin. */
    { "model.1.sub.0.RDB1.conv1.", 0, 0, UPSCALER },
    { "body.0.rdb1.conv1.weight$", 0, 0, UPSCALER },
    { "RRDB.trunk.0.RDB1.conv1.weight$", 0, 0, UPSCALER },
    { "^layers.0.residual.group.blocks.0.", 0, 0, UPSCALER },
    { "layers.0.self.attn.q.proj.weight$", 0, 0, LLM_LAYER },
    { "layers.0.self.attn.qkv.proj.weight$", 0, 0, LLM_LAYER },
    { "h.0.attn.c.attn.weight$", 0, 0, LLM_LAYER },
    { "^blk.0.attn.q.weight$", 0, 0, LLM_LAYER },
    { "^blk.0.attn.qkv.weight$", 0, 0, LLM_LAYER },

    /* The UNets: cross-attention reads text as wide as the text encoder's
     * output (the second dimension, also of the LoRA's lower matrix). */
    { "down.blocks.", 0, 0, UNET },
    { "up.blocks.", 0, 0, UNET },
    { "mid.block.", 0, 0, UNET },
    { "input.blocks.", 0, 0, UNET },
    { "output.blocks.", 0, 0, UNET },
    { "middle.block.", 0, 0, UNET },
    { ".attn2.to.k", 1, 768, CONTEXT_768 },
    { ".attn2.to.k", 1, 1024, CONTEXT_1024 },
    { ".attn2.to.k", 1, 1280, CONTEXT_1280 },
    { ".attn2.to.k", 1, 2048, CONTEXT_2048 },
    { ".attn2.processor.to.k", 1, 768, CONTEXT_768 },
    { ".attn2.processor.to.k", 1, 1024, CONTEXT_1024 },
    { ".attn2.processor.to.k", 1, 2048, CONTEXT_2048 },
    /* SDXL is told size and crop beside the text: 1280 + 6 * 256; the
     * refiner size, crop and a score: 1280 + 5 * 256. */
    { "label.emb.0.0.weight$", 1, 2816, VECTOR_2816 },
    { "add.embedding.linear.1.weight$", 1, 2816, VECTOR_2816 },
    { "label.emb.0.0.weight$", 1, 2560, VECTOR_2560 },
    { "add.embedding.linear.1.weight$", 1, 2560, VECTOR_2560 },
    /* A LoRA may change the text encoder alone. */
    { "^lora.te.text.model.encoder.layers.0.self.attn.q.", 1, 768, TEXT_768 },
    { "^lora.te.text.model.encoder.layers.0.self.attn.q.", 1, 1024, TEXT_1024 },
    { "^lora.te2.", 0, 0, SECOND_TEXT_ENCODER },
    { "^text.encoder.2.", 0, 0, SECOND_TEXT_ENCODER },
    { "^conditioner.embedders.1.", 0, 0, SECOND_TEXT_ENCODER },
    /* kohya names SD1 and SD2 by diffusers' blocks and SDXL by SGM's. */
    { "^lora.unet.input.blocks.", 0, 0, SGM_UNET },
    { "^lora.unet.output.blocks.", 0, 0, SGM_UNET },
    { ".time.stack.", 0, 0, VIDEO_UNET },
    { "encoder.hid.proj.weight$", 0, 0, KOLORS },

    /* The transformers, each by a part that no other one has. */
    { "joint.blocks.", 0, 0, JOINT_BLOCKS },
    { ".x.block.attn.ln.q.weight$", 0, 0, QUERY_NORM },
    { "double.blocks.", 0, 0, DOUBLE_BLOCKS },
    { "single.blocks.39.", 0, 0, BLOCK_39 },
    { "single.transformer.blocks.39.", 0, 0, BLOCK_39 },
    { "double.blocks.0.img.attn.qkv.", 1, 6144, WIDTH_6144 },
    { "double.stream.modulation.img.", 0, 0, MODULATION_SHARED },
    { ".attn.to.qkv.mlp.proj.", 0, 0, MODULATION_SHARED },
    { "distilled.guidance.layer.", 0, 0, DISTILLED_GUIDANCE },
    { "txt.in.individual.token.refiner.", 0, 0, TOKEN_REFINER },
    { "context.embedder.token.refiner.", 0, 0, TOKEN_REFINER },
    { "single.transformer.blocks.", 0, 0, SINGLE_TRANSFORMER_BLOCKS },
    { ".attn.add.k.proj.", 1, 1536, ADDED_KEYS_1536 },
    { ".attn.add.k.proj.", 1, 2432, ADDED_KEYS_2432 },
    { "double.layers.0.attn.w1q.", 0, 0, DOUBLE_LAYERS },
    { ".cross.attn.k.weight$", 0, 0, CROSS_ATTENTION_K },
    { ".cross.attn.k.lora.", 0, 0, CROSS_ATTENTION_K },
    { "transformer.blocks.0.img.mlp.net.", 0, 0, IMAGE_MLP },
    { "transformer.blocks.0.img.mod.1.", 0, 0, IMAGE_MLP },
    { "patchify.proj.", 0, 0, PATCHIFY },
};

static char
as_dot(char byte)
{
    return byte == '_' ? '.' : byte;
}

static bool
is_at(struct str name, size_t at, struct str part)
{
    for (size_t i = 0; i < part.n; i++)
        if (as_dot(name.p[at + i]) != part.p[i])
            return false;
    return true;
}

static bool
matches(struct str name, struct str pattern)
{
    bool from_front = pattern.n > 0 && pattern.p[0] == '^';
    if (from_front)
        pattern = (struct str){ pattern.p + 1, pattern.n - 1 };
    bool to_end = pattern.n > 0 && pattern.p[pattern.n - 1] == '$';
    if (to_end)
        pattern.n--;
    if (pattern.n > name.n)
        return false;
    size_t last = name.n - pattern.n;
    if (from_front)
        return is_at(name, 0, pattern) && (!to_end || last == 0);
    for (size_t at = to_end ? last : 0; at <= last; at++)
        if (is_at(name, at, pattern))
            return true;
    return false;
}

void
sd_scan_see(struct sd_scan *scan, struct str name, unsigned n_dims,
            const uint64_t *shape)
{
    for (size_t i = 0; i < sizeof mark_rows / sizeof *mark_rows; i++) {
        uint64_t bit = BIT(mark_rows[i].mark), size = mark_rows[i].size;
        unsigned dim = (unsigned)mark_rows[i].dim;
        if ((scan->marks & bit) != 0 ||
            (size != 0 && (dim >= n_dims || shape[dim] != size)))
            continue;
        if (matches(name, str_from(mark_rows[i].pattern)))
            scan->marks |= bit;
    }
}

void
sd_scan_see_gguf(struct sd_scan *scan, const struct gguf_tensor *tensor)
{
    uint64_t shape[GGUF_SHAPE_MAX];
    for (unsigned i = 0; i < tensor->n_dims; i++)
        shape[i] = tensor->shape[tensor->n_dims - 1 - i];
    sd_scan_see(scan, tensor->name, tensor->n_dims, shape);
}

/* ---- kinds ---- */

/* Any of `any`, none of `none`. */
static const struct {
    uint64_t any, none;
    enum model_kind kind;
} kind_rows[] = {
    /* First, since a LoRA names the parts of the model it changes. */
    { BIT(CONTROLNET), 0, MODEL_KIND_CONTROLNET },
    { BIT(LORA), 0, MODEL_KIND_LORA },
    { BIT(SD_EMBEDDING), 0, MODEL_KIND_EMBEDDING_SD },
    /* Whole checkpoints have a VAE and text encoders inside. */
    { BIT(DIFFUSION) | BIT(JOINT_BLOCKS) | BIT(DOUBLE_BLOCKS) |
          BIT(SINGLE_TRANSFORMER_BLOCKS) | BIT(DOUBLE_LAYERS) |
          BIT(CROSS_ATTENTION_K) | BIT(IMAGE_MLP) | BIT(PATCHIFY) |
          BIT(CONTEXT_768) | BIT(CONTEXT_1024) | BIT(CONTEXT_1280) |
          BIT(CONTEXT_2048),
      0, MODEL_KIND_CHECKPOINT },
    { BIT(VAE_DECODER), 0, MODEL_KIND_VAE },
    { BIT(CLIP_TEXT), 0, MODEL_KIND_TEXT_ENCODER },
    { BIT(T5_ENCODER), BIT(T5_DECODER), MODEL_KIND_TEXT_ENCODER },
    { BIT(T5_DECODER), 0, MODEL_KIND_LLM },
    { BIT(LLM_LAYER), 0, MODEL_KIND_LLM },
    { BIT(UPSCALER), 0, MODEL_KIND_UPSCALER },
};

/* ---- base models ---- */

#define UNET_AND(mark) (BIT(UNET) | BIT(mark))

static const struct {
    uint64_t all; /* of these marks */
    const char *base_model;
    bool is_weak; /* other models share the marks: metadata knows better */
} base_rows[] = {
    { BIT(WORDS_768), "SD1.5", false },
    { BIT(WORDS_1024), "SD2", false },
    { BIT(WORDS_1280), "SDXL", false },
    { BIT(KOLORS), "Kolors", false },
    { UNET_AND(VIDEO_UNET), "SVD", false },
    { UNET_AND(VECTOR_2816), "SDXL", false },
    { UNET_AND(VECTOR_2560), "SDXL Refiner", false },
    { UNET_AND(CONTEXT_2048), "SDXL", false },
    { UNET_AND(CONTEXT_1280), "SDXL Refiner", false },
    { UNET_AND(CONTEXT_1024), "SD2", false },
    { UNET_AND(CONTEXT_768), "SD1.5", false },
    { BIT(JOINT_BLOCKS) | BIT(QUERY_NORM), "SD3.5", false },
    { BIT(JOINT_BLOCKS), "SD3", true },
    { BIT(MODULATION_SHARED), "Flux.2", false },
    { BIT(WIDTH_6144), "Flux.2", false },
    { BIT(DISTILLED_GUIDANCE), "Chroma", false },
    { BIT(TOKEN_REFINER), "Hunyuan Video", false },
    /* It has 40 single blocks where Flux has 38, of the same shapes. */
    { BIT(BLOCK_39), "Hunyuan Video", true },
    { BIT(DOUBLE_BLOCKS), "Flux", true },
    { BIT(SINGLE_TRANSFORMER_BLOCKS), "Flux", true },
    { BIT(IMAGE_MLP), "Qwen-Image", false },
    { BIT(ADDED_KEYS_2432), "SD3.5", false },
    { BIT(ADDED_KEYS_1536), "SD3", true },
    { BIT(DOUBLE_LAYERS), "AuraFlow", false },
    { BIT(PATCHIFY), "LTX-Video", false },
    { BIT(CROSS_ATTENTION_K), "Wan", true },
    { BIT(SECOND_TEXT_ENCODER), "SDXL", true },
    { BIT(SGM_UNET), "SDXL", true },
    { BIT(TEXT_768), "SD1.5", true },
    { BIT(TEXT_1024), "SD2", true },
};

/* How the values of ss_base_model_version (kohya, ai-toolkit) and of
 * modelspec.architecture (Stability's ModelSpec) begin, in any case. */
static const struct {
    const char *prefix;
    const char *base_model;
} name_rows[] = {
    { "sd_v1", "SD1.5" },
    { "sd_1.5", "SD1.5" },
    { "sd1", "SD1.5" },
    { "stable-diffusion-v1", "SD1.5" },
    { "sd_v2", "SD2" },
    { "sd_2", "SD2" },
    { "sd2", "SD2" },
    { "stable-diffusion-v2", "SD2" },
    { "stable-diffusion-xl-v1-refiner", "SDXL Refiner" },
    { "sdxl", "SDXL" },
    { "stable-diffusion-xl", "SDXL" },
    { "sd3.5", "SD3.5" },
    { "stable-diffusion-3.5", "SD3.5" },
    { "sd3", "SD3" },
    { "stable-diffusion-3", "SD3" },
    { "flux2", "Flux.2" },
    { "flux.2", "Flux.2" },
    { "flux-2", "Flux.2" },
    { "flux", "Flux" },
    { "chroma", "Chroma" },
    { "hunyuan-video", "Hunyuan Video" },
    { "hunyuan_video", "Hunyuan Video" },
    { "hunyuanvideo", "Hunyuan Video" },
    { "qwen_image", "Qwen-Image" },
    { "qwen-image", "Qwen-Image" },
    { "auraflow", "AuraFlow" },
    { "aura-flow", "AuraFlow" },
    { "wan", "Wan" },
};

static const char *
base_of_name(const struct json *metadata, const char *key)
{
    struct str name;
    if (!json_as_text(json_get(metadata, key), &name))
        return "";
    for (size_t i = 0; i < sizeof name_rows / sizeof *name_rows; i++) {
        struct str prefix = str_from(name_rows[i].prefix);
        if (name.n >= prefix.n &&
            str_eq_nocase((struct str){ name.p, prefix.n }, prefix))
            return name_rows[i].base_model;
    }
    return "";
}

static const char *
base_of_metadata(const struct json *metadata)
{
    const char *base = base_of_name(metadata, "modelspec.architecture");
    return *base != '\0' ? base
                         : base_of_name(metadata, "ss_base_model_version");
}

static const char *
base_of(uint64_t marks, const struct json *metadata)
{
    size_t n = sizeof base_rows / sizeof *base_rows, i = 0;
    while (i < n && (marks & base_rows[i].all) != base_rows[i].all)
        i++;
    if (i < n && !base_rows[i].is_weak)
        return base_rows[i].base_model;
    const char *base = base_of_metadata(metadata);
    return *base != '\0' || i == n ? base : base_rows[i].base_model;
}

/* As ComfyUI-GGUF's converter and stable-diffusion.cpp name them. */
static const struct {
    const char *architecture;
    const char *base_model;
} architecture_rows[] = {
    { "sd1", "SD1.5" },
    { "sd2", "SD2" },
    { "sdxl", "SDXL" },
    { "sd3", "SD3" },
    { "flux", "Flux" },
    { "aura", "AuraFlow" },
    { "hyvid", "Hunyuan Video" },
    { "ltxv", "LTX-Video" },
    { "qwen_image", "Qwen-Image" },
    { "wan", "Wan" },
};

struct sd_model
sd_model_of_architecture(struct str architecture)
{
    size_t n = sizeof architecture_rows / sizeof *architecture_rows;
    for (size_t i = 0; i < n; i++)
        if (str_is(architecture, architecture_rows[i].architecture))
            return (struct sd_model){ MODEL_KIND_CHECKPOINT,
                                      architecture_rows[i].base_model };
    return (struct sd_model){ MODEL_KIND_UNKNOWN, "" };
}

/* ---- results ---- */

struct sd_model
sd_scan_result(const struct sd_scan *scan, const struct json *metadata)
{
    struct sd_model model = { MODEL_KIND_UNKNOWN, "" };
    size_t n = sizeof kind_rows / sizeof *kind_rows, i = 0;
    while (i < n && ((scan->marks & kind_rows[i].any) == 0 ||
                     (scan->marks & kind_rows[i].none) != 0))
        i++;
    if (i < n)
        model.kind = kind_rows[i].kind;
    switch (model.kind) {
    case MODEL_KIND_CHECKPOINT:
    case MODEL_KIND_LORA:
    case MODEL_KIND_CONTROLNET:
    case MODEL_KIND_EMBEDDING_SD:
        model.base_model = base_of(scan->marks, metadata);
        break;
    default: break; /* shared by several base models, or of none */
    }
    return model;
}

struct sd_model
sd_model_of_safetensors(const struct safetensors_info *info)
{
    struct sd_scan scan = { .marks = 0 };
    for (size_t i = 0; i < info->n_tensors; i++)
        sd_scan_see(&scan, info->tensors[i].name, info->tensors[i].n_dims,
                    info->tensors[i].shape);
    return sd_scan_result(&scan, info->metadata);
}
