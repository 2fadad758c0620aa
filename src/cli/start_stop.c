/* hearth start, stop, restart: change a server and wait for the end.
 *
 * Asking for what is already so is no failure: a script that starts a server
 * wants it to run, whoever started it. (Over the API it is a 409, for whoever
 * must know which of two callers was first.) */
#include "base/units.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"

static void
print_change(const char *name, const struct json *change, const char *already)
{
    char state[32], stop[32];
    int64_t pid = int_of(change, "pid", 0), port = int_of(change, "port", 0);
    printf("%s is %s%s", name, already,
           text_of(change, "state", "?", state, sizeof state));
    if (pid > 0 && port > 0)
        printf(" (pid %lld, port %lld)", (long long)pid, (long long)port);
    if (strcmp(text_of(change, "stop", "", stop, sizeof stop), "forced") == 0)
        printf(" (it had to be killed)");
    putchar('\n');
}

/* Is there nothing to do for the verb? */
static bool
is_so_already(const char *verb, const struct json *server)
{
    char state[32];
    text_of(server, "state", "", state, sizeof state);
    if (strcmp(verb, "start") == 0)
        return strcmp(state, "ready") == 0;
    return strcmp(verb, "stop") == 0 &&
           (strcmp(state, "stopped") == 0 || strcmp(state, "failed") == 0);
}

/* Looks at the server, and tells so if it is. */
static bool
tell_if_so(struct daemon_client *client, const struct cli *cli,
           const char *verb, const char *name)
{
    struct strbuf target = STRBUF_INIT(16 * KIB);
    struct client_answer answer;
    strbuf_add_text(&target, "/api/servers/");
    client_add_segment(&target, name);
    strbuf_add_text(&target, "/status");
    int rc = client_try(client, "GET", strbuf_text(&target), &answer);
    strbuf_release(&target);
    if (rc != CLI_OK)
        return false;
    bool is_so = is_so_already(verb, answer.data);
    if (is_so && cli_has(cli, "json"))
        print_json(answer.data);
    else if (is_so && strcmp(verb, "stop") == 0)
        printf("%s is not running\n", name);
    else if (is_so)
        print_change(name, answer.data, "already ");
    client_answer_free(&answer);
    return is_so;
}

static int
change_one(struct daemon_client *client, const struct cli *cli,
           const char *verb, const char *name)
{
    struct strbuf target = STRBUF_INIT(16 * KIB);
    struct client_answer answer;
    strbuf_add_text(&target, "/api/servers/");
    client_add_segment(&target, name);
    strbuf_addf(&target, "/%s?wait=%d%s", verb, !cli_has(cli, "no-wait"),
                cli_has(cli, "force") ? "&force=1" : "");
    int rc = client_change(client, "POST", strbuf_text(&target), &answer);
    strbuf_release(&target);
    if (rc == CLI_CONFLICT) {
        char code[32];
        text_of(answer.error, "code", "", code, sizeof code);
        if (strcmp(code, "conflict") == 0 &&
            tell_if_so(client, cli, verb, name))
            rc = CLI_OK;
        else
            client_tell(&answer);
        client_answer_free(&answer);
        return rc;
    }
    if (rc != CLI_OK)
        return rc;
    if (cli_has(cli, "json"))
        rc = print_json(answer.data);
    else if (answer.data != NULL)
        print_change(name, answer.data, "");
    client_answer_free(&answer);
    return rc;
}

/* The command's name is the verb of the route. Goes on after a failure; the
 * first one decides the exit code. */
static int
run(struct cli *cli)
{
    struct daemon_client client;
    int rc = client_open(&client, cli);
    if (rc == CLI_OK)
        for (size_t i = 0; i < cli->n_args; i++) {
            int one =
                change_one(&client, cli, cli->command->name, cli->args[i]);
            if (rc == CLI_OK)
                rc = one;
            if (one == CLI_NOT_RUNNING)
                break;
        }
    client_close(&client);
    return rc;
}

static const struct cli_option start_options[] = {
    { "no-wait", 0, NULL, "do not wait until it has ended" }, { 0 }
};
static const struct cli_option stop_options[] = {
    { "no-wait", 0, NULL, "do not wait until it has ended" },
    { "force", 0, NULL, "kill it at once" },
    { 0 }
};

const struct cli_command cli_command_start = {
    .name = "start",
    .usage = "NAME...",
    .summary = "start servers and wait until they are ready",
    .details = "NAME is a profile or a model of the library.",
    .options = start_options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = CLI_ARGS_MAX,
    .run = run
};

const struct cli_command cli_command_stop = {
    .name = "stop",
    .usage = "NAME...",
    .summary = "stop servers and wait until they are gone",
    .options = stop_options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = CLI_ARGS_MAX,
    .run = run
};

const struct cli_command cli_command_restart = {
    .name = "restart",
    .usage = "NAME...",
    .summary = "stop servers and start them again",
    .options = start_options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = CLI_ARGS_MAX,
    .run = run
};
