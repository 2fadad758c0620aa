/* hearth downloads: the queue. */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"

/* Of the task alone: "1.0 MiB/s, 08:00-22:00". */
static void
add_limit(struct table *table, const struct json *task)
{
    char rate[64], hours[64];
    int64_t limit = int_of(task, "limit_bytes_per_s", 0);
    text_of(task, "limit_hours", "", hours, sizeof hours);
    if (limit > 0)
        table_addf(table, "%s/s%s%s", format_bytes(limit, rate, sizeof rate),
                   hours[0] == '\0' ? "" : ", ", hours);
    else
        table_add(table, NULL);
}

static int
print_list(const struct cli *cli, const struct json *data)
{
    static const char *const headings[] = { "TASK", "MODEL", "STATUS",
                                            "DONE", "SIZE",  "SPEED",
                                            "LEFT", "LIMIT", NULL };
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
        add_limit(&table, task);
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
ask_verb(struct cli *cli, const char *body)
{
    struct strbuf target = STRBUF_INIT(4 * KIB);
    strbuf_add_text(&target, "/api/models/download/");
    client_add_segment(&target, cli->args[0]);
    strbuf_addf(&target, "/%s", strchr(cli->command->name, ' ') + 1);
    int rc = client_ask(cli, "POST", strbuf_text(&target), body, NULL);
    strbuf_release(&target);
    return rc;
}

static int
run_verb(struct cli *cli)
{
    return ask_verb(cli, NULL);
}

static int
run_limit(struct cli *cli)
{
    const char *hours = cli_value(cli, "hours");
    int64_t bytes_per_s = 0;
    if (strcmp(cli->args[1], "none") != 0 &&
        cli_rate("RATE", cli->args[1], &bytes_per_s) != CLI_OK)
        return CLI_USAGE;
    struct strbuf body = STRBUF_INIT(4 * KIB);
    struct json_writer out;
    json_writer_init(&out, &body);
    json_object_begin(&out);
    json_key(&out, "limit_bytes_per_s");
    json_int(&out, bytes_per_s);
    if (hours != NULL) {
        json_key(&out, "limit_hours");
        json_text(&out, hours);
    }
    json_object_end(&out);
    int rc = strbuf_failed(&body) ? cli_fail(CLI_USAGE, "that is too long")
                                  : ask_verb(cli, strbuf_text(&body));
    strbuf_release(&body);
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

static const struct cli_option limit_options[] = {
    { "hours", 0, "HOURS", "only at these: 08:00-22:30; \"\": always" }, { 0 }
};

const struct cli_command cli_command_downloads_limit = {
    .name = "downloads limit",
    .usage = "TASK RATE [--hours HOURS]",
    .summary = "change how fast a download may be, and when",
    .details = "RATE is bytes per second: 500k, 10M, 1.5G; none: no limit of "
               "its own.\nIt holds at once. HOURS are local time; without "
               "them they stay as they are.",
    .options = limit_options,
    .flags = CLI_ASKS_DAEMON,
    .min_args = 2,
    .max_args = 2,
    .run = run_limit
};
