/* hearth preset: the INI files that llama.cpp's router starts with. */
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"
#include "platform/file.h"

enum { PRESET_BYTES = 64 * 1024 };

static void
target_of(struct strbuf *target, const char *name)
{
    strbuf_add_text(target, "/api/presets/");
    client_add_segment(target, name);
}

static int
ask(const struct cli *cli, const char *method, const char *name,
    const char *body, client_print_fn *print)
{
    struct strbuf target = STRBUF_INIT(16 * KIB);
    target_of(&target, name);
    int rc = client_ask(cli, method, strbuf_text(&target), body, print);
    strbuf_release(&target);
    return rc;
}

/* ---- list, show, delete ---- */

static int
print_presets(const struct cli *cli, const struct json *presets)
{
    static const char *const headings[] = { "NAME", "MODELS", "SIZE", "STATE",
                                            NULL };
    struct table table;
    if (cli_has(cli, "json"))
        return print_json(presets);
    table_init(&table, headings);
    for (size_t i = 0; i < json_count(presets); i++) {
        const struct json *preset = json_at(presets, i);
        char text[256];
        table_add(&table, text_of(preset, "name", "-", text, sizeof text));
        table_addf(&table, "%zu", json_count(json_get(preset, "models")));
        table_add(&table, format_bytes(int_of(preset, "size_bytes", -1), text,
                                       sizeof text));
        size_t n = json_count(json_get(preset, "problems"));
        if (n == 0)
            table_add(&table, "good");
        else
            table_addf(&table, "%zu problem%s", n, n == 1 ? "" : "s");
    }
    table_print(&table, "There are no presets.");
    return CLI_OK;
}

static int
run_list(struct cli *cli)
{
    return client_ask(cli, "GET", "/api/presets", NULL, print_presets);
}

static int
print_text(const struct cli *cli, const struct json *preset)
{
    struct str text = STR("");
    if (cli_has(cli, "json"))
        return print_json(preset);
    json_as_text(json_get(preset, "text"), &text);
    fwrite(text.p, 1, text.n, stdout);
    return CLI_OK;
}

static int
run_show(struct cli *cli)
{
    return ask(cli, "GET", cli->args[0], NULL, print_text);
}

static int
run_delete(struct cli *cli)
{
    return ask(cli, "DELETE", cli->args[0], NULL, NULL);
}

/* ---- check, import ---- */

/* {"text": the file} */
static int
read_body(const struct cli *cli, struct strbuf *body)
{
    struct strbuf text = STRBUF_INIT(PRESET_BYTES);
    struct json_writer w;
    struct error error;
    int rc = CLI_OK;
    if (file_read(cli->args[0], &text, &error) < 0) {
        rc = cli_fail_error(&error);
    } else {
        json_writer_init(&w, body);
        json_object_begin(&w);
        json_key(&w, "text");
        json_str(&w, strbuf_view(&text));
        json_object_end(&w);
    }
    strbuf_release(&text);
    return rc;
}

static int
print_check(const struct cli *cli, const struct json *checked)
{
    const struct json *problems = json_get(checked, "problems");
    size_t n = json_count(problems);
    if (cli_has(cli, "json"))
        print_json(checked);
    else if (n == 0)
        puts("no problem");
    for (size_t i = 0; i < n && !cli_has(cli, "json"); i++) {
        const struct json *problem = json_at(problems, i);
        char key[128], message[512];
        printf("line %lld: %s%s%s\n", (long long)int_of(problem, "line", 0),
               text_of(problem, "key", "", key, sizeof key),
               json_type(json_get(problem, "key")) == JSON_TEXT ? ": " : "",
               text_of(problem, "message", "", message, sizeof message));
    }
    return n == 0 ? CLI_OK : CLI_FAILED;
}

static int
run_check(struct cli *cli)
{
    struct strbuf body = STRBUF_INIT(LIMIT_API_BODY_BYTES);
    int rc = read_body(cli, &body);
    if (rc == CLI_OK)
        rc = client_ask(cli, "POST", "/api/presets/check", strbuf_text(&body),
                        print_check);
    strbuf_release(&body);
    return rc;
}

static int
run_import(struct cli *cli)
{
    struct strbuf body = STRBUF_INIT(LIMIT_API_BODY_BYTES);
    const char *name = cli_value(cli, "name");
    const char *slash = strrchr(cli->args[0], '/');
    if (name == NULL)
        name = slash == NULL ? cli->args[0] : slash + 1;
    int rc = read_body(cli, &body);
    if (rc == CLI_OK)
        rc = ask(cli, "PUT", name, strbuf_text(&body), NULL);
    strbuf_release(&body);
    return rc;
}

static const struct cli_option import_options[] = {
    { "name", 0, "NAME", "of the preset; else the file's" }, { 0 }
};

const struct cli_command cli_command_preset_list = {
    .name = "preset list",
    .usage = "",
    .summary = "list the presets of llama.cpp's router",
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .run = run_list
};
const struct cli_command cli_command_preset_show = {
    .name = "preset show",
    .usage = "NAME",
    .summary = "print the text of a preset",
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = 1,
    .run = run_show
};
const struct cli_command cli_command_preset_check = {
    .name = "preset check",
    .usage = "FILE",
    .summary = "say what is wrong with an INI file, by line",
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = 1,
    .run = run_check
};
const struct cli_command cli_command_preset_import = {
    .name = "preset import",
    .usage = "FILE [--name NAME]",
    .summary = "take an INI file over, in the place of one of that name",
    .options = import_options,
    .flags = CLI_ASKS_DAEMON,
    .min_args = 1,
    .max_args = 1,
    .run = run_import
};
const struct cli_command cli_command_preset_delete = { .name = "preset delete",
                                                       .usage = "NAME",
                                                       .summary =
                                                           "delete a preset",
                                                       .flags = CLI_ASKS_DAEMON,
                                                       .min_args = 1,
                                                       .max_args = 1,
                                                       .run = run_delete };
