/* hearth status, hearth ps: what runs. */
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"

static void
add_server(struct table *table, const struct json *server)
{
    char name[160], state[32], text[64];
    double cpu;
    int64_t port = int_of(server, "port", 0), pid = int_of(server, "pid", 0);
    table_add(table, text_of(server, "profile_name", "-", name, sizeof name));
    table_add(table, text_of(server, "state", "-", state, sizeof state));
    if (pid > 0)
        table_addf(table, "%lld", (long long)pid);
    else
        table_add(table, NULL);
    if (port > 0)
        table_addf(table, "%lld", (long long)port);
    else
        table_add(table, NULL);
    table_add(table, format_duration(int_of(server, "uptime_s", -1), text,
                                     sizeof text));
    table_add(table,
              format_bytes(int_of(server, "rss_bytes", -1), text, sizeof text));
    if (json_as_real(json_get(server, "cpu_percent"), &cpu))
        table_addf(table, "%.0f %%", cpu);
    else
        table_add(table, NULL);
}

static void
print_servers(const struct json *servers)
{
    static const char *const headings[] = { "NAME",   "STATE",  "PID", "PORT",
                                            "UPTIME", "MEMORY", "CPU", NULL };
    struct table table;
    table_init(&table, headings);
    for (size_t i = 0; i < json_count(servers); i++)
        add_server(&table, json_at(servers, i));
    table_print(&table, "No servers are running.");
}

static int
run_ps(struct cli *cli)
{
    struct daemon_client client;
    struct client_answer answer;
    int rc = client_open(&client, cli);
    if (rc == CLI_OK)
        rc = client_call(&client, "GET",
                         cli_has(cli, "all") ? "/api/servers"
                                             : "/api/servers?running=1",
                         NULL, &answer);
    if (rc == CLI_OK) {
        if (cli_has(cli, "json"))
            rc = print_json(answer.data);
        else
            print_servers(answer.data);
        client_answer_free(&answer);
    }
    client_close(&client);
    return rc;
}

static int
print_status(const struct json *info, const struct json *servers)
{
    char version[64], folder[512], text[64];
    printf("hearth %s is running (pid %lld, up %s)\n",
           text_of(info, "version", "?", version, sizeof version),
           (long long)int_of(info, "pid", 0),
           format_duration(int_of(info, "uptime_s", -1), text, sizeof text));
    printf("data folder %s\n\n",
           text_of(info, "data_dir", "?", folder, sizeof folder));
    print_servers(servers);
    return CLI_OK;
}

static int
print_status_json(const struct json *info, const struct json *servers)
{
    struct strbuf text = STRBUF_INIT(16 * 1024 * 1024);
    struct json_writer out;
    json_writer_init(&out, &text);
    json_object_begin(&out);
    json_key(&out, "info");
    json_value(&out, info);
    json_key(&out, "servers");
    json_value(&out, servers);
    json_object_end(&out);
    puts(strbuf_text(&text));
    strbuf_release(&text);
    return CLI_OK;
}

static int
run_status(struct cli *cli)
{
    struct daemon_client client;
    struct client_answer info = { 0 }, servers = { 0 };
    int rc = client_open(&client, cli);
    if (rc == CLI_OK)
        rc = client_call(&client, "GET", "/api/system/info", NULL, &info);
    if (rc == CLI_OK)
        rc = client_call(&client, "GET", "/api/servers?running=1", NULL,
                         &servers);
    if (rc == CLI_OK)
        rc = cli_has(cli, "json") ? print_status_json(info.data, servers.data)
                                  : print_status(info.data, servers.data);
    client_answer_free(&info);
    client_answer_free(&servers);
    client_close(&client);
    return rc;
}

static const struct cli_option ps_options[] = {
    { "all", 'a', NULL, "also those that do not run" }, { 0 }
};

const struct cli_command cli_command_status = {
    .name = "status",
    .usage = "",
    .summary = "is hearth running, and what runs in it",
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .run = run_status
};

const struct cli_command cli_command_ps = {
    .name = "ps",
    .usage = "[--all]",
    .summary = "list the running servers",
    .options = ps_options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .run = run_ps
};
