/* hearth logs: what a server printed, or Hearth itself. */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/own_log.h"

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

/* What only entries of our own have, not the lines of engines. */
static const char *const own_options[] = { "level", "source", "grep",
                                           "since", "until",  NULL };

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
    if (cli->n_args == 0)
        return own_log_show(cli, n_lines);
    for (size_t i = 0; own_options[i] != NULL; i++)
        if (cli_has(cli, own_options[i]))
            return cli_fail(CLI_USAGE,
                            "--%s is for Hearth's own log: leave out the name",
                            own_options[i]);
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
    { "level", 0, "LEVEL", "at least this: debug, info, warn, error" },
    { "source", 0, "MODULE", "only lines of this module" },
    { "grep", 0, "TEXT", "only lines that contain this, case aside" },
    { "since", 0, "AGE", "only lines so old at most: 90s, 10m, 2h, 3d" },
    { "until", 0, "AGE", "only lines so old at least" },
    { 0 }
};

const struct cli_command cli_command_logs = {
    .name = "logs",
    .usage = "[NAME] [-f] [-n N]",
    .summary = "show what a server printed; without a name, Hearth's own log",
    .options = options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 0,
    .max_args = 1,
    .run = run
};
