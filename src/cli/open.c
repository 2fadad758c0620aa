/* hearth open: the dashboard, by a link that works once. */
#include <unistd.h>

#include "base/limits.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"
#include "platform/process.h"
#include "platform/system.h"

/* Whichever of these is there opens it; the browser goes on without us. */
static void
open_browser(const char *url)
{
    static const char *const openers[] = { "xdg-open", "open" };
    for (size_t i = 0; i < sizeof openers / sizeof openers[0]; i++) {
        char program[LIMIT_PATH_BYTES], link[512];
        int64_t pid;
        if (process_find_program(openers[i], program, sizeof program) != 0)
            continue;
        snprintf(link, sizeof link, "%s", url);
        char *const argv[] = { program, link, NULL };
        const struct spawn_options options = { .path = program,
                                               .argv = argv,
                                               .is_session_leader = true };
        if (process_spawn(&options, &pid) == 0)
            return;
    }
}

static int
run(struct cli *cli)
{
    struct daemon_client client;
    struct client_answer answer;
    char url[512] = "";
    int rc = client_open(&client, cli);
    if (rc == CLI_OK)
        rc = client_call(&client, "POST", "/api/session/link", NULL, &answer);
    if (rc == CLI_OK) {
        text_of(answer.data, "url", "", url, sizeof url);
        client_answer_free(&answer);
    }
    client_close(&client);
    if (rc != CLI_OK)
        return rc;
    if (url[0] == '\0')
        return cli_fail(CLI_FAILED, "the daemon gave no link");
    puts(url);
    bool has_screen = system_has_own_screen() ||
                      cli_environment(cli, "DISPLAY") != NULL ||
                      cli_environment(cli, "WAYLAND_DISPLAY") != NULL;
    if (!cli_has(cli, "print") && has_screen && isatty(STDOUT_FILENO))
        open_browser(url);
    return CLI_OK;
}

static const struct cli_option options[] = {
    { "print", 0, NULL, "print the link, open no browser" }, { 0 }
};

const struct cli_command cli_command_open = {
    .name = "open",
    .usage = "[--print]",
    .summary = "open the dashboard in a browser",
    .details = "Prints a link that works once, for ten minutes, and opens it "
               "when there is a\nscreen.",
    .options = options,
    .flags = CLI_ASKS_DAEMON,
    .run = run
};
