/* Finds the command that is meant and runs it. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>

#include "cli/command.h"
#include "cli/commands.h"

const struct cli_command *const cli_commands[] = {
#define X(name) &cli_command_##name,
    CLI_COMMANDS(X)
#undef X
        NULL
};

int
cli_fail(enum cli_exit code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("hearth: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return code;
}

static enum cli_exit
exit_of(enum error_code code)
{
    switch (error_http_status(code)) {
    case 200: return CLI_OK;
    case 400:
    case 422: return CLI_USAGE;
    case 401:
    case 403: return CLI_REFUSED;
    case 404: return CLI_NOT_FOUND;
    case 409: return CLI_CONFLICT;
    default: return CLI_FAILED;
    }
}

int
cli_fail_error(const struct error *error)
{
    return cli_fail(exit_of(error->code), "%s%s%s", error->field,
                    error->field[0] == '\0' ? "" : ": ", error->message);
}

static bool
is_group(const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; cli_commands[i] != NULL; i++)
        if (strncmp(cli_commands[i]->name, word, n) == 0 &&
            cli_commands[i]->name[n] == ' ')
            return true;
    return false;
}

/* The row that the words at argv name, and how many words that took. */
static const struct cli_command *
command_find(int argc, char *const *argv, int *ret_n_words)
{
    for (size_t i = 0; cli_commands[i] != NULL; i++) {
        struct str rest = str_from(cli_commands[i]->name);
        struct str first = str_split(&rest, ' ');
        if (argc < 1 || !str_is(first, argv[0]))
            continue;
        if (rest.p == NULL) {
            *ret_n_words = 1;
            return cli_commands[i];
        }
        if (argc > 1 && str_is(rest, argv[1])) {
            *ret_n_words = 2;
            return cli_commands[i];
        }
    }
    return NULL;
}

static int
unknown_command(int argc, char *const *argv)
{
    if (argv[0][0] == '-') {
        fprintf(stderr,
                "hearth: the command comes first, then %s\nSee: hearth help\n",
                argv[0]);
        return CLI_USAGE;
    }
    if (!is_group(argv[0])) {
        fprintf(stderr,
                "hearth: there is no command \"%s\"\nSee: hearth help\n",
                argv[0]);
        return CLI_USAGE;
    }
    bool wants_help = argc > 1 && (strcmp(argv[1], "--help") == 0 ||
                                   strcmp(argv[1], "-h") == 0);
    if (argc > 1 && !wants_help)
        fprintf(stderr, "hearth: there is no command \"%s %s\"\n\n", argv[0],
                argv[1]);
    cli_print_group(wants_help ? stdout : stderr, argv[0]);
    return wants_help ? CLI_OK : CLI_USAGE;
}

static int
help(int argc, char *const *argv)
{
    int n_words;
    if (argc == 0) {
        cli_print_overview(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[0], "exit-codes") == 0) {
        cli_print_exits(stdout);
        return CLI_OK;
    }
    const struct cli_command *command = command_find(argc, argv, &n_words);
    if (command != NULL) {
        cli_print_help(stdout, command);
        return CLI_OK;
    }
    if (argc == 1 && is_group(argv[0])) {
        cli_print_group(stdout, argv[0]);
        return CLI_OK;
    }
    return unknown_command(argc, argv);
}

/* What was printed may still be in a buffer; a full disk or a closed pipe
 * shows only now. */
static int
flushed(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    if (errno != EPIPE)
        fprintf(stderr, "hearth: cannot write the output: %s\n",
                strerror(errno));
    return code == CLI_OK ? CLI_FAILED : code;
}

static int
run(int argc, char *const *argv, char *const *environment,
    const struct cli_hooks *hooks)
{
    struct cli cli = { .hooks = hooks, .environment = environment };
    bool wants_help;
    int n_words;
    if (argc == 0) {
        cli_print_overview(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0 ||
        strcmp(argv[0], "-h") == 0)
        return help(argc - 1, argv + 1);
    char *const version[] = { (char[]){ "version" }, NULL };
    if (strcmp(argv[0], "--version") == 0) {
        argc = 1;
        argv = version;
    }
    cli.command = command_find(argc, argv, &n_words);
    if (cli.command == NULL)
        return unknown_command(argc, argv);
    int rc = cli_parse(&cli, argc - n_words, argv + n_words, &wants_help);
    if (rc != CLI_OK)
        return rc;
    if (wants_help) {
        cli_print_help(stdout, cli.command);
        return CLI_OK;
    }
    return cli.command->run(&cli);
}

int
cli_main(int argc, char *const *argv, char *const *environment,
         const struct cli_hooks *hooks)
{
    return flushed(
        run(argc > 0 ? argc - 1 : 0, argv + (argc > 0), environment, hooks));
}
