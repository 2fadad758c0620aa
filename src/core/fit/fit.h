/* Does a model fit? How much memory llama-server will allocate for it, from
 * the header of its file alone: weights, caches, compute buffer, output
 * buffer; on RAM and each GPU; and the largest context that fits.
 *
 *     fit_ask()        reads a library model's headers on a worker
 *     fit_ask_hub()    reads those of a model that is on a hub
 *     fit_estimate()   facts, options, machine -> numbers; no I/O, pure
 *
 * The numbers are those of llama.cpp as of its build 11669, with its defaults:
 * 512 tokens at a time, flash attention. Where they come from:
 *
 *     weights    the tensors, as they are stored.
 *     repack     what is added on a processor with AMX when no GPU is there:
 *                the engine repacks matrices, and Q8_0 becomes an eighth
 *                larger; an embedding matrix that is the output, too, is
 *                there twice.
 *     caches     for each block by what it is (archs.c): keys and values of
 *                every cell of the context; of a window; one latent vector;
 *                or a state for each slot, however long the context is.
 *     compute    what its graph holds at once (compute.c).
 *     output     the words' scores, for each slot.
 *
 * What grows later with use (prompts that llama-server keeps in RAM, up to
 * --cache-ram) is not in them. The projector of a vision model is when it is
 * asked for: no engine loads it unless a profile names it, then with its
 * weights on the first GPU; what it computes with depends on the picture. */
#ifndef CORE_FIT_H
#define CORE_FIT_H

#include "core/hardware/hardware.h"
#include "core/hub/hub.h"
#include "formats/gguf.h"
#include "io/loop.h"
#include "records/model.h"

enum {
    FIT_LAYERS_MAX = 1024,
    FIT_WIDTH_MAX = 1 << 22, /* of a vector in the model */
    FIT_CTX_MIN = 256,
    FIT_CTX_MAX = 1 << 24,
    FIT_SLOTS_MAX = 256,
    FIT_ARCH_BYTES = 64,
    FIT_PARTS_MAX = 256, /* files of a remote model */
    FIT_TEXT_BYTES = 256
};

/* ---- what the file says ---- */

struct fit_layer {
    int64_t weight_bytes;
    int64_t repack_bytes;     /* that AMX adds */
    int64_t k_width, v_width; /* cached numbers for a token; 0: none */
    int64_t state_bytes;      /* of a slot; 0: not recurrent */
    bool is_windowed;
};

struct fit_facts {
    char architecture[FIT_ARCH_BYTES];
    bool is_guess;        /* unknown architecture: taken for plain attention */
    bool is_weights_only; /* no GGUF: nothing but weight_bytes is known */
    int64_t weight_bytes; /* all of them */
    int64_t input_bytes;  /* the embedding matrix: stays in RAM */
    int64_t output_bytes; /* after the blocks; 0: the embedding matrix again */
    /* What AMX adds when the output is the embedding matrix, and when it is
     * its own. */
    int64_t input_repack_bytes, output_repack_bytes;
    int64_t context_length; /* that it was trained for; 0: not said */
    int64_t vocabulary, embedding;
    int64_t window; /* tokens that a windowed block sees */
    /* of the widest block */
    int64_t q_width, ffn_width, expert_width, n_experts_used;
    bool has_gate; /* feed-forward with two matrices up */
    /* latent attention: 0 when it has none */
    int64_t latent_rank, latent_rope, latent_q, n_heads;
    int64_t ssm_inner;       /* recurrent blocks like Mamba's; else 0 */
    int64_t n_parts;         /* files that it was split into; 0: not said */
    int64_t projector_bytes; /* of the file beside it; 0: none */
    size_t n_layers;
    struct fit_layer layers[FIT_LAYERS_MAX];
};

/* The first file of a model, then its further parts (weights only). 0, or -1:
 * ERR_INVALID when it is no GGUF, no language model or says what cannot be. */
int fit_facts_read(const struct byte_source *source, struct fit_facts *facts,
                   struct error *error);
int fit_facts_add_part(const struct byte_source *source,
                       struct fit_facts *facts, struct error *error);

/* ---- what is asked ---- */

/* ggml types of caches; NULL at the end. The first is the default. */
extern const char *const fit_cache_types[];

struct fit_options {
    int64_t n_ctx;      /* all slots together; 0: as trained */
    int64_t n_slots;    /* 0: four that share the context */
    const char *type_k; /* of fit_cache_types; NULL: the first */
    const char *type_v;
    int64_t gpu_layers; /* the output counts as one; -1: as many as fit */
    bool has_projector; /* it is loaded, too */
};

struct fit_machine {
    int64_t memory_total_bytes, memory_available_bytes; /* -1: unknown */
    struct hardware_gpu gpus[HARDWARE_GPUS_MAX];
    size_t n_gpus;
    bool has_amx;
};

/* ---- the answer ---- */

/* clang-format off */
#define FIT_PARTS(X)              \
    X(WEIGHTS,   "weights")       \
    X(REPACK,    "repack")        \
    X(ATTENTION, "kv_attention")  \
    X(WINDOW,    "kv_window")     \
    X(STATE,     "recurrent")     \
    X(COMPUTE,   "compute")       \
    X(OUTPUT,    "output")        \
    X(PROJECTOR, "projector")
/* clang-format on */
#define X(name, wire) FIT_##name,
enum fit_part { FIT_PARTS(X) FIT_PART_COUNT };
#undef X
extern const char *const fit_part_names[]; /* NULL at the end */

enum fit_verdict {
    FIT_UNKNOWN, /* the device does not say its memory */
    FIT_YES,     /* with a margin as wide as the estimate's error */
    FIT_TIGHT,   /* only without the margin, or once others have left */
    FIT_NO
};
extern const char *const fit_verdict_names[]; /* NULL at the end */

struct fit_device {
    const char *name; /* "RAM", or of the machine's struct */
    int64_t total_bytes, available_bytes; /* -1: unknown */
    int64_t parts[FIT_PART_COUNT];
    int64_t needed_bytes;
    enum fit_verdict verdict;
};

struct fit_result {
    int64_t n_ctx, n_ctx_slot, n_slots; /* as the engine will round them */
    bool is_shared;                     /* the slots share the context */
    int64_t gpu_layers;
    struct fit_device devices[1 + HARDWARE_GPUS_MAX]; /* RAM first */
    size_t n_devices;
    int64_t parts[FIT_PART_COUNT]; /* of all devices */
    int64_t total_bytes;
    enum fit_verdict verdict; /* the worst of the devices' */
    int64_t max_ctx;          /* that still is FIT_YES; 0: none; -1: unknown */
    char explanations[FIT_PART_COUNT][FIT_TEXT_BYTES];
};

/* Options are within the bounds above. */
void fit_estimate(const struct fit_facts *facts,
                  const struct fit_options *options,
                  const struct fit_machine *machine,
                  struct fit_result *ret_result);

/* This machine, now. Asks drivers: on a worker. */
void fit_read_machine(struct fit_machine *ret_machine);

/* ---- a glance (glance.c) ---- */

/* What a model needs at least, from its library record alone, for lists of
 * thousands: its files, and keys and values in F16 of a context of
 * FIT_GLANCE_CTX (or what it was trained for, if that is less), every block
 * taken for plain attention. No window, no buffers: fit_ask() knows better. */
enum { FIT_GLANCE_CTX = 4096 };
int64_t fit_glance_bytes(const struct model *model);
/* What there is: RAM and the memory of all GPUs, in use or not; -1: the system
 * does not say. */
int64_t fit_machine_bytes(const struct fit_machine *machine);

/* ---- all of it, for a model of the library ---- */

/* On a worker: reads the headers of the model's files and the machine, and
 * estimates. Of what is no GGUF only the size is told, and only of language
 * models. `on_done` gets facts and result, or an error, all borrowed. -1 with
 * `error`: never called. The types in `options` are fit_cache_types'. Loop
 * thread. */
typedef void fit_done_fn(void *ctx, const struct fit_facts *facts,
                         const struct fit_result *result,
                         const struct error *error);
int fit_ask(struct loop *loop, const struct model *model,
            const struct fit_options *options, fit_done_fn *on_done, void *ctx,
            struct error *error);

/* ---- the same for a model that is still on a hub (remote.c) ---- */

/* What was looked at. Views and texts live during the callback. */
struct fit_remote {
    const char *model_id, *revision, *variant; /* "" when there is none */
    const char *file;   /* the first of the model's; "" of safetensors */
    size_t n_files;     /* parts, or files of tensors */
    int64_t size_bytes; /* of all of them */
    int64_t read_bytes; /* how little of it came over the wire */
};

/* Lets the hub choose as for a download, reads the header of each part with
 * ranged requests and parses it on a worker. `request` names a repository,
 * with a variant or one file; a file that is a part stands for all of them.
 * Of a repository without GGUF files only the size of its tensors is told.
 * Errors are the hub's, and those of fit_ask(). */
typedef void fit_remote_fn(void *ctx, const struct fit_remote *remote,
                           const struct fit_facts *facts,
                           const struct fit_result *result,
                           const struct error *error);
int fit_ask_hub(struct loop *loop, struct hub *hub,
                const struct hub_request *request,
                const struct fit_options *options, fit_remote_fn *on_done,
                void *ctx, struct error *error);

#endif
