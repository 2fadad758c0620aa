/* hearth key: who may ask from outside.
 *
 * While the daemon runs it is asked; else the keys are changed in its
 * database, which is locked for that moment. */
#include <sys/stat.h>
#include <time.h>

#include "base/limits.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"
#include "cli/settings_source.h"
#include "store/store.h"

/* ---- printing ---- */

static void
format_day(int64_t at_ms, char *buffer, size_t size)
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm utc;
    if (gmtime_r(&at, &utc) == NULL ||
        strftime(buffer, size, "%Y-%m-%d %H:%M UTC", &utc) == 0)
        snprintf(buffer, size, "-");
}

static void
print_keys(const struct json *keys)
{
    static const char *const headings[] = { "ID",   "NAME",  "SCOPE",
                                            "MADE", "STATE", NULL };
    struct table table;
    table_init(&table, headings);
    for (size_t i = 0; i < json_count(keys); i++) {
        const struct json *key = json_at(keys, i);
        char text[160];
        table_add(&table, text_of(key, "id", "-", text, sizeof text));
        table_add(&table, text_of(key, "name", "-", text, sizeof text));
        table_add(&table, text_of(key, "scope", "-", text, sizeof text));
        format_day(int_of(key, "created_at_ms", 0), text, sizeof text);
        table_add(&table, text);
        table_add(&table, int_of(key, "revoked_at_ms", 0) == 0 ? "in force"
                                                               : "revoked");
    }
    table_print(&table, "There are no keys.");
}

/* The secret alone on standard output, so that a script can take it. */
static int
print_new_key(const struct cli *cli, const struct json *key)
{
    char secret[128], id[ID_BYTES], scope[16];
    if (cli_has(cli, "json"))
        return print_json(key);
    puts(text_of(key, "secret", "", secret, sizeof secret));
    fprintf(stderr, "key %s (%s); keep the secret, it is not shown again\n",
            text_of(key, "id", "?", id, sizeof id),
            text_of(key, "scope", "?", scope, sizeof scope));
    return CLI_OK;
}

static void
write_key(const struct api_key *key, const char *secret,
          struct json_writer *out)
{
    json_object_begin(out);
    json_key(out, "id");
    json_text(out, key->id);
    json_key(out, "name");
    json_text(out, key->name);
    json_key(out, "scope");
    json_text(out, key_scope_name(key->scope));
    json_key(out, "created_at_ms");
    json_int(out, key->created_at_ms);
    json_key(out, "revoked_at_ms");
    if (key->revoked_at_ms == 0)
        json_null(out);
    else
        json_int(out, key->revoked_at_ms);
    if (secret != NULL) {
        json_key(out, "secret");
        json_text(out, secret);
    }
    json_object_end(out);
}

/* ---- without a daemon ---- */

struct direct {
    struct loop loop;
    struct store *store;
    bool is_loop_open;
    struct json_writer out;
    struct strbuf text;
    const char *wanted_id;
    struct api_key found;
    bool is_found;
    struct error failure; /* of a change */
};

static int
direct_open(struct direct *direct, const struct cli *cli)
{
    struct config *config;
    struct error error = { 0 };
    memset(direct, 0, sizeof *direct);
    strbuf_init(&direct->text, LIMIT_API_BODY_BYTES);
    json_writer_init(&direct->out, &direct->text);
    int rc = cli_load_config(cli, &config);
    if (rc != CLI_OK)
        return rc;
    const char *folder = config_get(config, SETTING_ID_DATA_DIR)->value.text;
    if (loop_init(&direct->loop, &error) == 0) {
        direct->is_loop_open = true;
        if (store_open(&direct->loop, folder, "hearth key", &direct->store,
                       &error) != 0)
            direct->store = NULL;
    }
    config_free(config);
    return direct->store != NULL ? CLI_OK : cli_fail_error(&error);
}

static void
direct_close(struct direct *direct)
{
    store_close(direct->store);
    if (direct->is_loop_open)
        loop_close(&direct->loop);
    strbuf_release(&direct->text);
}

static int
print_direct(const struct cli *cli, struct direct *direct,
             int (*print)(const struct cli *cli, const struct json *value))
{
    struct error error;
    struct json_doc *doc = json_parse(strbuf_view(&direct->text), &error);
    if (doc == NULL)
        return cli_fail_error(&error);
    int rc = print(cli, json_root(doc));
    json_doc_free(doc);
    return rc;
}

static void
on_stored(void *ctx, const struct error *error)
{
    struct direct *direct = ctx;
    if (error != NULL)
        direct->failure = *error;
}

static int
store_key(struct direct *direct, const struct api_key *key)
{
    struct error error = { 0 };
    store_put_api_key(direct->store, key, on_stored, direct);
    if (store_wait(direct->store, &error) != 0)
        return cli_fail_error(&error);
    return direct->failure.code == ERR_OK ? CLI_OK
                                          : cli_fail_error(&direct->failure);
}

static int
direct_create(const struct cli *cli, struct direct *direct, const char *name,
              enum key_scope scope)
{
    struct api_key key;
    struct error error = { 0 };
    char secret[CLI_SECRET_BYTES];
    if (cli->hooks->generate_key(str_from(name), scope, &key, secret, &error) !=
        0)
        return cli_fail_error(&error);
    int rc = store_key(direct, &key);
    if (rc != CLI_OK)
        return rc;
    write_key(&key, secret, &direct->out);
    return print_direct(cli, direct, print_new_key);
}

static int
list_one(void *ctx, const struct api_key *key)
{
    struct direct *direct = ctx;
    if (direct->wanted_id == NULL)
        write_key(key, NULL, &direct->out);
    else if (strcmp(key->id, direct->wanted_id) == 0) {
        direct->found = *key;
        direct->is_found = true;
    }
    return 0;
}

static int
print_list(const struct cli *cli, const struct json *keys)
{
    if (cli_has(cli, "json"))
        return print_json(keys);
    print_keys(keys);
    return CLI_OK;
}

static int
direct_list(const struct cli *cli, struct direct *direct)
{
    struct error error = { 0 };
    json_array_begin(&direct->out);
    if (store_load_api_keys(direct->store, list_one, direct, &error) != 0)
        return cli_fail_error(&error);
    json_array_end(&direct->out);
    return print_direct(cli, direct, print_list);
}

static int
direct_revoke(struct direct *direct, const char *id)
{
    struct error error = { 0 };
    direct->wanted_id = id;
    if (store_load_api_keys(direct->store, list_one, direct, &error) != 0)
        return cli_fail_error(&error);
    if (!direct->is_found)
        return cli_fail(CLI_NOT_FOUND, "there is no key %s", id);
    if (direct->found.revoked_at_ms == 0)
        direct->found.revoked_at_ms = loop_wall_ms();
    return store_key(direct, &direct->found);
}

/* ---- with a daemon ---- */

/* Is anybody at the socket? Then the database is theirs. With --url the
 * daemon is always the one to ask. */
static int
open_daemon(struct daemon_client *client, const struct cli *cli,
            bool *ret_is_running)
{
    struct client_answer answer;
    int rc = client_open(client, cli);
    *ret_is_running = rc == CLI_OK;
    if (rc != CLI_OK || !client->address.is_unix)
        return rc;
    if (client_try(client, "GET", "/health", &answer) == CLI_NOT_RUNNING)
        *ret_is_running = false;
    else
        client_answer_free(&answer);
    return CLI_OK;
}

static int
ask_create(struct daemon_client *client, const struct cli *cli,
           const char *name, enum key_scope scope)
{
    struct strbuf body = STRBUF_INIT(4 * KIB);
    struct json_writer out;
    struct client_answer answer;
    json_writer_init(&out, &body);
    json_object_begin(&out);
    json_key(&out, "name");
    json_text(&out, name);
    json_key(&out, "scope");
    json_text(&out, key_scope_name(scope));
    json_object_end(&out);
    int rc =
        client_call(client, "POST", "/api/keys", strbuf_text(&body), &answer);
    strbuf_release(&body);
    if (rc == CLI_OK) {
        rc = print_new_key(cli, answer.data);
        client_answer_free(&answer);
    }
    return rc;
}

static int
ask_list(struct daemon_client *client, const struct cli *cli)
{
    struct client_answer answer;
    int rc = client_call(client, "GET", "/api/keys", NULL, &answer);
    if (rc == CLI_OK) {
        rc = print_list(cli, answer.data);
        client_answer_free(&answer);
    }
    return rc;
}

static int
ask_revoke(struct daemon_client *client, const char *id)
{
    struct strbuf target = STRBUF_INIT(4 * KIB);
    struct client_answer answer;
    strbuf_add_text(&target, "/api/keys/");
    client_add_segment(&target, id);
    int rc = client_call(client, "DELETE", strbuf_text(&target), NULL, &answer);
    strbuf_release(&target);
    if (rc == CLI_OK)
        client_answer_free(&answer);
    return rc;
}

/* ---- the commands ---- */

static int
scope_of(const struct cli *cli, enum key_scope *ret_scope)
{
    const char *scope = cli_value(cli, "scope");
    *ret_scope = KEY_SCOPE_ADMIN;
    if (scope == NULL || key_scope_from(str_from(scope), ret_scope) == 0)
        return CLI_OK;
    return cli_fail(CLI_USAGE,
                    "--scope: \"%s\" is none of admin, inference, read", scope);
}

static int
with_daemon(struct daemon_client *client, const struct cli *cli)
{
    enum key_scope scope;
    const char *name = cli_value(cli, "name");
    if (strcmp(cli->command->name, "key list") == 0)
        return ask_list(client, cli);
    if (strcmp(cli->command->name, "key revoke") == 0)
        return ask_revoke(client, cli->args[0]);
    int rc = scope_of(cli, &scope);
    return rc == CLI_OK
               ? ask_create(client, cli, name == NULL ? "key" : name, scope)
               : rc;
}

static int
without_daemon(const struct cli *cli)
{
    struct direct direct;
    enum key_scope scope;
    const char *name = cli_value(cli, "name");
    int rc = scope_of(cli, &scope);
    if (rc != CLI_OK)
        return rc;
    rc = direct_open(&direct, cli);
    if (rc == CLI_OK) {
        if (strcmp(cli->command->name, "key list") == 0)
            rc = direct_list(cli, &direct);
        else if (strcmp(cli->command->name, "key revoke") == 0)
            rc = direct_revoke(&direct, cli->args[0]);
        else
            rc =
                direct_create(cli, &direct, name == NULL ? "key" : name, scope);
    }
    direct_close(&direct);
    return rc;
}

static int
run(struct cli *cli)
{
    struct daemon_client client;
    bool is_running;
    int rc = open_daemon(&client, cli, &is_running);
    if (rc == CLI_OK && is_running)
        rc = with_daemon(&client, cli);
    client_close(&client);
    if (rc == CLI_OK && !is_running)
        rc = without_daemon(cli);
    return rc;
}

static const struct cli_option create_options[] = {
    { "name", 'n', "NAME", "what it is for (default: key)" },
    { "scope", 's', "SCOPE", "admin, inference or read (default: admin)" },
    { 0 }
};

const struct cli_command cli_command_key_create = {
    .name = "key create",
    .usage = "[--name NAME] [--scope SCOPE]",
    .summary = "make a key and print its secret, once",
    .details = "admin may do everything, inference may use the models, read "
               "may look.",
    .options = create_options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .run = run
};

const struct cli_command cli_command_key_list = {
    .name = "key list",
    .usage = "",
    .summary = "list the keys, without their secrets",
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .run = run
};

const struct cli_command cli_command_key_revoke = { .name = "key revoke",
                                                    .usage = "ID",
                                                    .summary = "end a key",
                                                    .flags = CLI_ASKS_DAEMON,
                                                    .min_args = 1,
                                                    .max_args = 1,
                                                    .run = run };
