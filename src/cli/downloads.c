/* hearth downloads: the queue. */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"

static int
print_list(const struct cli *cli, const struct json *data)
{
    static const char *const headings[] = { "TASK", "MODEL", "STATUS", "DONE",
                                            "SIZE", "SPEED", "LEFT",   NULL };
    struct table table;
    if (cli_has(cli, "json"))
        return print_json(data);
    table_init(&table, headings);
    for (size_t i = 0; i < json_count(data); i++) {
        const struct json *task = json_at(data, i);
        char text[512];
        int64_t speed = int_of(task, "bytes_per_s", -1);
        table_add(&table, text_of(task, "task_id", "-", text, sizeof text));
        table_add(&table, text_of(task, "model_id", "-", text, sizeof text));
        table_add(&table, text_of(task, "status", "-", text, sizeof text));
        table_addf(&table, "%lld %%", (long long)int_of(task, "progress", 0));
        table_add(&table, format_bytes(int_of(task, "total_bytes", -1), text,
                                       sizeof text));
        if (speed > 0)
            table_addf(&table, "%s/s", format_bytes(speed, text, sizeof text));
        else
            table_add(&table, NULL);
        table_add(&table, format_duration(int_of(task, "eta_s", -1), text,
                                          sizeof text));
    }
    table_print(&table, "There are no downloads.");
    return CLI_OK;
}

static int
run_list(struct cli *cli)
{
    return client_ask(cli, "GET",
                      cli_has(cli, "all") ? "/api/models/downloads"
                                          : "/api/models/downloads/active",
                      NULL, print_list);
}

/* The command's second word is the verb of the route. */
static int
run_verb(struct cli *cli)
{
    struct strbuf target = STRBUF_INIT(4 * KIB);
    strbuf_add_text(&target, "/api/models/download/");
    client_add_segment(&target, cli->args[0]);
    strbuf_addf(&target, "/%s", strchr(cli->command->name, ' ') + 1);
    int rc = client_ask(cli, "POST", strbuf_text(&target), NULL, NULL);
    strbuf_release(&target);
    return rc;
}

static const struct cli_option list_options[] = {
    { "all", 'a', NULL, "those that have ended, too" }, { 0 }
};

const struct cli_command cli_command_downloads_list = {
    .name = "downloads list",
    .usage = "[--all]",
    .summary = "list the downloads",
    .options = list_options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .run = run_list
};

#define VERB(verb, text)                                      \
    const struct cli_command cli_command_downloads_##verb = { \
        .name = "downloads " #verb,                           \
        .usage = "TASK",                                      \
        .summary = text,                                      \
        .flags = CLI_ASKS_DAEMON,                             \
        .min_args = 1,                                        \
        .max_args = 1,                                        \
        .run = run_verb                                       \
    }
VERB(pause, "pause a download; it keeps what it has");
VERB(resume, "go on with a paused download");
VERB(retry, "try a failed download again");
VERB(cancel, "end a download and remove what it has");
