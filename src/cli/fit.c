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

static int
run(struct cli *cli)
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
    struct strbuf target = STRBUF_INIT(16 * KIB);
    strbuf_add_text(&target, "/api/models/");
    client_add_segment(&target, cli->args[0]);
    strbuf_add_text(&target, "/fit");
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++)
        client_add_query(&target, passed[i].query,
                         cli_value(cli, passed[i].option));
    int rc = client_ask(cli, "GET", strbuf_text(&target), NULL, print_fit);
    strbuf_release(&target);
    return rc;
}

static const struct cli_option options[] = {
    { "ctx", 'c', "N", "context of all slots together (as trained)" },
    { "parallel", 'p', "N", "slots, each with its part (four that share it)" },
    { "cache-type-k", 0, "TYPE", "of cached keys: f16, q8_0, q4_0, ..." },
    { "cache-type-v", 0, "TYPE", "of cached values" },
    { "gpu-layers", 'g', "N", "blocks on GPUs (as many as fit)" },
    { 0 }
};

const struct cli_command cli_command_fit = {
    .name = "fit",
    .usage = "MODEL [OPTION...]",
    .summary = "tell how much memory a model takes, and whether it is there",
    .details = "From the header of its file, as llama-server would allocate "
               "it. Nothing is loaded.",
    .options = options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = 1,
    .run = run
};
