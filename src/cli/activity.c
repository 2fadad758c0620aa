/* hearth activity: the inference requests, those under way and those that
 * were. */
#include <time.h>

#include "base/units.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"

static void
add_text(struct table *table, const struct json *entry, const char *key)
{
    char text[512];
    table_add(table, text_of(entry, key, "-", text, sizeof text));
}

/* "14:03:07", and the day before it unless that is today. */
static void
add_moment(struct table *table, int64_t at_ms)
{
    time_t at = (time_t)(at_ms / SECOND_MS), now = time(NULL);
    struct tm then, today;
    char text[32];
    localtime_r(&at, &then);
    localtime_r(&now, &today);
    bool is_today =
        then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
    strftime(text, sizeof text, is_today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S",
             &then);
    table_add(table, text);
}

/* "840 ms", "12.3 s", "5 min"; "-": not known. */
static void
add_time(struct table *table, int64_t ms)
{
    char text[32];
    if (ms < 0)
        table_add(table, NULL);
    else if (ms < SECOND_MS)
        table_addf(table, "%lld ms", (long long)ms);
    else if (ms < MINUTE_MS)
        table_addf(table, "%.1f s", (double)ms / SECOND_MS);
    else
        table_add(table, format_duration(ms / SECOND_MS, text, sizeof text));
}

/* "12 > 340": of the prompt, of the answer. */
static void
add_tokens(struct table *table, const struct json *entry)
{
    int64_t in = int_of(entry, "prompt_tokens", -1);
    int64_t out = int_of(entry, "completion_tokens", -1);
    char text[2][24] = { "-", "-" };
    if (in >= 0)
        snprintf(text[0], sizeof text[0], "%lld", (long long)in);
    if (out >= 0)
        snprintf(text[1], sizeof text[1], "%lld", (long long)out);
    table_addf(table, "%s > %s", text[0], text[1]);
}

static void
add_speed(struct table *table, const struct json *entry)
{
    double speed;
    if (json_as_real(json_get(entry, "completion_tokens_per_s"), &speed))
        table_addf(table, "%.1f/s", speed);
    else
        table_add(table, NULL);
}

/* "200", or how it ended if it did not end well. */
static void
add_outcome(struct table *table, const struct json *entry)
{
    char outcome[32];
    int64_t status = int_of(entry, "status", 0);
    text_of(entry, "outcome", "-", outcome, sizeof outcome);
    bool is_plain =
        strcmp(outcome, "completed") == 0 || strcmp(outcome, "failed") == 0;
    if (is_plain && status != 0)
        table_addf(table, "%lld", (long long)status);
    else
        table_add(table, outcome);
}

static int
print_entries(const struct cli *cli, const struct json *data)
{
    static const char *const headings[] = { "BEGUN",  "MODEL",  "END",
                                            "WAITED", "LOADED", "FIRST",
                                            "TOOK",   "TOKENS", "SPEED",
                                            "CALLER", NULL };
    const struct json *entries = json_get(data, "entries");
    struct table table;
    if (cli_has(cli, "json"))
        return print_json(entries);
    table_init(&table, headings);
    for (size_t i = json_count(entries); i-- > 0;) {
        const struct json *entry = json_at(entries, i);
        add_moment(&table, int_of(entry, "at_ms", 0));
        add_text(&table, entry, "model");
        add_outcome(&table, entry);
        add_time(&table, int_of(entry, "queue_ms", -1));
        add_time(&table, int_of(entry, "load_ms", -1));
        add_time(&table, int_of(entry, "first_token_ms", -1));
        add_time(&table, int_of(entry, "duration_ms", -1));
        add_tokens(&table, entry);
        add_speed(&table, entry);
        add_text(&table, entry, "caller");
    }
    table_print(&table, "No request is remembered that fits.");
    return CLI_OK;
}

static int
run_list(struct cli *cli)
{
    struct strbuf target = STRBUF_INIT(8 * KIB);
    int64_t n_lines = 20;
    char limit[24];
    if (cli_int(cli, "lines", 1, 1000, &n_lines) != 0)
        return CLI_USAGE;
    snprintf(limit, sizeof limit, "%lld", (long long)n_lines);
    strbuf_add_text(&target, "/api/activity");
    client_add_query(&target, "limit", limit);
    client_add_query(&target, "model", cli_value(cli, "model"));
    client_add_query(&target, "caller", cli_value(cli, "caller"));
    client_add_query(&target, "outcome", cli_value(cli, "outcome"));
    client_add_query(&target, "q", cli_value(cli, "grep"));
    int rc = client_add_moment(cli, "since", &target);
    if (rc == CLI_OK)
        rc = client_add_moment(cli, "until", &target);
    if (rc == CLI_OK)
        rc = client_ask(cli, "GET", strbuf_text(&target), NULL, print_entries);
    strbuf_release(&target);
    return rc;
}

static int
print_active(const struct cli *cli, const struct json *data)
{
    static const char *const headings[] = { "ID",    "BEGUN",  "MODEL",
                                            "PHASE", "CALLER", NULL };
    struct table table;
    if (cli_has(cli, "json"))
        return print_json(data);
    table_init(&table, headings);
    for (size_t i = 0; i < json_count(data); i++) {
        const struct json *entry = json_at(data, i);
        table_addf(&table, "%lld", (long long)int_of(entry, "id", 0));
        add_moment(&table, int_of(entry, "at_ms", 0));
        add_text(&table, entry, "model");
        add_text(&table, entry, "phase");
        add_text(&table, entry, "caller");
    }
    table_print(&table, "No request is under way.");
    return CLI_OK;
}

static int
run_active(struct cli *cli)
{
    return client_ask(cli, "GET", "/api/activity/active", NULL, print_active);
}

static int
run_cancel(struct cli *cli)
{
    struct strbuf target = STRBUF_INIT(4 * KIB);
    strbuf_add_text(&target, "/api/activity/");
    client_add_segment(&target, cli->args[0]);
    int rc = client_ask(cli, "DELETE", strbuf_text(&target), NULL, NULL);
    strbuf_release(&target);
    return rc;
}

static const struct cli_option list_options[] = {
    { "lines", 'n', "N", "the newest N (default: 20, at most 1000)" },
    { "model", 0, "MODEL", "only those that named this model" },
    { "caller", 0, "NAME", "only of this key, or dashboard, loopback, socket" },
    { "outcome", 0, "HOW", "completed, failed, client_gone or cancelled" },
    { "grep", 0, "TEXT", "only where model, path, client or error has this" },
    { "since", 0, "AGE", "only those so old at most: 90s, 10m, 2h, 3d" },
    { "until", 0, "AGE", "only those so old at least" },
    { 0 }
};

const struct cli_command cli_command_activity_list = {
    .name = "activity list",
    .usage = "[-n N] [--model MODEL]",
    .summary = "list inference requests that have ended",
    .details = "The newest comes last. TOKENS are those of the prompt and "
               "those of the answer,\nas far as the engine told.",
    .options = list_options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .run = run_list
};

const struct cli_command cli_command_activity_active = {
    .name = "activity active",
    .usage = "",
    .summary = "list inference requests that are under way",
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .run = run_active
};

const struct cli_command cli_command_activity_cancel = {
    .name = "activity cancel",
    .usage = "ID",
    .summary = "end an inference request that is under way",
    .details = "Its client is told. An engine that cannot be told to stop "
               "finishes the answer\nfor nobody, and its place is free only "
               "then.",
    .flags = CLI_ASKS_DAEMON,
    .min_args = 1,
    .max_args = 1,
    .run = run_cancel
};
