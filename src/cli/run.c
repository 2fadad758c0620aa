/* hearth run: talk with a model.
 *
 * The daemon loads the model when it has to; what it says meanwhile is shown
 * on a terminal. Without a prompt it is a conversation, line by line; a
 * prompt may also come through a pipe. Answers go to standard output as they
 * come, everything else to standard error. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/print.h"

enum { TALK_MAX_BYTES = 4 * 1024 * 1024 };

struct talk {
    struct daemon_client client;
    const struct cli *cli;
    struct strbuf messages; /* JSON objects with commas between them */
    struct strbuf answer;   /* of this turn */
    bool shows_progress;    /* standard error is a terminal */
    bool has_progress;      /* a line of progress stands there */
    bool has_failed;        /* an error came inside the stream */
};

static void
clear_progress(struct talk *talk)
{
    if (talk->has_progress)
        fputs("\r\033[K", stderr);
    talk->has_progress = false;
}

static void
on_comment(void *ctx, struct str text)
{
    struct talk *talk = ctx;
    if (!talk->shows_progress || text.n == 0)
        return;
    fprintf(stderr, "\r\033[K%.*s ...", STR_ARG(text));
    talk->has_progress = true;
}

static void
say(struct talk *talk, struct str text)
{
    clear_progress(talk);
    /* Models begin with a space, as their words do. */
    while (talk->answer.n == 0 && text.n > 0 && *text.p == ' ')
        text = (struct str){ text.p + 1, text.n - 1 };
    fwrite(text.p, 1, text.n, stdout);
    strbuf_add_str(&talk->answer, text);
}

/* One chunk of the stream: choices[0].delta.content, or an error. */
static bool
on_event(void *ctx, struct str data)
{
    struct talk *talk = ctx;
    struct error error;
    struct str text;
    if (str_is(data, "[DONE]"))
        return false;
    struct json_doc *doc = json_parse(data, &error);
    if (doc == NULL)
        return true;
    const struct json *root = json_root(doc);
    const struct json *problem = json_get(root, "error");
    const struct json *choice = json_at(json_get(root, "choices"), 0);
    if (problem != NULL) {
        clear_progress(talk);
        talk->has_failed = true;
        if (!json_as_text(json_get(problem, "message"), &text))
            text = STR("the model failed");
        cli_fail(CLI_FAILED, "%.*s", STR_ARG(text));
    } else if (json_as_text(json_get(json_get(choice, "delta"), "content"),
                            &text)) {
        say(talk, text);
    }
    json_doc_free(doc);
    return fflush(stdout) == 0;
}

static void
add_message(struct talk *talk, const char *role, struct str text)
{
    struct json_writer out;
    if (talk->messages.n > 0)
        strbuf_add_byte(&talk->messages, ',');
    json_writer_init(&out, &talk->messages);
    json_object_begin(&out);
    json_key(&out, "role");
    json_text(&out, role);
    json_key(&out, "content");
    json_str(&out, text);
    json_object_end(&out);
}

static int
write_body(const struct talk *talk, struct strbuf *body)
{
    int64_t max_tokens = 0;
    struct json_writer out;
    const char *temperature = cli_value(talk->cli, "temperature");
    double number = 0;
    if (cli_int(talk->cli, "max-tokens", 1, 1 << 20, &max_tokens) != 0)
        return CLI_USAGE;
    if (temperature != NULL &&
        (str_to_double(str_from(temperature), &number) != 0 || number < 0))
        return cli_fail(CLI_USAGE, "--temperature: \"%s\" is not a number",
                        temperature);
    json_writer_init(&out, body);
    json_object_begin(&out);
    json_key(&out, "model");
    json_text(&out, talk->cli->args[0]);
    json_key(&out, "stream");
    json_bool(&out, true);
    if (max_tokens > 0) {
        json_key(&out, "max_tokens");
        json_int(&out, max_tokens);
    }
    if (temperature != NULL) {
        json_key(&out, "temperature");
        json_real(&out, number);
    }
    json_key(&out, "messages");
    json_array_begin(&out);
    json_raw(&out, strbuf_view(&talk->messages));
    json_array_end(&out);
    json_object_end(&out);
    if (strbuf_failed(body) || strbuf_failed(&talk->messages))
        return cli_fail(CLI_FAILED, "the conversation is too long");
    return CLI_OK;
}

/* One question and its answer. What was answered before Ctrl-C stays part
 * of the conversation. */
static int
turn(struct talk *talk, struct str prompt)
{
    static const struct client_stream_ops ops = { on_event, on_comment };
    struct strbuf body = STRBUF_INIT(2 * TALK_MAX_BYTES);
    add_message(talk, "user", prompt);
    strbuf_clear(&talk->answer);
    talk->has_failed = false;
    int rc = write_body(talk, &body);
    if (rc == CLI_OK)
        rc = client_stream(&talk->client, "POST", "/v1/chat/completions",
                           strbuf_text(&body), &ops, talk);
    clear_progress(talk);
    strbuf_release(&body);
    if (talk->answer.n > 0 || rc == CLI_INTERRUPTED)
        putchar('\n');
    fflush(stdout);
    add_message(talk, "assistant", strbuf_view(&talk->answer));
    return rc == CLI_OK && talk->has_failed ? CLI_FAILED : rc;
}

/* ---- a conversation ---- */

static void
print_welcome(const char *model)
{
    fprintf(stderr,
            "Talking with %s. Ctrl-C stops an answer; /bye or Ctrl-D ends.\n",
            model);
}

/* A model that is not there is told before the first question. */
static int
find_model(struct talk *talk)
{
    struct strbuf target = STRBUF_INIT(16 * KIB);
    struct client_answer answer;
    strbuf_add_text(&target, "/v1/models/");
    client_add_segment(&target, talk->cli->args[0]);
    int rc =
        client_call(&talk->client, "GET", strbuf_text(&target), NULL, &answer);
    if (rc == CLI_OK)
        client_answer_free(&answer);
    strbuf_release(&target);
    return rc;
}

static int
converse(struct talk *talk)
{
    char *line = NULL;
    size_t size = 0;
    int rc = find_model(talk);
    if (rc != CLI_OK)
        return rc;
    print_welcome(talk->cli->args[0]);
    while (rc == CLI_OK || rc == CLI_INTERRUPTED) {
        fputs("> ", stderr);
        ssize_t n = getline(&line, &size, stdin);
        if (n < 0) {
            fputs("\n", stderr);
            rc = CLI_OK;
            break;
        }
        struct str text = { line, (size_t)n };
        while (text.n > 0 && strchr("\r\n \t", text.p[text.n - 1]) != NULL)
            text.n--;
        if (str_is(text, "/bye") || str_is(text, "/exit")) {
            rc = CLI_OK;
            break;
        }
        if (text.n > 0)
            rc = turn(talk, text);
        if (rc == CLI_FAILED) /* said already; the next may do better */
            rc = CLI_OK;
    }
    free(line);
    return rc;
}

static int
read_all(FILE *file, struct strbuf *out)
{
    char piece[4096];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, file)) > 0)
        strbuf_add(out, piece, n);
    if (ferror(file))
        return cli_fail(CLI_FAILED, "cannot read the prompt");
    if (strbuf_failed(out))
        return cli_fail(CLI_USAGE, "the prompt is too long");
    return CLI_OK;
}

/* The words of the command line, then what a pipe holds. */
static int
ask_once(struct talk *talk)
{
    const struct cli *cli = talk->cli;
    struct strbuf prompt = STRBUF_INIT(TALK_MAX_BYTES);
    int rc = CLI_OK;
    for (size_t i = 1; i < cli->n_args; i++) {
        strbuf_add_text(&prompt, i == 1 ? "" : " ");
        strbuf_add_text(&prompt, cli->args[i]);
    }
    if (cli->n_args == 1)
        rc = read_all(stdin, &prompt);
    if (rc == CLI_OK && str_trim(strbuf_view(&prompt)).n == 0)
        rc = cli_fail(CLI_USAGE, "the prompt is empty");
    if (rc == CLI_OK)
        rc = turn(talk, strbuf_view(&prompt));
    strbuf_release(&prompt);
    return rc;
}

static int
run(struct cli *cli)
{
    struct talk *talk = calloc(1, sizeof *talk);
    if (talk == NULL)
        return cli_fail(CLI_FAILED, "out of memory");
    talk->cli = cli;
    talk->shows_progress = isatty(STDERR_FILENO) == 1;
    strbuf_init(&talk->messages, TALK_MAX_BYTES);
    strbuf_init(&talk->answer, TALK_MAX_BYTES);
    int rc = client_open(&talk->client, cli);
    const char *system_prompt = cli_value(cli, "system-prompt");
    if (rc == CLI_OK && system_prompt != NULL)
        add_message(talk, "system", str_from(system_prompt));
    if (rc == CLI_OK)
        rc = cli->n_args == 1 && isatty(STDIN_FILENO) == 1 ? converse(talk)
                                                           : ask_once(talk);
    client_close(&talk->client);
    strbuf_release(&talk->messages);
    strbuf_release(&talk->answer);
    free(talk);
    return rc;
}

static const struct cli_option options[] = {
    { "system-prompt", 's', "TEXT", "begin with this instruction" },
    { "max-tokens", 'n', "N", "end an answer after N tokens" },
    { "temperature", 't', "X", "how freely it chooses" },
    { 0 }
};

const struct cli_command cli_command_run = {
    .name = "run",
    .usage = "MODEL [PROMPT]",
    .summary = "ask a model, or talk with it when there is no prompt",
    .details = "MODEL is a profile, an alias or a model of the library; it is "
               "loaded when it has\nto be. A prompt may come through a pipe.",
    .options = options,
    .flags = CLI_ASKS_DAEMON,
    .min_args = 1,
    .max_args = CLI_ARGS_MAX,
    .run = run
};
