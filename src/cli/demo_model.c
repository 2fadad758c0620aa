/* hearth demo-model: writes a tiny model whose answer is known. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/commands.h"
#include "formats/tiny_model.h"

#define TINY_OTHERS "qwen2, qwen3, qwen3moe, gemma3, deepseek2, mamba or jamba"

static const struct cli_option options[] = {
    { "say", 's', "WORDS", "what it answers; no word may come twice" },
    { "name", 0, "NAME", "the model's own name (default: tiny)" },
    { "arch", 0, "ARCH", "llama (default), " TINY_OTHERS },
    { "type", 0, "TYPE", "F32, F16, BF16, Q8_0 or Q4_0 (default: F32)" },
    { "loop", 0, NULL, "begin again after the last word, without end" },
    { "layers", 0, "N", "blocks (default: 2)" },
    { "dim", 0, "N", "width, a multiple of 32 (default: 64)" },
    { "ffn", 0, "N", "feed-forward width, a multiple of 32 (128)" },
    { "heads", 0, "N", "attention heads (default: 4)" },
    { "kv-heads", 0, "N", "key and value heads (default: 2, or --heads)" },
    { "ctx", 0, "N", "context length (default: 2048)" },
    { "window", 0, "N", "sliding window of gemma3 (default: 512)" },
    { "experts", 0, "N", "experts of qwen3moe (default: 4)" },
    { "experts-used", 0, "N", "of them, for each token (default: 2)" },
    { "seed", 0, "N", "another seed, other weights (default: 1)" },
    { "no-template", 0, NULL, "leave the chat template out" },
    { "force", 0, NULL, "replace a file that is there" },
    { 0 }
};

static int
choices(const struct cli *cli, struct tiny_model_options *o)
{
    const char *arch = cli_value(cli, "arch");
    const char *type = cli_value(cli, "type");
    if (arch != NULL && tiny_arch_from(str_from(arch), &o->arch) != 0)
        return cli_fail(CLI_USAGE,
                        "--arch: \"%s\" is none of llama, " TINY_OTHERS, arch);
    if (type != NULL && tiny_type_from(str_from(type), &o->type) != 0)
        return cli_fail(CLI_USAGE,
                        "--type: \"%s\" is none of F32, F16, BF16, Q8_0, Q4_0",
                        type);
    return CLI_OK;
}

static int
numbers(const struct cli *cli, struct tiny_model_options *o)
{
    const struct {
        const char *name;
        int64_t *value;
    } rows[] = {
        { "layers", &o->n_layers },
        { "dim", &o->dim },
        { "ffn", &o->ffn },
        { "heads", &o->n_heads },
        { "kv-heads", &o->n_kv_heads },
        { "ctx", &o->n_ctx },
        { "window", &o->n_window },
        { "experts", &o->n_experts },
        { "experts-used", &o->n_experts_used },
    };
    int64_t seed = 1;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (cli_int(cli, rows[i].name, 1, 1 << 20, rows[i].value) != 0)
            return CLI_USAGE;
    if (cli_int(cli, "seed", 1, INT64_MAX, &seed) != 0)
        return CLI_USAGE;
    o->seed = (uint64_t)seed;
    return CLI_OK;
}

struct output {
    const char *path;
    FILE *file;
};

static int
write_piece(void *ctx, struct str bytes, struct error *error)
{
    struct output *output = ctx;
    if (fwrite(bytes.p, 1, bytes.n, output->file) == bytes.n)
        return 0;
    return error_errno(error, errno, "cannot write %s", output->path);
}

static int
write_file(struct output *output, const struct tiny_model_options *o,
           struct error *error)
{
    int rc = tiny_model_write(o, write_piece, output, error);
    if (rc == 0 &&
        (fflush(output->file) != 0 || fsync(fileno(output->file)) != 0))
        rc = error_errno(error, errno, "cannot write %s", output->path);
    if (fclose(output->file) != 0 && rc == 0)
        rc = error_errno(error, errno, "cannot write %s", output->path);
    return rc;
}

/* Into a file beside it, then renamed: OUT is whole or not there. */
static int
write_model(const char *path, const struct tiny_model_options *o,
            struct error *error)
{
    char part[LIMIT_PATH_BYTES];
    int n = snprintf(part, sizeof part, "%s.%ld.part", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof part)
        return error_set(error, ERR_BAD_REQUEST, "the path is too long");
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    struct output output = { path, fd < 0 ? NULL : fdopen(fd, "wb") };
    if (output.file == NULL) {
        error_errno(error, errno, "cannot create %s", part);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    int rc = write_file(&output, o, error);
    if (rc == 0 && rename(part, path) != 0)
        rc = error_errno(error, errno, "cannot rename to %s", path);
    if (rc != 0)
        unlink(part);
    return rc;
}

static int
run(struct cli *cli)
{
    struct tiny_model_options o = {
        .name = str_from(cli_value(cli, "name")),
        .say = str_from(cli_value(cli, "say")),
        .type = GGUF_F32,
        .is_looping = cli_has(cli, "loop"),
        .has_no_template = cli_has(cli, "no-template"),
    };
    struct stat is_there;
    struct error error = { 0 };
    const char *path = cli->args[0];
    if (o.say.p == NULL)
        return cli_fail(CLI_USAGE, "demo-model wants --say \"words ...\"");
    int rc = choices(cli, &o);
    if (rc == CLI_OK)
        rc = numbers(cli, &o);
    if (rc != CLI_OK)
        return rc;
    if (!cli_has(cli, "force") && lstat(path, &is_there) == 0)
        return cli_fail(CLI_CONFLICT,
                        "%s is there already; --force replaces it", path);
    if (write_model(path, &o, &error) == 0)
        return CLI_OK;
    if (error.code == ERR_INVALID)
        return cli_fail(CLI_USAGE, "--%s: %s", error.field, error.message);
    return cli_fail_error(&error);
}

const struct cli_command cli_command_demo_model = {
    .name = "demo-model",
    .usage = "OUT.gguf --say WORDS",
    .summary = "write a tiny model whose answer is known",
    .details = "A real transformer, made in a moment: an engine loads it and "
               "computes as with\nany other, and it answers with the words "
               "of --say. Larger sizes (--dim 1024\n--layers 24 --ffn 4096) "
               "give loading a time and a memory to look at.",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run
};
