/* hearth profile: how models are served. */
#include "records/profile.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"
#include "cli/profile_fields.h"

static int
print_profiles(const struct cli *cli, const struct json *profiles)
{
    static const char *const headings[] = { "NAME", "ENGINE", "PORT", "STATE",
                                            "FROM", "MODEL",  NULL };
    struct table table;
    if (cli_has(cli, "json"))
        return print_json(profiles);
    table_init(&table, headings);
    for (size_t i = 0; i < json_count(profiles); i++) {
        const struct json *profile = json_at(profiles, i);
        char text[512];
        table_add(&table, text_of(profile, "name", "-", text, sizeof text));
        table_add(&table, text_of(profile, "engine", "-", text, sizeof text));
        int64_t port = int_of(profile, "port", 0);
        if (port > 0)
            table_addf(&table, "%lld", (long long)port);
        else
            table_add(&table, "any");
        table_add(&table, text_of(profile, "state", "-", text, sizeof text));
        table_add(&table, text_of(profile, "source", "-", text, sizeof text));
        table_add(&table,
                  text_of(profile, "model_path", "-", text, sizeof text));
    }
    table_print(&table, "There are no profiles.");
    return CLI_OK;
}

static int
print_profile(const struct cli *cli, const struct json *profile)
{
    struct json_iter iter;
    if (cli_has(cli, "json"))
        return print_json(profile);
    for (json_iter_init(&iter, profile); json_iter_next(&iter);) {
        char value[2048];
        format_value(iter.value, value, sizeof value);
        printf("%-18.*s %s\n", STR_ARG(iter.key), value);
    }
    return CLI_OK;
}

static void
target_of(struct strbuf *target, const char *name, const char *rest)
{
    strbuf_add_text(target, "/api/profiles");
    if (name != NULL) {
        strbuf_add_byte(target, '/');
        client_add_segment(target, name);
    }
    strbuf_add_text(target, rest);
}

static int
ask(const struct cli *cli, const char *method, const char *name,
    const char *rest, const char *body, client_print_fn *print)
{
    struct strbuf target = STRBUF_INIT(16 * KIB);
    target_of(&target, name, rest);
    int rc = client_ask(cli, method, strbuf_text(&target), body, print);
    strbuf_release(&target);
    return rc;
}

static int
run_list(struct cli *cli)
{
    return ask(cli, "GET", NULL, "", NULL, print_profiles);
}

static int
run_show(struct cli *cli)
{
    return ask(cli, "GET", cli->args[0], "", NULL, print_profile);
}

static int
send_fields(struct cli *cli, const char *method, const char *id,
            const char *new_name)
{
    struct strbuf body = STRBUF_INIT(LIMIT_API_BODY_BYTES);
    struct json_writer out;
    json_writer_init(&out, &body);
    int rc =
        profile_fields_to_json(new_name, cli->args + 1, cli->n_args - 1, &out);
    if (rc == CLI_OK)
        rc = ask(cli, method, id, "", strbuf_text(&body), print_profile);
    strbuf_release(&body);
    return rc;
}

static int
run_create(struct cli *cli)
{
    return send_fields(cli, "POST", NULL, cli->args[0]);
}

static int
run_set(struct cli *cli)
{
    return send_fields(cli, "PUT", cli->args[0], NULL);
}

static int
run_delete(struct cli *cli)
{
    return ask(cli, "DELETE", cli->args[0], "?wait=1", NULL, NULL);
}

static int
run_duplicate(struct cli *cli)
{
    struct strbuf body = STRBUF_INIT(LIMIT_API_BODY_BYTES);
    struct json_writer out;
    json_writer_init(&out, &body);
    json_object_begin(&out);
    json_key(&out, "name");
    json_text(&out, cli->args[1]);
    json_object_end(&out);
    int rc = ask(cli, "POST", cli->args[0], "/duplicate", strbuf_text(&body),
                 print_profile);
    strbuf_release(&body);
    return rc;
}

static const char fields_help[] =
    "FIELD is a field of the profile (\"hearth profile show\" lists them), or "
    "one member\nof an object: options.ctx_size=4096, env.NAME=value. Lists "
    "take commas:\naliases=small,fast. command takes JSON: "
    "'[\"prog\",\"--port\",\"${port}\"]'.";

const struct cli_command cli_command_profile_list = {
    .name = "profile list",
    .usage = "",
    .summary = "list the profiles",
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .run = run_list
};

const struct cli_command cli_command_profile_show = {
    .name = "profile show",
    .usage = "NAME",
    .summary = "show all of a profile",
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = 1,
    .run = run_show
};

const struct cli_command cli_command_profile_create = {
    .name = "profile create",
    .usage = "NAME [FIELD=VALUE...]",
    .summary = "make a profile",
    .details = fields_help,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = CLI_ARGS_MAX,
    .run = run_create
};

const struct cli_command cli_command_profile_set = {
    .name = "profile set",
    .usage = "NAME FIELD=VALUE...",
    .summary = "change fields of a profile",
    .details = fields_help,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 2,
    .max_args = CLI_ARGS_MAX,
    .run = run_set
};

const struct cli_command cli_command_profile_delete = {
    .name = "profile delete",
    .usage = "NAME",
    .summary = "delete a profile; a running one is stopped first",
    .flags = CLI_ASKS_DAEMON,
    .min_args = 1,
    .max_args = 1,
    .run = run_delete
};

const struct cli_command cli_command_profile_duplicate = {
    .name = "profile duplicate",
    .usage = "NAME NEW-NAME",
    .summary = "copy a profile under a new name",
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 2,
    .max_args = 2,
    .run = run_duplicate
};
