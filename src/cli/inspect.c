/* hearth inspect: what a model file or folder says about itself. Reads heads
 * and nothing else; needs no daemon, and little memory whatever the file says. */
#include "cli/inspect.h"

#include <inttypes.h>

#include "cli/commands.h"
#include "platform/file.h"
#include "platform/folder.h"

enum { FRONT_BYTES = 9 };

static bool
has_ending(const char *path, const char *const *endings)
{
    struct str name = str_from(path);
    for (; *endings != NULL; endings++) {
        size_t n = strlen(*endings);
        if (name.n >= n && str_same_nocase(name.p + name.n - n, *endings, n))
            return true;
    }
    return false;
}

/* Pickles are programs: to load one is to run it. PyTorch's are inside a zip
 * archive, older ones bare (protocol 2 and later). */
static bool
is_pickle(const char *path, struct str front)
{
    static const char *const endings[] = { ".ckpt", ".pt", ".pth", ".bin",
                                           NULL };
    return has_ending(path, endings) ||
           str_starts_with(front, STR("PK\x03\x04")) ||
           str_starts_with(front, STR("\x80\x02"));
}

static int
inspect(const struct inspected *file, struct str front)
{
    static const char *const gguf[] = { ".gguf", NULL };
    static const char *const safetensors[] = { ".safetensors", NULL };
    struct error error;
    if (str_starts_with(front, STR("GGUF")) || has_ending(file->path, gguf))
        return inspect_gguf(file);
    if (has_ending(file->path, safetensors) ||
        (front.n == FRONT_BYTES && front.p[FRONT_BYTES - 1] == '{'))
        return inspect_safetensors(file);
    if (is_pickle(file->path, front))
        error_set(&error, ERR_INVALID,
                  "a pickle, or named like one: loading it could run "
                  "anything, so it is never opened");
    else
        error_set(&error, ERR_INVALID, "neither GGUF nor safetensors");
    return inspect_failed(file, &error);
}

static int
run(struct cli *cli)
{
    const char *path = cli->args[0];
    int64_t size_bytes, modified_at_ms;
    struct folder_facts facts;
    char front[FRONT_BYTES];
    struct error error;
    struct inspected file = {
        .path = path,
        .source = { .read = file_read_exactly, .ctx = (void *)(uintptr_t)path },
        .is_json = cli_has(cli, "json"),
    };
    if (folder_facts(path, &facts) == 0 && facts.is_folder)
        return inspect_folder(&file);
    if (folder_file_facts(path, &size_bytes, &modified_at_ms) < 0)
        return cli_fail(CLI_FAILED,
                        "%s: there is no such file or folder, or it is a "
                        "device",
                        path);
    file.source.size_bytes = (uint64_t)size_bytes;
    ptrdiff_t n = file_read_part(path, 0, front, sizeof front, &error);
    if (n < 0)
        return inspect_failed(&file, &error);
    return inspect(&file, (struct str){ front, (size_t)n });
}

/* ---- for the formats ---- */

int
inspect_failed(const struct inspected *file, const struct error *error)
{
    char shown[ERROR_MESSAGE_MAX]; /* names in it may be the file's own */
    snprintf(shown, sizeof shown, "%s", error->message);
    for (char *c = shown; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F)
            *c = ' ';
    return cli_fail(CLI_FAILED, "%s: %s", file->path, shown);
}

void
inspect_begin(struct report *report, const struct inspected *file,
              const char *format)
{
    report_begin(report, file->is_json);
    report_text(report, "path", NULL, str_from(file->path));
    report_text(report, "format", "format", str_from(format));
    report_bytes(report, "size_bytes", "size", file->source.size_bytes);
}

void
inspect_json_text(struct report *report, struct str text, uint64_t n_bytes)
{
    if (text.n == n_bytes && text.n <= INSPECT_TEXT_MAX) {
        json_str(&report->json, text);
    } else {
        if (text.n > INSPECT_TEXT_MAX)
            text.n = INSPECT_TEXT_MAX;
        json_object_begin(&report->json);
        json_key(&report->json, "text");
        json_str(&report->json, text);
        json_key(&report->json, "n_bytes");
        report_u64(report, n_bytes);
        json_object_end(&report->json);
    }
    report_flush(report);
}

void
inspect_count_type(struct inspect_types *types, struct str name,
                   uint64_t n_bytes)
{
    size_t i = 0;
    char shown[INSPECT_TYPE_BYTES];
    snprintf(shown, sizeof shown, "%.*s",
             (int)(name.n < sizeof shown ? name.n : sizeof shown - 1), name.p);
    while (i < types->n && strcmp(types->at[i].name, shown) != 0)
        i++;
    if (i == INSPECT_TYPES_MAX)
        i--;
    if (i == types->n)
        memcpy(types->at[types->n++].name, shown, sizeof shown);
    types->at[i].n_tensors++;
    types->at[i].n_bytes += n_bytes;
}

static void
print_type(const struct inspect_type *type)
{
    printf("  ");
    report_print_text(str_from(type->name), INSPECT_TYPE_BYTES);
    printf(": %" PRIu64 " tensor%s, %" PRIu64 " bytes\n", type->n_tensors,
           type->n_tensors == 1 ? "" : "s", type->n_bytes);
}

void
inspect_report_types(struct report *report, const struct inspect_types *types)
{
    if (report->is_json) {
        json_key(&report->json, "types");
        json_array_begin(&report->json);
    }
    for (size_t i = 0; i < types->n; i++) {
        if (!report->is_json) {
            print_type(&types->at[i]);
            continue;
        }
        json_object_begin(&report->json);
        json_key(&report->json, "type");
        json_text(&report->json, types->at[i].name);
        json_key(&report->json, "n_tensors");
        report_u64(report, types->at[i].n_tensors);
        json_key(&report->json, "n_bytes");
        report_u64(report, types->at[i].n_bytes);
        json_object_end(&report->json);
    }
    if (report->is_json)
        json_array_end(&report->json);
}

const struct cli_command cli_command_inspect = {
    .name = "inspect",
    .usage = "FILE|FOLDER",
    .summary = "show what a model file says about itself",
    .details = "Reads the head of a GGUF or safetensors file, or the texts of "
               "a folder with a\nconfig.json; needs no daemon. --json shows "
               "all of its metadata. Pickles (.ckpt,\n.pt, .pth, .bin) are "
               "never opened.",
    .flags = CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = 1,
    .run = run
};
