/* hearth pull: download a model and watch it come.
 *
 * The daemon does the work; this starts a task, or goes on with the one that
 * is there, and shows its progress. Ctrl-C pauses the task and leaves what it
 * has; the same command goes on with it later. */
#include <stdlib.h>

#include "base/limits.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"
#include "cli/progress.h"
#include "platform/system.h"

struct pull {
    const struct cli *cli;
    struct daemon_client client;
    struct progress progress;
    char task_id[ID_BYTES];
    char status[32];
    struct json_doc *last; /* the newest record */
};

/* ---- what to ask for ---- */

static void
add_text(struct json_writer *out, const char *key, struct str value)
{
    if (value.n == 0)
        return;
    json_key(out, key);
    json_str(out, value);
}

static bool
is_url(struct str text)
{
    return str_contains(text, STR("://")); /* of any kind: the daemon says */
}

/* MODEL is a URL, or ORG/NAME[:VARIANT][@REVISION] of Hugging Face, or with
 * --source civitai a number. */
static void
write_model(const struct cli *cli, struct json_writer *out)
{
    struct str rest = str_from(cli->args[0]);
    const char *source = cli_value(cli, "source");
    struct str variant = str_from(cli_value(cli, "variant"));
    struct str revision = str_from(cli_value(cli, "revision"));
    if (is_url(rest)) {
        add_text(out, "url", rest);
        add_text(out, "filename", str_from(cli_value(cli, "name")));
        return;
    }
    json_key(out, "source");
    json_text(out, source == NULL ? "huggingface" : source);
    if (source != NULL && strcmp(source, "civitai") == 0) {
        add_text(out, "model_id", rest);
        add_text(out, "version_id", revision);
        return;
    }
    struct str model = str_split(&rest, '@');
    add_text(out, "revision", revision.n > 0 ? revision : rest);
    rest = model;
    add_text(out, "model_id", str_split(&rest, ':'));
    add_text(out, "variant", variant.n > 0 ? variant : rest);
}

static void
write_files(const struct cli *cli, struct json_writer *out)
{
    bool is_any = false;
    for (size_t i = 0; i < cli->n_given; i++) {
        if (strcmp(cli->given[i].option->name, "file") != 0)
            continue;
        if (!is_any) {
            json_key(out, "files");
            json_array_begin(out);
        }
        is_any = true;
        json_text(out, cli->given[i].value);
    }
    if (is_any)
        json_array_end(out);
}

static int
write_request(const struct cli *cli, struct strbuf *body)
{
    struct json_writer out;
    const char *rate = cli_value(cli, "limit-rate");
    int64_t bytes_per_s = 0, priority = 0;
    if (rate != NULL && cli_rate("--limit-rate", rate, &bytes_per_s) != CLI_OK)
        return CLI_USAGE;
    if (rate == NULL && cli_has(cli, "limit-hours"))
        return cli_fail(CLI_USAGE, "--limit-hours: --limit-rate is missing");
    if (cli_int(cli, "priority", -100, 100, &priority) != 0)
        return CLI_USAGE;
    json_writer_init(&out, body);
    json_object_begin(&out);
    write_model(cli, &out);
    write_files(cli, &out);
    add_text(&out, "target", str_from(cli_value(cli, "to")));
    if (rate != NULL) {
        json_key(&out, "limit_bytes_per_s");
        json_int(&out, bytes_per_s);
    }
    add_text(&out, "limit_hours", str_from(cli_value(cli, "limit-hours")));
    if (cli_has(cli, "priority")) {
        json_key(&out, "priority");
        json_int(&out, priority);
    }
    if (cli_has(cli, "dry-run")) {
        json_key(&out, "dry_run");
        json_bool(&out, true);
    }
    json_object_end(&out);
    return strbuf_failed(body) ? cli_fail(CLI_USAGE, "that is too long")
                               : CLI_OK;
}

/* ---- what is told ---- */

static int
print_plan(const struct cli *cli, const struct json *plan)
{
    static const char *const headings[] = { "FILE", "SIZE", "SHA-256", NULL };
    const struct json *files = json_get(plan, "files");
    struct table table;
    char text[512];
    if (cli_has(cli, "json"))
        return print_json(plan);
    table_init(&table, headings);
    for (size_t i = 0; i < json_count(files); i++) {
        const struct json *file = json_at(files, i);
        table_add(&table, text_of(file, "path", "-", text, sizeof text));
        table_add(&table,
                  format_bytes(int_of(file, "size", -1), text, sizeof text));
        table_add(&table, text_of(file, "sha256", "-", text, sizeof text));
    }
    table_print(&table, "There is nothing to download.");
    printf("%zu file%s, %s", json_count(files),
           json_count(files) == 1 ? "" : "s",
           format_bytes(int_of(plan, "total_bytes", -1), text, sizeof text));
    printf(", to %s\n", text_of(plan, "target", "-", text, sizeof text));
    return CLI_OK;
}

static void
keep_record(struct pull *pull, const struct json *record)
{
    char *text = json_to_text(record);
    struct json_doc *doc =
        text == NULL ? NULL : json_parse(str_from(text), NULL);
    free(text);
    if (doc == NULL)
        return;
    json_doc_free(pull->last);
    pull->last = doc;
    pull->status[0] = '\0';
    text_of(record, "status", "", pull->status, sizeof pull->status);
}

static bool
is_over(const struct pull *pull)
{
    return strcmp(pull->status, "completed") == 0 ||
           strcmp(pull->status, "failed") == 0 ||
           strcmp(pull->status, "cancelled") == 0;
}

static bool
on_event(void *ctx, struct str data)
{
    struct pull *pull = ctx;
    struct json_doc *doc = json_parse(data, NULL);
    if (doc == NULL)
        return true;
    if (json_get(json_root(doc), "status") != NULL) {
        keep_record(pull, json_root(doc));
        progress_draw(&pull->progress, json_root(doc), system_monotonic_ms());
    }
    json_doc_free(doc);
    return !is_over(pull);
}

static int
tell_end(struct pull *pull)
{
    const struct json *record = json_root(pull->last);
    const struct json *error = json_get(record, "error");
    char text[1024], size[32];
    progress_clear(&pull->progress);
    if (cli_has(pull->cli, "json"))
        print_json(record);
    if (strcmp(pull->status, "completed") == 0) {
        if (cli_has(pull->cli, "json"))
            return CLI_OK;
        format_bytes(int_of(record, "total_bytes", -1), size, sizeof size);
        printf("%s: %s in %s\n", pull->cli->args[0], size,
               text_of(record, "target", "-", text, sizeof text));
        return CLI_OK;
    }
    if (strcmp(pull->status, "cancelled") == 0)
        return cli_fail(CLI_FAILED, "the download was cancelled");
    return cli_fail(
        CLI_FAILED, "the download failed: %s",
        text_of(error, "message", "no reason was given", text, sizeof text));
}

/* ---- the task ---- */

static int
command_task(struct pull *pull, const char *verb)
{
    struct strbuf target = STRBUF_INIT(4 * KIB);
    struct client_answer answer;
    strbuf_addf(&target, "/api/models/download/%s/%s", pull->task_id, verb);
    int rc =
        client_call(&pull->client, "POST", strbuf_text(&target), NULL, &answer);
    strbuf_release(&target);
    if (rc == CLI_OK)
        client_answer_free(&answer);
    return rc;
}

static int
follow(struct pull *pull)
{
    static const struct client_stream_ops ops = { .on_event = on_event };
    struct strbuf target = STRBUF_INIT(4 * KIB);
    strbuf_addf(&target, "/api/models/download/%s/progress", pull->task_id);
    int rc = client_stream(&pull->client, "GET", strbuf_text(&target), NULL,
                           &ops, pull);
    strbuf_release(&target);
    progress_clear(&pull->progress);
    if (rc == CLI_INTERRUPTED && !is_over(pull) &&
        command_task(pull, "pause") == CLI_OK)
        fprintf(stderr,
                "paused with what it has; the same command goes on, hearth "
                "downloads cancel %s throws it away\n",
                pull->task_id);
    if (rc == CLI_OK && !is_over(pull))
        rc = cli_fail(CLI_FAILED, "hearth stopped before the download did; "
                                  "it goes on when hearth runs again");
    return rc == CLI_OK ? tell_end(pull) : rc;
}

/* A task of an earlier time may rest. */
static int
wake(struct pull *pull)
{
    if (strcmp(pull->status, "paused") == 0)
        return command_task(pull, "resume");
    if (strcmp(pull->status, "failed") == 0)
        return command_task(pull, "retry");
    return CLI_OK;
}

static int
start(struct pull *pull, const char *body)
{
    struct client_answer answer;
    int rc = client_call(&pull->client, "POST", "/api/models/download", body,
                         &answer);
    if (rc != CLI_OK)
        return rc;
    if (cli_has(pull->cli, "dry-run")) {
        rc = print_plan(pull->cli, answer.data);
        client_answer_free(&answer);
        return rc;
    }
    text_of(answer.data, "task_id", "", pull->task_id, sizeof pull->task_id);
    keep_record(pull, answer.data);
    bool waits = !cli_has(pull->cli, "no-wait");
    if (!waits && cli_has(pull->cli, "json"))
        print_json(answer.data);
    else if (!waits)
        puts(pull->task_id);
    client_answer_free(&answer);
    rc = wake(pull);
    return rc == CLI_OK && waits ? follow(pull) : rc;
}

static int
run(struct cli *cli)
{
    struct pull *pull = calloc(1, sizeof *pull);
    struct strbuf body = STRBUF_INIT(LIMIT_API_BODY_BYTES);
    if (pull == NULL)
        return cli_fail(CLI_FAILED, "out of memory");
    pull->cli = cli;
    progress_init(&pull->progress, stderr);
    int rc = write_request(cli, &body);
    if (rc == CLI_OK)
        rc = client_open(&pull->client, cli);
    if (rc == CLI_OK) {
        rc = start(pull, strbuf_text(&body));
        client_close(&pull->client);
    }
    json_doc_free(pull->last);
    strbuf_release(&body);
    free(pull);
    return rc;
}

static const struct cli_option options[] = {
    { "variant", 'v', "NAME", "which quantization: Q4_K_M, ..." },
    { "revision", 'r', "NAME", "branch, tag or commit; Civitai: a version" },
    { "file", 'f', "PATH", "only this file of the repository; repeatable" },
    { "source", 's', "HUB", "huggingface (default) or civitai" },
    { "to", 0, "DIR", "into this folder instead of the usual place" },
    { "name", 0, "FILE", "of a URL: keep it under this name" },
    { "limit-rate", 0, "RATE", "at most so many bytes per second: 10M" },
    { "limit-hours", 0, "HOURS", "only at these: 08:00-22:30, local time" },
    { "priority", 'p', "N", "higher ones go first (-100 to 100)" },
    { "dry-run", 'n', NULL, "only say what would be downloaded" },
    { "no-wait", 0, NULL, "print the task's id and go" },
    { 0 }
};

const struct cli_command cli_command_pull = {
    .name = "pull",
    .usage = "MODEL [OPTION...]",
    .summary = "download a model; the same again goes on with it",
    .details = "MODEL is ORG/NAME[:VARIANT][@REVISION] of Hugging Face, a page "
               "or file URL of\neither hub, any other URL, or with --source "
               "civitai a model's number.\nCtrl-C pauses the download.",
    .options = options,
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .min_args = 1,
    .max_args = 1,
    .run = run
};
