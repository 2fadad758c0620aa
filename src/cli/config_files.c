/* hearth config export, import: what is stored, as one document. */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"
#include "platform/file.h"

#include <stdlib.h>

static int
print_document(const struct cli *cli, const struct json *document)
{
    const char *path = cli->n_args > 0 ? cli->args[0] : NULL;
    struct error error;
    char *text = json_to_text(document);
    if (text == NULL)
        return cli_fail(CLI_FAILED, "out of memory");
    int rc = CLI_OK;
    if (path == NULL)
        puts(text);
    else if (file_write_atomic(path, str_from(text), 0600, &error) < 0)
        rc = cli_fail_error(&error);
    size_t n = 0;
    struct str name;
    const struct json *left_out = json_get(document, "left_out");
    for (size_t i = 0; i < json_count(left_out); i++) {
        if (!json_as_text(json_at(left_out, i), &name))
            continue;
        if (!str_starts_with(name, STR("presets.")))
            n++;
        else
            fprintf(stderr, "hearth: %.*s is left out: it has a mistake\n",
                    STR_ARG(name));
    }
    if (rc == CLI_OK && n > 0)
        fprintf(stderr,
                "hearth: %zu secret%s left out; --secrets takes "
                "them along\n",
                n, n == 1 ? " is" : "s are");
    free(text);
    return rc;
}

static int
run_export(struct cli *cli)
{
    return client_ask(cli, "GET",
                      cli_has(cli, "secrets") ? "/api/config/export?secrets=1"
                                              : "/api/config/export",
                      NULL, print_document);
}

static int
print_changes(const struct cli *cli, const struct json *data)
{
    static const char *const headings[] = { "WHAT", "NAME", "CHANGE", NULL };
    const struct json *changes = json_get(data, "changes");
    struct table table;
    if (cli_has(cli, "json"))
        return print_json(data);
    table_init(&table, headings);
    for (size_t i = 0; i < json_count(changes); i++) {
        const struct json *change = json_at(changes, i);
        char text[512];
        table_add(&table, text_of(change, "kind", "-", text, sizeof text));
        table_add(&table, text_of(change, "name", "-", text, sizeof text));
        table_add(&table, text_of(change, "action", "-", text, sizeof text));
    }
    table_print(&table, "Nothing is different.");
    return CLI_OK;
}

static int
run_import(struct cli *cli)
{
    struct strbuf text = STRBUF_INIT(LIMIT_CONFIG_BYTES);
    struct error error;
    int rc;
    if (file_read(cli->args[0], &text, &error) < 0)
        rc = cli_fail_error(&error);
    else
        rc = client_ask(cli, "POST",
                        cli_has(cli, "dry-run") ? "/api/config/import?dry_run=1"
                                                : "/api/config/import",
                        strbuf_text(&text), print_changes);
    strbuf_release(&text);
    return rc;
}

static const struct cli_option export_options[] = {
    { "secrets", 0, NULL, "with tokens and variables" }, { 0 }
};
static const struct cli_option import_options[] = {
    { "dry-run", 'n', NULL, "only say what would change" }, { 0 }
};

const struct cli_command cli_command_config_export = {
    .name = "config export",
    .usage = "[FILE] [--secrets]",
    .summary = "write settings, profiles and presets to a file",
    .details = "What is stored, that is: not what hearth.yaml and the "
               "environment say.",
    .options = export_options,
    .flags = CLI_ASKS_DAEMON,
    .max_args = 1,
    .run = run_export
};

const struct cli_command cli_command_config_import = {
    .name = "config import",
    .usage = "FILE [--dry-run]",
    .summary = "add and change what such a file has; all or nothing",
    .details = "What the file does not have stays as it is.",
    .options = import_options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = 1,
    .run = run_import
};
