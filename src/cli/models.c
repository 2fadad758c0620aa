/* hearth models: what is on this machine. */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"
#include "cli/report.h"

static void
add_parameters(struct table *table, const struct json *model)
{
    double n = (double)int_of(model, "n_parameters", 0);
    if (n <= 0)
        table_add(table, NULL);
    else if (n >= 1e9)
        table_addf(table, "%.1f B", n / 1e9);
    else
        table_addf(table, "%.1f M", n / 1e6);
}

static int
print_list(const struct cli *cli, const struct json *data)
{
    static const char *const headings[] = { "NAME",   "KIND",  "ARCH",
                                            "PARAMS", "QUANT", "CONTEXT",
                                            "SIZE",   "FROM",  NULL };
    struct table table;
    if (cli_has(cli, "json"))
        return print_json(data);
    table_init(&table, headings);
    for (size_t i = 0; i < json_count(data); i++) {
        const struct json *model = json_at(data, i);
        char text[512];
        int64_t context = int_of(model, "context_length", 0);
        table_add(&table, text_of(model, "name", "-", text, sizeof text));
        table_add(&table, text_of(model, "kind", "-", text, sizeof text));
        table_add(&table,
                  text_of(model, "architecture", "-", text, sizeof text));
        add_parameters(&table, model);
        table_add(&table,
                  text_of(model, "quantization", "-", text, sizeof text));
        if (context > 0)
            table_addf(&table, "%lld", (long long)context);
        else
            table_add(&table, NULL);
        table_add(&table, format_bytes(int_of(model, "size_bytes", -1), text,
                                       sizeof text));
        table_add(&table, text_of(model, "source", "-", text, sizeof text));
    }
    table_print(&table, "There are no models here. See: hearth search, "
                        "hearth pull");
    return CLI_OK;
}

static int
run_list(struct cli *cli)
{
    static const char *const passed[] = { "kind",     "arch", "quant", "tag",
                                          "source",   "sort", "order", "limit",
                                          "category", NULL };
    struct strbuf target = STRBUF_INIT(16 * KIB);
    strbuf_add_text(&target, "/api/models");
    if (cli->n_args == 1)
        client_add_query(&target, "q", cli->args[0]);
    for (size_t i = 0; passed[i] != NULL; i++)
        client_add_query(&target, passed[i], cli_value(cli, passed[i]));
    if (cli_has(cli, "fits"))
        client_add_query(&target, "fits", "true");
    int rc = client_ask(cli, "GET", strbuf_text(&target), NULL, print_list);
    strbuf_release(&target);
    return rc;
}

/* Where else its bytes lie. */
static void
print_places(const struct json *places)
{
    char path[LIMIT_PATH_BYTES];
    for (size_t i = 1; i < json_count(places); i++)
        printf("%-18s %s\n", "also_at",
               text_of(json_at(places, i), "path", "?", path, sizeof path));
}

static int
print_one(const struct cli *cli, const struct json *data)
{
    struct json_iter iter;
    if (cli_has(cli, "json"))
        return print_json(data);
    for (json_iter_init(&iter, data); json_iter_next(&iter);) {
        char value[2048];
        if (str_is(iter.key, "locations"))
            print_places(iter.value);
        if (json_type(iter.value) == JSON_NULL || str_is(iter.key, "locations"))
            continue;
        format_value(iter.value, value, sizeof value);
        if (value[0] == '\0')
            continue;
        printf("%-18.*s ", STR_ARG(iter.key));
        report_print_text(str_from(value), sizeof value); /* from sidecars */
        putchar('\n');
    }
    return CLI_OK;
}

static int
ask_one(struct cli *cli, const char *method, const char *rest, const char *body,
        client_print_fn *print)
{
    struct strbuf target = STRBUF_INIT(16 * KIB);
    strbuf_add_text(&target, "/api/models/");
    client_add_segment(&target, cli->args[0]);
    strbuf_add_text(&target, rest);
    int rc = client_ask(cli, method, strbuf_text(&target), body, print);
    strbuf_release(&target);
    return rc;
}

static int
run_show(struct cli *cli)
{
    return ask_one(cli, "GET", "", NULL, print_one);
}

static int
print_removed(const struct cli *cli, const struct json *data)
{
    const struct json *files = json_get(data, "files");
    char text[LIMIT_PATH_BYTES];
    if (cli_has(cli, "json"))
        return print_json(data);
    for (size_t i = 0; i < json_count(files); i++)
        puts(format_value(json_at(files, i), text, sizeof text));
    format_bytes(int_of(data, "size_bytes", 0), text, sizeof text);
    printf("%s: %zu file%s, %s\n",
           cli_has(cli, "dry-run") ? "would be deleted" : "deleted",
           json_count(files), json_count(files) == 1 ? "" : "s", text);
    return CLI_OK;
}

static int
run_rm(struct cli *cli)
{
    struct strbuf rest = STRBUF_INIT(16 * KIB);
    const char *at = cli_value(cli, "at");
    if (at != NULL && cli_has(cli, "all"))
        return cli_fail(CLI_USAGE, "--at and --all exclude each other");
    client_add_query(&rest, "dry_run", cli_has(cli, "dry-run") ? "true" : NULL);
    client_add_query(&rest, "location", cli_has(cli, "all") ? "all" : at);
    int rc = ask_one(cli, "DELETE", strbuf_text(&rest), NULL, print_removed);
    strbuf_release(&rest);
    return rc;
}

static int
print_moved(const struct cli *cli, const struct json *data)
{
    char path[LIMIT_PATH_BYTES];
    if (cli_has(cli, "json"))
        return print_json(data);
    printf("%s\n", text_of(data, "new_path", "moved", path, sizeof path));
    const struct json *left = json_get(data, "left_names");
    for (size_t i = 0; i < json_count(left); i++)
        fprintf(stderr, "another name of it stays: %s\n",
                format_value(json_at(left, i), path, sizeof path));
    return CLI_OK;
}

static int
run_mv(struct cli *cli)
{
    const char *to = cli->args[1];
    if (strcmp(to, "active") != 0 && strcmp(to, "archive") != 0)
        return cli_fail(CLI_USAGE, "\"%s\" is neither active nor archive", to);
    struct strbuf body = STRBUF_INIT(16 * KIB);
    struct json_writer w;
    json_writer_init(&w, &body);
    json_object_begin(&w);
    json_key(&w, "category");
    json_text(&w, to);
    if (cli_value(cli, "at") != NULL) {
        json_key(&w, "location");
        json_text(&w, cli_value(cli, "at"));
    }
    json_object_end(&w);
    int rc = ask_one(cli, "POST", "/move", strbuf_text(&body), print_moved);
    strbuf_release(&body);
    return rc;
}

static int
print_scan(const struct cli *cli, const struct json *data)
{
    if (cli_has(cli, "json"))
        return print_json(data);
    printf("%lld models\n", (long long)int_of(data, "n_models", 0));
    return CLI_OK;
}

static int
run_scan(struct cli *cli)
{
    return client_ask(cli, "POST", "/api/models/scan", NULL, print_scan);
}

static int
print_dups(const struct cli *cli, const struct json *data)
{
    if (cli_has(cli, "json"))
        return print_json(data);
    if (json_count(data) == 0)
        puts("No file is here twice.");
    for (size_t i = 0; i < json_count(data); i++) {
        const struct json *group = json_at(data, i);
        const struct json *places = json_get(group, "locations");
        char text[LIMIT_PATH_BYTES];
        printf("%s", text_of(group, "name", "?", text, sizeof text));
        printf(" (sha256 %s)\n",
               text_of(group, "sha256", "?", text, sizeof text));
        for (size_t j = 0; j < json_count(places); j++)
            printf("  %s\n",
                   text_of(json_at(places, j), "path", "?", text, sizeof text));
    }
    return CLI_OK;
}

static int
run_dups(struct cli *cli)
{
    return client_ask(cli, "GET", "/api/models/duplicates", NULL, print_dups);
}

static const struct cli_option list_options[] = {
    { "kind", 'k', "KIND", "llm, embedding, checkpoint, lora, vae, ..." },
    { "arch", 'a', "NAME", "only of this architecture" },
    { "quant", 0, "NAME", "only of this quantization" },
    { "tag", 't', "TAG", "only with this tag" },
    { "source", 's', "NAME", "folder, huggingface, ollama, lmstudio, ..." },
    { "category", 0, "NAME", "active or archive" },
    { "fits", 0, NULL, "only what this machine has the memory for" },
    { "sort", 0, "FIELD", "name (default), size_bytes, modified_at_ms, ..." },
    { "order", 0, "ORDER", "asc or desc" },
    { "limit", 'n', "N", "at most N rows" },
    { 0 }
};
static const struct cli_option rm_options[] = {
    { "dry-run", 'n', NULL, "only say what would be deleted" },
    { "at", 0, "PATH", "of several places only this one" },
    { "all", 0, NULL, "every place that holds the model's bytes" },
    { 0 }
};
static const struct cli_option mv_options[] = {
    { "at", 0, "PATH", "of several places this one" }, { 0 }
};

const struct cli_command cli_command_models_list = {
    .name = "models list",
    .usage = "[WORDS] [OPTION...]",
    .summary = "list the models on this machine",
    .options = list_options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .max_args = 1,
    .run = run_list
};
const struct cli_command cli_command_models_show = {
    .name = "models show",
    .usage = "MODEL",
    .summary = "show all that is known of a model",
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = 1,
    .run = run_show
};
const struct cli_command cli_command_models_rm = {
    .name = "models rm",
    .usage = "MODEL [--at PATH | --all] [--dry-run]",
    .summary = "delete a model's files; not while it is served",
    .options = rm_options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = 1,
    .run = run_rm
};
const struct cli_command cli_command_models_mv = {
    .name = "models mv",
    .usage = "MODEL active|archive [--at PATH]",
    .summary = "move a model and what belongs to it",
    .options = mv_options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 2,
    .max_args = 2,
    .run = run_mv
};
const struct cli_command cli_command_models_scan = {
    .name = "models scan",
    .usage = "",
    .summary = "search the model folders anew",
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .run = run_scan
};
const struct cli_command cli_command_models_dups = {
    .name = "models dups",
    .usage = "",
    .summary = "list files that are here more than once",
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .run = run_dups
};
