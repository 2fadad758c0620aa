/* hearth logs without a name: Hearth's own log. */
#include "cli/own_log.h"

#include <stdlib.h>

#include "base/limits.h"
#include "cli/daemon_client.h"
#include "cli/print.h"
#include "formats/log_line.h"

enum { PAGE = 1000 };

static void
copy_text(const struct json *entry, const char *key, char *to, size_t size)
{
    char text[LOG_TEXT_BYTES];
    snprintf(to, size, "%s", text_of(entry, key, "", text, sizeof text));
}

static bool
print_entry(const struct json *json, bool is_json)
{
    struct log_entry entry = { .at_ms = int_of(json, "at_ms", 0) };
    char level[16];
    if (is_json) {
        print_json(json);
    } else {
        log_level_from(
            str_from(text_of(json, "level", "", level, sizeof level)),
            &entry.level);
        copy_text(json, "source", entry.source, sizeof entry.source);
        copy_text(json, "message", entry.message, sizeof entry.message);
        char *line = log_line(&entry);
        fputs(line == NULL ? "" : line, stdout);
        free(line);
    }
    /* Whoever follows wants each line now; a closed pipe ends it. */
    return fflush(stdout) == 0;
}

static int
add_filter(const struct cli *cli, struct strbuf *target)
{
    client_add_query(target, "level", cli_value(cli, "level"));
    client_add_query(target, "source", cli_value(cli, "source"));
    client_add_query(target, "q", cli_value(cli, "grep"));
    int rc = client_add_moment(cli, "since", target);
    return rc == CLI_OK ? client_add_moment(cli, "until", target) : rc;
}

/* ---- following ---- */

static bool
on_event(void *ctx, struct str data)
{
    bool goes_on = true;
    struct json_doc *doc = json_parse(data, NULL);
    const struct json *root = doc == NULL ? NULL : json_root(doc);
    if (json_get(root, "message") != NULL)
        goes_on = print_entry(root, *(const bool *)ctx);
    json_doc_free(doc);
    return goes_on;
}

static int
follow(struct cli *cli, struct daemon_client *client, int64_t n_lines)
{
    static const struct client_stream_ops ops = { .on_event = on_event };
    bool is_json = cli_has(cli, "json");
    char lines[24];
    struct strbuf target = STRBUF_INIT(16 * KIB);
    snprintf(lines, sizeof lines, "%lld", (long long)n_lines);
    strbuf_add_text(&target, "/api/logs/follow");
    client_add_query(&target, "lines", lines);
    int rc = add_filter(cli, &target);
    if (rc == CLI_OK)
        rc = client_stream(client, "GET", strbuf_text(&target), NULL, &ops,
                           &is_json);
    strbuf_release(&target);
    /* Ctrl-C is how following ends. */
    return rc == CLI_INTERRUPTED ? CLI_OK : rc;
}

/* ---- what there is ---- */

/* Pages come newest first; the oldest is printed first. */
static int
show(struct cli *cli, struct daemon_client *client, int64_t n_lines,
     int64_t before_id)
{
    struct client_answer answer;
    struct strbuf target = STRBUF_INIT(16 * KIB);
    char text[24];
    if (n_lines <= 0)
        return CLI_OK;
    strbuf_add_text(&target, "/api/logs");
    snprintf(text, sizeof text, "%d", (int)(n_lines < PAGE ? n_lines : PAGE));
    client_add_query(&target, "limit", text);
    snprintf(text, sizeof text, "%lld", (long long)before_id);
    client_add_query(&target, "before_id", before_id == 0 ? NULL : text);
    int rc = add_filter(cli, &target);
    if (rc == CLI_OK)
        rc = client_call(client, "GET", strbuf_text(&target), NULL, &answer);
    strbuf_release(&target);
    if (rc != CLI_OK)
        return rc;
    const struct json *entries = json_get(answer.data, "entries");
    size_t n = json_count(entries);
    int64_t next_id = int_of(answer.data, "next_before_id", 0);
    if (next_id != 0)
        rc = show(cli, client, n_lines - (int64_t)n, next_id);
    while (rc == CLI_OK && n-- > 0)
        print_entry(json_at(entries, n), cli_has(cli, "json"));
    client_answer_free(&answer);
    return rc;
}

int
own_log_show(struct cli *cli, int64_t n_lines)
{
    struct daemon_client client;
    int rc = client_open(&client, cli);
    if (rc == CLI_OK)
        rc = cli_has(cli, "follow") ? follow(cli, &client, n_lines)
                                    : show(cli, &client, n_lines, 0);
    client_close(&client);
    return rc;
}
