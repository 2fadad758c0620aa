/* What the program says about itself, all of it printed from the rows. */
#include "cli/command.h"

static void
print_options(FILE *out, const struct cli_command *command)
{
    const struct cli_option *row;
    for (unsigned t = 0; (row = cli_options(command, t)) != NULL; t++)
        for (; row->name != NULL; row++) {
            char left[64];
            char letter[8] = "    ";
            if (row->letter != 0)
                snprintf(letter, sizeof letter, "-%c, ", row->letter);
            snprintf(left, sizeof left, "%s--%s%s%s", letter, row->name,
                     row->value == NULL ? "" : " ",
                     row->value == NULL ? "" : row->value);
            fprintf(out, "  %-26s %s\n", left, row->help);
        }
}

void
cli_print_help(FILE *out, const struct cli_command *command)
{
    fprintf(out, "usage: hearth %s%s%s\n\n%s\n", command->name,
            *command->usage == '\0' ? "" : " ", command->usage,
            command->summary);
    if (command->details != NULL)
        fprintf(out, "\n%s\n", command->details);
    fputs("\n", out);
    print_options(out, command);
}

static void
print_row(FILE *out, const struct cli_command *command)
{
    char left[96];
    snprintf(left, sizeof left, "%s %s", command->name, command->usage);
    if (strlen(left) > 34)
        fprintf(out, "  %s\n  %-34s %s\n", left, "", command->summary);
    else
        fprintf(out, "  %-34s %s\n", left, command->summary);
}

void
cli_print_overview(FILE *out)
{
    fputs("usage: hearth COMMAND ...\n\n", out);
    for (size_t i = 0; cli_commands[i] != NULL; i++)
        print_row(out, cli_commands[i]);
    fputs("\n\"hearth COMMAND --help\" tells more of one; "
          "\"hearth help exit-codes\" lists the\nexit codes.\n",
          out);
}

void
cli_print_group(FILE *out, const char *group)
{
    size_t n = strlen(group);
    fprintf(out, "usage: hearth %s COMMAND ...\n\n", group);
    for (size_t i = 0; cli_commands[i] != NULL; i++)
        if (strncmp(cli_commands[i]->name, group, n) == 0 &&
            cli_commands[i]->name[n] == ' ')
            print_row(out, cli_commands[i]);
}

void
cli_print_exits(FILE *out)
{
    static const struct {
        int code;
        const char *meaning;
    } rows[] = {
#define X(name, code, meaning) { code, meaning },
        CLI_EXITS(X)
#undef X
    };
    fputs("exit codes of every command:\n\n", out);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        fprintf(out, "  %3d  %s\n", rows[i].code, rows[i].meaning);
}
