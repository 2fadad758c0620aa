/* hearth fit: how much memory a model takes, and whether it is there. */
#include "base/units.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"

static void
print_parts(const struct json *parts)
{
    static const char *const headings[] = { "PART", "MEMORY", "WHAT", NULL };
    struct table table;
    table_init(&table, headings);
    for (size_t i = 0; i < json_count(parts); i++) {
        const struct json *part = json_at(parts, i);
        char text[512];
        if (int_of(part, "bytes", 0) == 0)
            continue;
        table_add(&table, text_of(part, "name", "-", text, sizeof text));
        table_add(&table,
                  format_bytes(int_of(part, "bytes", -1), text, sizeof text));
        table_add(&table, text_of(part, "explanation", "-", text, sizeof text));
    }
    table_print(&table, "");
}

static void
print_devices(const struct json *devices)
{
    static const char *const headings[] = { "DEVICE", "NEEDED", "FREE",
                                            "TOTAL",  "FITS",   NULL };
    struct table table;
    table_init(&table, headings);
    for (size_t i = 0; i < json_count(devices); i++) {
        static const char *const keys[] = { "needed_bytes", "available_bytes",
                                            "total_bytes" };
        const struct json *device = json_at(devices, i);
        char text[512];
        table_add(&table, text_of(device, "name", "-", text, sizeof text));
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
            table_add(&table, format_bytes(int_of(device, keys[k], -1), text,
                                           sizeof text));
        table_add(&table, text_of(device, "fits", "-", text, sizeof text));
    }
    table_print(&table, "");
}

/* What was looked at, of a model that is not here. */
static void
print_remote(const struct json *remote)
{
    char file[512], size[64], read[64];
    if (remote == NULL || json_type(remote) != JSON_OBJECT)
        return;
    printf("\n%s, %lld file%s of %s on Hugging Face; %s of it read\n",
           text_of(remote, "file", "safetensors", file, sizeof file),
           (long long)int_of(remote, "n_files", 0),
           int_of(remote, "n_files", 0) == 1 ? "" : "s",
           format_bytes(int_of(remote, "size_bytes", -1), size, sizeof size),
           format_bytes(int_of(remote, "read_bytes", -1), read, sizeof read));
}

static int
print_fit(const struct cli *cli, const struct json *data)
{
    const struct json *notes = json_get(data, "notes");
    int64_t ctx = int_of(data, "ctx", -1), most = int_of(data, "max_ctx", -1);
    char text[512];
    if (cli_has(cli, "json"))
        return print_json(data);
    print_parts(json_get(data, "parts"));
    putchar('\n');
    print_devices(json_get(data, "devices"));
    print_remote(json_get(data, "remote"));
    printf("\nin all %s",
           format_bytes(int_of(data, "total_bytes", -1), text, sizeof text));
    if (ctx >= 0)
        printf(" for a context of %lld in %lld slots", (long long)ctx,
               (long long)int_of(data, "slots", 0));
    if (most >= 0)
        printf("; the largest that fits now is %lld", (long long)most);
    putchar('\n');
    for (size_t i = 0; i < json_count(notes); i++)
        printf("%s\n", format_value(json_at(notes, i), text, sizeof text));
    return CLI_OK;
}

static void
add_options(struct cli *cli, struct strbuf *target)
{
    static const struct {
        const char *option, *query;
    } passed[] = {
        { "ctx", "ctx" },
        { "parallel", "parallel" },
        { "cache-type-k", "cache_type_k" },
        { "cache-type-v", "cache_type_v" },
        { "gpu-layers", "gpu_layers" },
    };
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++)
        client_add_query(target, passed[i].query,
                         cli_value(cli, passed[i].option));
    if (cli_has(cli, "mmproj"))
        client_add_query(target, "mmproj", "true");
}

/* ORG/NAME[:VARIANT][@REVISION], as hearth pull has it. */
static int
ask_hub(struct cli *cli)
{
    struct strbuf target = STRBUF_INIT(16 * KIB);
    struct strbuf words = STRBUF_INIT(4 * KIB);
    struct str revision = str_from(cli->args[0]);
    struct str variant = str_split(&revision, '@');
    struct str model = str_split(&variant, ':');
    const struct {
        const char *name, *given;
        struct str own;
    } texts[] = {
        { "model_id", NULL, model },
        { "variant", cli_value(cli, "variant"), variant },
        { "revision", cli_value(cli, "revision"), revision },
        { "file", cli_value(cli, "file"), STR("") },
    };
    strbuf_add_text(&target, "/api/hub/fit");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        strbuf_clear(&words);
        strbuf_add_str(&words, texts[i].own);
        if (texts[i].given != NULL)
            client_add_query(&target, texts[i].name, texts[i].given);
        else if (words.n > 0)
            client_add_query(&target, texts[i].name, strbuf_text(&words));
    }
    add_options(cli, &target);
    int rc = client_ask(cli, "GET", strbuf_text(&target), NULL, print_fit);
    strbuf_release(&words);
    strbuf_release(&target);
    return rc;
}

/* CLI_NOT_FOUND when the library has none of this name; then, unless it can
 * be no other, without a word. */
static int
ask_library(struct cli *cli, bool can_be_remote)
{
    struct daemon_client client;
    struct client_answer answer;
    struct strbuf target = STRBUF_INIT(16 * KIB);
    strbuf_add_text(&target, "/api/models/");
    client_add_segment(&target, cli->args[0]);
    int rc = client_open(&client, cli);
    if (rc == CLI_OK && can_be_remote) {
        rc = client_try(&client, "GET", strbuf_text(&target), &answer);
        if (rc == CLI_OK)
            client_answer_free(&answer);
    }
    strbuf_add_text(&target, "/fit");
    add_options(cli, &target);
    if (rc != CLI_NOT_FOUND)
        rc = client_call(&client, "GET", strbuf_text(&target), NULL, &answer);
    strbuf_release(&target);
    if (rc == CLI_OK) {
        rc = print_fit(cli, answer.data);
        client_answer_free(&answer);
    }
    client_close(&client);
    return rc;
}

static int
run(struct cli *cli)
{
    bool is_remote = cli_has(cli, "variant") || cli_has(cli, "revision") ||
                     cli_has(cli, "file");
    bool can_be_remote = strchr(cli->args[0], '/') != NULL;
    if (!is_remote) {
        int rc = ask_library(cli, can_be_remote);
        if (rc != CLI_NOT_FOUND || !can_be_remote)
            return rc;
    }
    return ask_hub(cli);
}

static const struct cli_option options[] = {
    { "ctx", 'c', "N", "context of all slots together (as trained)" },
    { "parallel", 'p', "N", "slots, each with its part (four that share it)" },
    { "cache-type-k", 0, "TYPE", "of cached keys: f16, q8_0, q4_0, ..." },
    { "cache-type-v", 0, "TYPE", "of cached values" },
    { "gpu-layers", 'g', "N", "blocks on GPUs (as many as fit)" },
    { "mmproj", 0, NULL, "count its projector, too, as for pictures" },
    { "variant", 0, "NAME", "on Hugging Face: this quantization" },
    { "file", 0, "PATH", "on Hugging Face: this file" },
    { "revision", 0, "REV", "on Hugging Face: branch, tag or commit" },
    { 0 }
};

const struct cli_command cli_command_fit = {
    .name = "fit",
    .usage = "MODEL | ORG/NAME[:VARIANT][@REVISION] [OPTION...]",
    .summary = "tell how much memory a model takes, and whether it is there",
    .details = "From the header of its file, as llama-server would allocate "
               "it. Nothing is loaded. Of a model that is not in the library "
               "but on Hugging Face, nothing but the header is fetched.",
    .options = options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = 1,
    .run = run
};
