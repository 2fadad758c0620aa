/* hearth logs: what a server printed. */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"

static bool
on_event(void *ctx, struct str data)
{
    bool is_json = *(const bool *)ctx;
    struct error error;
    struct str line;
    if (is_json) {
        printf("%.*s\n", STR_ARG(data));
    } else {
        struct json_doc *doc = json_parse(data, &error);
        if (doc != NULL &&
            json_as_text(json_get(json_root(doc), "line"), &line)) {
            fwrite(line.p, 1, line.n, stdout);
            putchar('\n');
        }
        json_doc_free(doc);
    }
    /* Whoever follows wants each line now; a closed pipe ends it. */
    return fflush(stdout) == 0;
}

static int
run(struct cli *cli)
{
    static const struct client_stream_ops ops = { .on_event = on_event };
    struct daemon_client client;
    struct strbuf target = STRBUF_INIT(16 * KIB);
    bool is_json = cli_has(cli, "json"), follows = cli_has(cli, "follow");
    int64_t n_lines = 100;
    if (cli_int(cli, "lines", 0, LIMIT_LOG_RING_LINES, &n_lines) != 0)
        return CLI_USAGE;
    int rc = client_open(&client, cli);
    if (rc == CLI_OK) {
        strbuf_add_text(&target, "/api/servers/");
        client_add_segment(&target, cli->args[0]);
        strbuf_addf(&target, "/logs?lines=%lld&follow=%d", (long long)n_lines,
                    follows);
        rc = client_stream(&client, "GET", strbuf_text(&target), NULL, &ops,
                           &is_json);
    }
    strbuf_release(&target);
    client_close(&client);
    /* Ctrl-C is how following ends. */
    return rc == CLI_INTERRUPTED && follows ? CLI_OK : rc;
}

static const struct cli_option options[] = {
    { "follow", 'f', NULL, "go on with new lines until it stops" },
    { "lines", 'n', "N", "begin with the newest N lines (default: 100)" },
    { 0 }
};

const struct cli_command cli_command_logs = {
    .name = "logs",
    .usage = "NAME [-f] [-n N]",
    .summary = "show what a server printed",
    .options = options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = 1,
    .run = run
};
