/* hearth config: what the settings are, and whether they are right. */
#include <stdlib.h>

#include "base/units.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/engine_files.h"
#include "cli/print.h"
#include "cli/settings_source.h"
#include "records/profile.h"

/* ---- show ---- */

/* As the daemon's own answer: {"port":{"value":..,"origin":..},..}. */
static void
write_local(const struct config *config, struct json_writer *out)
{
    json_object_begin(out);
    for (int id = 0; id < SETTING_COUNT; id++) {
        const struct config_entry *entry =
            config_get(config, (enum setting_id)id);
        json_key(out, setting_rows[id].key);
        json_object_begin(out);
        json_key(out, "value");
        setting_value_to_json(&setting_rows[id], &entry->value, out);
        json_key(out, "origin");
        json_text(out, setting_origin_name(entry->origin));
        json_key(out, "pinned_by");
        json_text(out, entry->origin > ORIGIN_DATABASE ? entry->where : NULL);
        json_key(out, "help");
        json_text(out, setting_rows[id].help);
        json_object_end(out);
    }
    json_object_end(out);
}

static int
print_settings(const struct cli *cli, const struct json *settings)
{
    static const char *const headings[] = { "SETTING", "VALUE", "FROM", NULL };
    struct json_iter iter;
    struct table table;
    if (cli_has(cli, "json"))
        return print_json(settings);
    table_init(&table, headings);
    for (json_iter_init(&iter, settings); json_iter_next(&iter);) {
        char value[512], from[512];
        table_addf(&table, "%.*s", STR_ARG(iter.key));
        table_add(&table, format_value(json_get(iter.value, "value"), value,
                                       sizeof value));
        const char *origin =
            text_of(iter.value, "origin", "-", value, sizeof value);
        table_add(&table,
                  text_of(iter.value, "pinned_by", origin, from, sizeof from));
    }
    table_print(&table, "");
    return CLI_OK;
}

static int
show_local(struct cli *cli)
{
    struct config *config;
    struct error error;
    struct strbuf text = STRBUF_INIT(4 * MIB);
    struct json_writer out;
    int rc = cli_load_config(cli, &config);
    if (rc != CLI_OK)
        return rc;
    json_writer_init(&out, &text);
    write_local(config, &out);
    struct json_doc *doc = json_parse(strbuf_view(&text), &error);
    if (doc == NULL) {
        rc = cli_fail_error(&error);
    } else {
        fputs("hearth is not running: what was changed in it is not "
              "shown\n",
              stderr);
        rc = print_settings(cli, json_root(doc));
    }
    json_doc_free(doc);
    strbuf_release(&text);
    config_free(config);
    return rc;
}

static int
run_show(struct cli *cli)
{
    struct daemon_client client;
    struct client_answer answer;
    int rc = client_open(&client, cli);
    if (rc != CLI_OK) {
        client_close(&client);
        return rc;
    }
    bool is_local = client.address.is_unix;
    rc = is_local ? client_try(&client, "GET", "/api/settings", &answer)
                  : client_call(&client, "GET", "/api/settings", NULL, &answer);
    if (rc == CLI_OK) {
        rc = print_settings(cli, answer.data);
        client_answer_free(&answer);
    } else if (is_local) {
        rc = show_local(cli);
    }
    client_close(&client);
    return rc;
}

/* ---- check ---- */

struct checking {
    const struct config *config;
    const char *profile;
    int line;
    int n_problems;
};

static void
on_problem(void *ctx, const char *field, const char *message)
{
    struct checking *checking = ctx;
    fprintf(stderr, "hearth: %s line %d: profile \"%s\": %s: %s\n",
            config_file_path(checking->config), checking->line,
            checking->profile, field, message);
    checking->n_problems++;
}

static bool
is_field(struct str key)
{
    for (size_t i = 0; i < n_profile_fields; i++)
        if (str_is(key, profile_fields[i].name))
            return true;
    return false;
}

/* A key of a profile is a field, or an option that is written flat. */
static void
check_keys(struct checking *checking, const struct engine_manifest *manifest,
           const struct json *profile)
{
    struct json_iter iter;
    for (json_iter_init(&iter, profile); json_iter_next(&iter);) {
        char key[80], message[160];
        if (is_field(iter.key) ||
            engine_canonical_option(manifest, iter.key) != NULL)
            continue;
        snprintf(key, sizeof key, "%.*s",
                 iter.key.n < sizeof key ? (int)iter.key.n : 79, iter.key.p);
        snprintf(message, sizeof message,
                 "neither a profile nor %s has that field", manifest->name);
        on_problem(checking, key, message);
    }
}

static void
check_profile(struct checking *checking, const struct engines *engines,
              const struct json *profile)
{
    char name[160], engine[80], message[160];
    const struct engine_manifest *manifest =
        engines_find(engines, text_of(profile, "engine", "llama-server", engine,
                                      sizeof engine));
    checking->profile = text_of(profile, "name", "", name, sizeof name);
    if (manifest == NULL) {
        snprintf(message, sizeof message, "there is no engine \"%s\"", engine);
        on_problem(checking, "engine", message);
        return;
    }
    check_keys(checking, manifest, profile);
    if (json_get(profile, "options") != NULL)
        engine_check_options(manifest, json_get(profile, "options"), on_problem,
                             checking);
}

static int
check_engines(const struct config *config, const struct engines *engines)
{
    struct error error;
    const char **names = engine_files_names(engines);
    if (names == NULL)
        return cli_fail(CLI_FAILED, "out of memory");
    int rc = config_check_engines(config, names, &error);
    free(names);
    return rc == 0 ? CLI_OK : cli_fail_error(&error);
}

static int
check_profiles(const struct config *config, const struct engines *engines)
{
    struct checking checking = { .config = config };
    const struct json *profiles = config_profiles(config);
    for (size_t i = 0; i < json_count(profiles); i++) {
        checking.line = config_profile_line(config, i);
        check_profile(&checking, engines, json_at(profiles, i));
    }
    return checking.n_problems == 0 ? CLI_OK : CLI_USAGE;
}

static int
run_check(struct cli *cli)
{
    struct config *config;
    struct engines *engines;
    struct error error;
    int rc = cli_load_config(cli, &config);
    if (rc != CLI_OK)
        return rc;
    if (engine_files_load(config_file_path(config), &engines, &error) == 0) {
        rc = check_engines(config, engines);
        int profiles = check_profiles(config, engines);
        rc = rc == CLI_OK ? profiles : rc;
        engines_free(engines);
    } else {
        rc = cli_fail_error(&error);
    }
    if (rc == CLI_OK) {
        const char *path = config_file_path(config);
        if (path == NULL)
            puts("there is no hearth.yaml; the environment is right");
        else
            printf("%s is right\n", path);
    }
    config_free(config);
    return rc;
}

const struct cli_command cli_command_config_show = {
    .name = "config show",
    .usage = "",
    .summary = "show every setting and where it comes from",
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .run = run_show
};

const struct cli_command cli_command_config_check = {
    .name = "config check",
    .usage = "",
    .summary = "check hearth.yaml and the environment, without the daemon",
    .flags = CLI_LOADS_CONFIG,
    .run = run_check
};
