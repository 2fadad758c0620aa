/* hearth search: what the hubs have. */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"

static void
add_size(struct table *table, const struct json *row)
{
    char text[32];
    table_add(table,
              format_bytes(int_of(row, "size_bytes", -1), text, sizeof text));
}

static const char *
access_of(const struct json *row)
{
    bool is_downloaded = false, is_gated = false;
    char gated[32];
    if (json_as_bool(json_get(row, "is_downloaded"), &is_downloaded) &&
        is_downloaded)
        return "here";
    json_as_bool(json_get(row, "gated"), &is_gated);
    const char *how = text_of(row, "gated", "", gated, sizeof gated);
    return is_gated || *how != '\0' ? "gated" : "open";
}

static int
print_found(const struct cli *cli, const struct json *data)
{
    static const char *const headings[] = { "MODEL", "SIZE",   "DOWNLOADS",
                                            "LIKES", "ACCESS", "UPDATED",
                                            NULL };
    struct table table;
    const struct json *rows = json_get(data, "models");
    if (cli_has(cli, "json"))
        return print_json(data);
    table_init(&table, headings);
    for (size_t i = 0; i < json_count(rows); i++) {
        const struct json *row = json_at(rows, i);
        char text[256];
        table_add(&table, text_of(row, "model_id", "-", text, sizeof text));
        add_size(&table, row);
        table_addf(&table, "%lld", (long long)int_of(row, "downloads", 0));
        table_addf(&table, "%lld", (long long)int_of(row, "likes", 0));
        table_add(&table, access_of(row));
        /* the day of an ISO time */
        table_addf(&table, "%.10s",
                   text_of(row, "last_modified", "-", text, sizeof text));
    }
    table_print(&table, "Nothing was found.");
    return CLI_OK;
}

static int
run(struct cli *cli)
{
    static const char *const passed[] = { "source", "author", "library", "sort",
                                          "limit",  "kind",   NULL };
    struct strbuf words = STRBUF_INIT(4 * KIB);
    struct strbuf target = STRBUF_INIT(16 * KIB);
    for (size_t i = 0; i < cli->n_args; i++) {
        strbuf_add_text(&words, i == 0 ? "" : " ");
        strbuf_add_text(&words, cli->args[i]);
    }
    strbuf_add_text(&target, "/api/models/search");
    client_add_query(&target, "q", strbuf_text(&words));
    for (size_t i = 0; passed[i] != NULL; i++)
        client_add_query(&target, passed[i], cli_value(cli, passed[i]));
    int rc = client_ask(cli, "GET", strbuf_text(&target), NULL, print_found);
    strbuf_release(&target);
    strbuf_release(&words);
    return rc;
}

static const struct cli_option options[] = {
    { "source", 's', "HUB", "huggingface (default) or civitai" },
    { "author", 'a', "NAME", "only of this author or organisation" },
    { "library", 'l', "NAME", "only for this library: gguf, mlx, ..." },
    { "kind", 'k', "KIND", "Civitai: Checkpoint, LORA, ..." },
    { "sort", 0, "ORDER", "downloads (default), likes, updated" },
    { "limit", 'n', "N", "at most N rows (default: 20)" },
    { 0 }
};

const struct cli_command cli_command_search = {
    .name = "search",
    .usage = "WORDS...",
    .summary = "search the hubs for models",
    .details = "What is found can be had with: hearth pull MODEL",
    .options = options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = CLI_ARGS_MAX,
    .run = run
};
