/* Commands that ask the daemon. In its place sits a thread on a unix socket
 * that notes each request and gives the answer that the test wants. */
#include "harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct fake {
    struct harness *h;
    pthread_t thread;
    int listener;
    const char *answers[4]; /* whole HTTP answers, in order */
    char requests[4][2048]; /* what came, in order */
    size_t n_wanted;
};

#define OK_JSON(body)                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" \
    "Connection: close\r\n\r\n{\"success\":true,\"data\":" body "}"
#define BAD_JSON(status, error)                                 \
    "HTTP/1.1 " status "\r\nContent-Type: application/json\r\n" \
    "Connection: close\r\n\r\n{\"success\":false,\"error\":" error "}"
#define EVENTS(body)                                         \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" \
    "Connection: close\r\n\r\n" body

/* Head and body, by its length. */
static bool
is_whole(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *length = strstr(request, "Content-Length: ");
    if (length == NULL)
        length = strstr(request, "content-length: ");
    if (end == NULL)
        return false;
    size_t n =
        length == NULL || length > end ? 0 : strtoul(length + 16, NULL, 10);
    return strlen(end + 4) >= n;
}

static void *
answer_all(void *arg)
{
    struct fake *fake = arg;
    for (size_t i = 0; i < fake->n_wanted; i++) {
        int fd = accept(fake->listener, NULL, NULL);
        size_t n = 0;
        ssize_t got = 1;
        while (got > 0 && !is_whole(fake->requests[i])) {
            got = read(fd, fake->requests[i] + n,
                       sizeof fake->requests[i] - 1 - n);
            n += got > 0 ? (size_t)got : 0;
        }
        size_t length = strlen(fake->answers[i]);
        for (size_t at = 0; at < length;) {
            ssize_t sent =
                send(fd, fake->answers[i] + at, length - at, MSG_NOSIGNAL);
            if (sent <= 0)
                break;
            at += (size_t)sent;
        }
        close(fd);
    }
    return NULL;
}

static void
fake_listen(struct fake *fake, const struct sockaddr *at, socklen_t size)
{
    fake->listener = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fake->listener, at, size), 0);
    assert_int_equal(listen(fake->listener, 8), 0);
}

/* On a TCP port, for one request; returns the port. */
static int
fake_start_tcp(struct fake *fake, const char *answer)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof at;
    memset(fake, 0, sizeof *fake);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fake_listen(fake, (const struct sockaddr *)&at, sizeof at);
    getsockname(fake->listener, (struct sockaddr *)&at, &size);
    fake->n_wanted = 1;
    fake->answers[0] = answer;
    assert_int_equal(pthread_create(&fake->thread, NULL, answer_all, fake), 0);
    return ntohs(at.sin_port);
}

static void
fake_start(struct fake *fake, struct harness *h, const char *const *answers,
           size_t n)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    memset(fake, 0, sizeof *fake);
    mkdir(harness_path(h, "data"), 0700);
    snprintf(at.sun_path, sizeof at.sun_path, "%s",
             harness_path(h, "data/hearth.sock"));
    unlink(at.sun_path);
    fake_listen(fake, (const struct sockaddr *)&at, sizeof at);
    fake->n_wanted = n;
    for (size_t i = 0; i < n; i++)
        fake->answers[i] = answers[i];
    assert_int_equal(pthread_create(&fake->thread, NULL, answer_all, fake), 0);
}

static void
fake_stop(struct fake *fake)
{
    pthread_join(fake->thread, NULL);
    close(fake->listener);
}

/* Runs the line against one answer; the request is left in `fake`. */
static int
asked(struct fake *fake, struct harness *h, const char *line,
      const char *answer)
{
    fake_start(fake, h, &answer, 1);
    int rc = harness_run(h, line);
    fake_stop(fake);
    return rc;
}

static void
each_command_has_its_request(void **state)
{
    static const struct {
        const char *line, *answer, *request, *body, *out;
    } rows[] = {
        { "ps", OK_JSON("[]"), "GET /api/servers?running=1 ", "",
          "No servers are running.\n" },
        { "ps -a",
          OK_JSON("[{\"profile_name\":\"caf\xc3\xa9\",\"state\":\"ready\","
                  "\"pid\":12,\"port\":8080,\"uptime_s\":3700,"
                  "\"rss_bytes\":1610612736,\"cpu_percent\":12.4}]"),
          "GET /api/servers ", "",
          "NAME  STATE  PID  PORT  UPTIME  MEMORY   CPU\n"
          "caf\xc3\xa9  ready  12   8080  61 min  1.5 GiB  12 %\n" },
        { "ps --json", OK_JSON("[1]"), "GET /api/servers?running=1 ", "",
          "[1]\n" },
        { "start 'a b/c'",
          OK_JSON("{\"profile_id\":\"p\",\"state\":\"ready\",\"pid\":5,"
                  "\"port\":99}"),
          "POST /api/servers/a%20b%2Fc/start?wait=1 ", "",
          "a b/c is ready (pid 5, port 99)\n" },
        { "stop x --force",
          OK_JSON("{\"profile_id\":\"p\",\"state\":\"stopped\","
                  "\"stop\":\"forced\"}"),
          "POST /api/servers/x/stop?wait=1&force=1 ", "",
          "x is stopped (it had to be killed)\n" },
        { "restart x --no-wait",
          OK_JSON("{\"profile_id\":\"p\",\"state\":\"stopping\"}"),
          "POST /api/servers/x/restart?wait=0 ", "", "x is stopping\n" },
        { "profile list", OK_JSON("[]"), "GET /api/profiles ", "",
          "There are no profiles.\n" },
        { "profile show x",
          OK_JSON("{\"name\":\"x\",\"aliases\":[\"a\","
                  "\"b\"],\"port\":1}"),
          "GET /api/profiles/x ", "",
          "name               x\naliases            a, b\n"
          "port               1\n" },
        { "profile create x port=8080 aliases=a,b options.ctx_size=512 "
          "options.flag=true options.text=abc env.N=1 pinned=yes",
          OK_JSON("{}"), "POST /api/profiles ",
          "{\"name\":\"x\",\"port\":8080,\"aliases\":[\"a\",\"b\"],"
          "\"options\":{\"ctx_size\":512,\"flag\":true,\"text\":\"abc\"},"
          "\"env\":{\"N\":\"1\"},\"pinned\":true}",
          "" },
        { "profile set x ttl_s=5 'description=a b' "
          "'command=[\"p\",\"${port}\"]'",
          OK_JSON("{}"), "PUT /api/profiles/x ",
          "{\"ttl_s\":5,\"description\":\"a b\","
          "\"command\":[\"p\",\"${port}\"]}",
          "" },
        { "profile delete x", OK_JSON("{}"), "DELETE /api/profiles/x?wait=1 ",
          "", "" },
        { "profile duplicate x y --json", OK_JSON("{\"name\":\"y\"}"),
          "POST /api/profiles/x/duplicate ", "{\"name\":\"y\"}",
          "{\"name\":\"y\"}\n" },
        { "open --print", OK_JSON("{\"url\":\"http://h/?link=s\"}"),
          "POST /api/session/link ", "", "http://h/?link=s\n" },
        { "config show",
          OK_JSON("{\"port\":{\"value\":1,\"origin\":"
                  "\"file\",\"pinned_by\":\"f line 1\"}}"),
          "GET /api/settings ", "",
          "SETTING  VALUE  FROM\nport     1      f line 1\n" },
        { "search qwen coder --author a -n 5 --source civitai",
          OK_JSON("{\"models\":[{\"model_id\":\"a/b\","
                  "\"size_bytes\":2048,\"downloads\":7,\"likes\":1,"
                  "\"gated\":\"auto\",\"last_modified\":"
                  "\"2026-01-02T03:04:05Z\"},{\"model_id\":\"c/d\","
                  "\"is_downloaded\":true,\"gated\":false}]}"),
          "GET /api/models/search?q=qwen%20coder&source=civitai&author=a"
          "&limit=5 ",
          "",
          "MODEL  SIZE     DOWNLOADS  LIKES  ACCESS  UPDATED\n"
          "a/b    2.0 KiB  7          1      gated   2026-01-02\n"
          "c/d    -        0          0      here    -\n" },
        { "models list llama --kind llm --sort size_bytes",
          OK_JSON("[{\"name\":\"m\",\"kind\":\"llm\",\"architecture\":"
                  "\"llama\",\"n_parameters\":8030261248,\"quantization\":"
                  "\"Q4_K_M\",\"context_length\":8192,\"size_bytes\":1024,"
                  "\"source\":\"ollama\"}]"),
          "GET /api/models?q=llama&kind=llm&sort=size_bytes ", "",
          "NAME  KIND  ARCH   PARAMS  QUANT   CONTEXT  SIZE     FROM\n"
          "m     llm   llama  8.0 B   Q4_K_M  8192     1.0 KiB  ollama\n" },
        { "models show a/b",
          OK_JSON("{\"id\":\"x\",\"preview\":null,\"title\":\"\","
                  "\"description\":\"a\\nb\"}"),
          "GET /api/models/a%2Fb ", "",
          "id                 x\ndescription        a b\n" },
        { "models rm m --dry-run",
          OK_JSON("{\"files\":[\"/m/a.gguf\",\"/m/b\"],"
                  "\"size_bytes\":3072}"),
          "DELETE /api/models/m?dry_run=true ", "",
          "/m/a.gguf\n/m/b\nwould be deleted: 2 files, 3.0 KiB\n" },
        { "models mv m archive", OK_JSON("{\"new_path\":\"/a/m.gguf\"}"),
          "POST /api/models/m/move ", "{\"category\":\"archive\"}",
          "/a/m.gguf\n" },
        { "models dups", OK_JSON("[]"), "GET /api/models/duplicates ", "",
          "No file is here twice.\n" },
        { "models dups",
          OK_JSON("[{\"name\":\"a\",\"sha256\":\"ab\",\"locations\":["
                  "{\"path\":\"/m/a\"},{\"path\":\"/m/b\"}]}]"),
          "GET /api/models/duplicates ", "",
          "a (sha256 ab)\n  /m/a\n  /m/b\n" },
        { "models show m",
          OK_JSON("{\"id\":\"x\",\"locations\":[{\"path\":\"/m/a\"},"
                  "{\"path\":\"/m/b\"}]}"),
          "GET /api/models/m ", "",
          "id                 x\nalso_at            /m/b\n" },
        { "models rm m --at /m/b",
          OK_JSON("{\"files\":[\"/m/b\"],\"size_bytes\":1024}"),
          "DELETE /api/models/m?location=%2Fm%2Fb ", "",
          "/m/b\ndeleted: 1 file, 1.0 KiB\n" },
        { "models rm m --all --dry-run",
          OK_JSON("{\"files\":[\"/m/b\"],\"size_bytes\":1024}"),
          "DELETE /api/models/m?dry_run=true&location=all ", "",
          "/m/b\nwould be deleted: 1 file, 1.0 KiB\n" },
        { "models mv m archive --at /m/b", OK_JSON("{\"new_path\":\"/a/b\"}"),
          "POST /api/models/m/move ",
          "{\"category\":\"archive\",\"location\":\"/m/b\"}", "/a/b\n" },
        { "downloads list",
          OK_JSON("[{\"task_id\":\"t\",\"model_id\":\"a/b\",\"status\":"
                  "\"downloading\",\"progress\":40,\"total_bytes\":1024,"
                  "\"bytes_per_s\":512,\"eta_s\":60,\"limit_bytes_per_s\":1024,"
                  "\"limit_hours\":\"08:00-22:00\"}]"),
          "GET /api/models/downloads/active ", "",
          "TASK  MODEL  STATUS       DONE  SIZE     SPEED    LEFT  LIMIT\n"
          "t     a/b    downloading  40 %  1.0 KiB  512 B/s  60 s  1.0 KiB/s, "
          "08:00-22:00\n" },
        { "downloads cancel t", OK_JSON("{}"),
          "POST /api/models/download/t/cancel ", "", "" },
        { "downloads limit t 10M --hours 08:00-22:00", OK_JSON("{}"),
          "POST /api/models/download/t/limit ",
          "{\"limit_bytes_per_s\":10485760,\"limit_hours\":\"08:00-22:00\"}",
          "" },
        { "downloads limit t none", OK_JSON("{}"),
          "POST /api/models/download/t/limit ", "{\"limit_bytes_per_s\":0}",
          "" },
        { "pull a/b:Q4_K_M@dev --dry-run -f x.gguf -f y.gguf --to /m",
          OK_JSON("{\"files\":[{\"path\":\"x.gguf\",\"size\":1024,"
                  "\"sha256\":\"ab\"}],\"total_bytes\":1024,"
                  "\"target\":\"/m\"}"),
          "POST /api/models/download ",
          "{\"source\":\"huggingface\",\"revision\":\"dev\",\"model_id\":"
          "\"a/b\",\"variant\":\"Q4_K_M\",\"files\":[\"x.gguf\","
          "\"y.gguf\"],\"target\":\"/m\",\"dry_run\":true}",
          "FILE    SIZE     SHA-256\nx.gguf  1.0 KiB  ab\n"
          "1 file, 1.0 KiB, to /m\n" },
        { "pull https://h/f.gguf --name g.gguf --limit-rate 1.5M "
          "--limit-hours 22:00-06:30 --no-wait",
          OK_JSON("{\"task_id\":\"t1\",\"status\":\"queued\"}"),
          "POST /api/models/download ",
          "{\"url\":\"https://h/f.gguf\",\"filename\":\"g.gguf\","
          "\"limit_bytes_per_s\":1572864,\"limit_hours\":\"22:00-06:30\"}",
          "t1\n" },
    };
    struct harness *h = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake fake;
        int rc = asked(&fake, h, rows[i].line, rows[i].answer);
        if (rc != CLI_OK)
            fail_msg("%s: exit code %d: %s", rows[i].line, rc, h->err);
        assert_contains(fake.requests[0], rows[i].request);
        assert_string_equal(strstr(fake.requests[0], "\r\n\r\n") + 4,
                            rows[i].body);
        assert_string_equal(h->out, rows[i].out);
    }
}

static void
pull_goes_on_to_the_end(void **state)
{
    static const struct {
        const char *status, *verb, *end;
        int code;
        const char *out, *err;
    } rows[] = {
        { "queued", NULL,
          "{\"status\":\"completed\",\"total_bytes\":2048,"
          "\"target\":\"/m\"}",
          CLI_OK, "a/b: 2.0 KiB in /m\n", "" },
        { "paused", "resume",
          "{\"status\":\"failed\",\"error\":{\"code\":\"io_error\","
          "\"message\":\"the disk is full\"}}",
          CLI_FAILED, "", "hearth: the download failed: the disk is full\n" },
        { "failed", "retry", "{\"status\":\"cancelled\"}", CLI_FAILED, "",
          "hearth: the download was cancelled\n" },
        { "queued", NULL, "{\"status\":\"downloading\"}", CLI_FAILED, "",
          "hearth: hearth stopped before the download did; it goes on when "
          "hearth runs again\n" },
    };
    struct harness *h = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake fake;
        char task[256], events[512];
        size_t n = 0;
        const char *answers[3];
        snprintf(task, sizeof task,
                 OK_JSON("{\"task_id\":\"t1\",\"status\":\"%s\"}"),
                 rows[i].status);
        snprintf(events, sizeof events,
                 EVENTS("data: {\"status\":\"downloading\"}\n\n"
                        "data: %s\n\n"),
                 rows[i].end);
        answers[n++] = task;
        if (rows[i].verb != NULL)
            answers[n++] = OK_JSON("{}");
        answers[n++] = events;
        fake_start(&fake, h, answers, n);
        int rc = harness_run(h, "pull a/b");
        fake_stop(&fake);
        assert_int_equal(rc, rows[i].code);
        assert_string_equal(h->out, rows[i].out);
        assert_string_equal(h->err, rows[i].err);
        if (rows[i].verb != NULL)
            assert_contains(fake.requests[1], rows[i].verb);
        assert_contains(fake.requests[n - 1],
                        "GET /api/models/download/t1/progress ");
    }
}

static void
errors_become_exit_codes(void **state)
{
    static const struct {
        const char *answer;
        int code;
        const char *err;
    } rows[] = {
        { BAD_JSON("404 Not Found", "{\"code\":\"not_found\",\"message\":"
                                    "\"no x\"}"),
          CLI_NOT_FOUND, "hearth: no x\n" },
        { BAD_JSON("403 Forbidden", "{\"code\":\"forbidden\",\"message\":"
                                    "\"a key\"}"),
          CLI_REFUSED, "hearth: a key\n" },
        { BAD_JSON("409 Conflict",
                   "{\"code\":\"model_bad\",\"message\":\"bad\",\"advice\":"
                   "\"Get it again.\",\"log_tail\":[\"l1\",\"l2\"]}"),
          CLI_CONFLICT,
          "hearth: bad\nGet it again.\nits last lines:\n  l1\n  l2\n" },
        { BAD_JSON("422 Unprocessable Content",
                   "{\"code\":\"invalid\",\"message\":\"m\",\"details\":"
                   "[{\"field\":\"port\",\"message\":\"too large\"}]}"),
          CLI_USAGE, "hearth: port: too large\n" },
        { "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n<html>",
          CLI_FAILED, "hearth: the daemon answered with HTTP status 502\n" },
        { "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nnot json", CLI_FAILED,
          "hearth: the answer is no JSON\n" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", CLI_FAILED,
          "hearth: the daemon did not answer: " },
    };
    struct harness *h = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake fake;
        assert_int_equal(asked(&fake, h, "start x", rows[i].answer),
                         rows[i].code);
        if (strncmp(h->err, rows[i].err, strlen(rows[i].err)) != 0)
            fail_msg("row %zu says \"%s\"", i, h->err);
        assert_string_equal(h->out, "");
    }
}

static void
a_model_is_asked(void **state)
{
    struct harness *h = *state;
    struct fake fake;
    assert_int_equal(
        asked(&fake, h, "run m -n 9 'what is' this",
              EVENTS(": loading (starting)\n\n"
                     "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\","
                     "\"content\":null}}]}\n\n"
                     "data: {\"choices\":[{\"delta\":{\"content\":\" Hel\"}}]}"
                     "\n\n"
                     "data: {\"choices\":[{\"delta\":{\"content\":\"lo\"}}]}"
                     "\n\ndata: {\"choices\":[],\"usage\":{}}\n\n"
                     "data: [DONE]\n\n")),
        CLI_OK);
    assert_string_equal(h->out, "Hello\n");
    assert_string_equal(h->err, "");
    assert_contains(fake.requests[0], "POST /v1/chat/completions ");
    assert_contains(fake.requests[0], "X-Hearth-Progress: 1");
    assert_contains(fake.requests[0],
                    "{\"model\":\"m\",\"stream\":true,\"max_tokens\":9,"
                    "\"messages\":[{\"role\":\"user\",\"content\":"
                    "\"what is this\"}]}");

    assert_int_equal(
        asked(&fake, h, "run m -s calm x",
              EVENTS("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}"
                     "\n\ndata: {\"error\":{\"message\":\"it broke\"}}\n\n")),
        CLI_FAILED);
    assert_string_equal(h->out, "a\n");
    assert_string_equal(h->err, "hearth: it broke\n");
    assert_contains(fake.requests[0],
                    "[{\"role\":\"system\",\"content\":\"calm\"},");

    assert_int_equal(
        asked(&fake, h, "run m x",
              "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"
              "Connection: close\r\n\r\n{\"error\":{\"message\":\"no m\","
              "\"type\":\"not_found_error\"}}"),
        CLI_NOT_FOUND);
    assert_string_equal(h->err, "hearth: no m\n");
    assert_int_equal(harness_run(h, "run m -t hot x"), CLI_USAGE);
}

static void
logs_are_followed_to_the_end(void **state)
{
    struct harness *h = *state;
    struct fake fake;
    const char *answer = EVENTS("id: 1\ndata: {\"line\":\"one\"}\n\n"
                                "data: {\"line\":\"two\"}\n\n"
                                "data: {\"status\":\"stopped\"}\n\n");
    assert_int_equal(asked(&fake, h, "logs m -f -n 7", answer), CLI_OK);
    assert_string_equal(h->out, "one\ntwo\n");
    assert_contains(fake.requests[0],
                    "GET /api/servers/m/logs?lines=7&follow=1 ");
    assert_int_equal(asked(&fake, h, "logs m --json", answer), CLI_OK);
    assert_contains(h->out, "{\"line\":\"two\"}\n{\"status\":\"stopped\"}\n");
    assert_contains(fake.requests[0], "lines=100&follow=0 ");
}

/* Two pages, as they come newest first; printed the other way round. */
static void
own_log_is_shown(void **state)
{
#define ENTRY(id, text)                                          \
    "{\"id\":" id ",\"at_ms\":1709210096007,\"level\":\"warn\"," \
    "\"source\":\"router\",\"message\":\"" text "\"}"
    struct harness *h = *state;
    struct fake fake;
    static const char *const answers[] = {
        OK_JSON("{\"entries\":[" ENTRY("9", "third") "," ENTRY(
            "8", "second") "],\"next_before_id\":8}"),
        OK_JSON(
            "{\"entries\":[" ENTRY("3", "first") "],"
                                                 "\"next_before_id\":null}")
    };
    fake_start(&fake, h, answers, 2);
    assert_int_equal(
        harness_run(h, "logs -n 3 --level warn --source router --grep a%b"),
        CLI_OK);
    fake_stop(&fake);
    assert_string_equal(h->out,
                        "2024-02-29T12:34:56.007Z warn router: first\n"
                        "2024-02-29T12:34:56.007Z warn router: second\n"
                        "2024-02-29T12:34:56.007Z warn router: third\n");
    assert_contains(fake.requests[0],
                    "GET /api/logs?limit=3&level=warn&source=router&q=a%25b ");
    assert_contains(fake.requests[1], "GET /api/logs?limit=1&before_id=8&");

    const char *events = EVENTS("id: 1\ndata: " ENTRY(
        "1", "one") "\n\n"
                    "event: dropped\ndata: {\"dropped\":4}\n\n"
                    "id: 2\ndata: " ENTRY("2", "two") "\n\n");
    assert_int_equal(asked(&fake, h, "logs -f -n 7", events), CLI_OK);
    assert_contains(fake.requests[0], "GET /api/logs/follow?lines=7 ");
    assert_string_equal(h->out, "2024-02-29T12:34:56.007Z warn router: one\n"
                                "2024-02-29T12:34:56.007Z warn router: two\n");
    assert_int_equal(asked(&fake, h, "logs --since 2h --until 0s --json",
                           OK_JSON("{\"entries\":[" ENTRY("1", "one") "]}")),
                     CLI_OK);
    assert_contains(fake.requests[0], "limit=100&since=1");
    assert_string_equal(h->out, ENTRY("1", "one") "\n");
#undef ENTRY
}

static void
status_shows_both(void **state)
{
    static const char *const answers[] = {
        OK_JSON("{\"version\":\"9.9\",\"pid\":7,\"uptime_s\":61,"
                "\"data_dir\":\"/d\"}"),
        OK_JSON("[]")
    };
    struct harness *h = *state;
    struct fake fake;
    fake_start(&fake, h, answers, 2);
    assert_int_equal(harness_run(h, "status"), CLI_OK);
    fake_stop(&fake);
    assert_string_equal(h->out, "hearth 9.9 is running (pid 7, up 61 s)\n"
                                "data folder /d\n\n"
                                "No servers are running.\n");
    fake_start(&fake, h, answers, 2);
    assert_int_equal(harness_run(h, "status --json"), CLI_OK);
    fake_stop(&fake);
    assert_contains(h->out, "{\"info\":{\"version\":\"9.9\"");
    assert_contains(h->out, "\"servers\":[]}");
}

static void
keys_are_the_daemons_while_it_runs(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"status\":\"ok\"}",
        OK_JSON("{\"id\":\"key_1\",\"scope\":\"admin\",\"secret\":\"hk_s\"}")
    };
    struct harness *h = *state;
    struct fake fake;
    fake_start(&fake, h, answers, 2);
    assert_int_equal(harness_run(h, "key create --name n"), CLI_OK);
    fake_stop(&fake);
    assert_string_equal(h->out, "hk_s\n");
    assert_contains(fake.requests[0], "GET /health ");
    assert_contains(fake.requests[1], "POST /api/keys ");
    assert_contains(fake.requests[1], "{\"name\":\"n\",\"scope\":\"admin\"}");
    assert_int_not_equal(access(harness_path(h, "data/hearth.db"), F_OK), 0);
}

/* What is already so is no failure; another conflict is. */
static void
a_started_server_may_be_started(void **state)
{
    static const struct {
        const char *line, *server;
        int code;
        const char *out, *err;
    } rows[] = {
        { "start x", OK_JSON("{\"state\":\"ready\",\"pid\":5,\"port\":99}"),
          CLI_OK, "x is already ready (pid 5, port 99)\n", "" },
        { "start x", OK_JSON("{\"state\":\"stopping\"}"), CLI_CONFLICT, "",
          "hearth: no\n" },
        { "start x --json", OK_JSON("{\"state\":\"ready\"}"), CLI_OK,
          "{\"state\":\"ready\"}\n", "" },
        { "stop x", OK_JSON("{\"state\":\"stopped\"}"), CLI_OK,
          "x is not running\n", "" },
        { "stop x", OK_JSON("{\"state\":\"failed\"}"), CLI_OK,
          "x is not running\n", "" },
        { "stop x", OK_JSON("{\"state\":\"ready\"}"), CLI_CONFLICT, "",
          "hearth: no\n" },
        { "restart x", OK_JSON("{\"state\":\"ready\"}"), CLI_CONFLICT, "",
          "hearth: no\n" },
    };
    struct harness *h = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const answers[] = {
            BAD_JSON("409 Conflict",
                     "{\"code\":\"conflict\",\"message\":\"no\"}"),
            rows[i].server,
        };
        struct fake fake;
        fake_start(&fake, h, answers, 2);
        int rc = harness_run(h, rows[i].line);
        fake_stop(&fake);
        assert_int_equal(rc, rows[i].code);
        assert_string_equal(h->out, rows[i].out);
        assert_string_equal(h->err, rows[i].err);
        assert_contains(fake.requests[1], "GET /api/servers/x/status ");
    }
}

static void
the_key_goes_in_a_header(void **state)
{
    static char key[] = "HEARTH_API_KEY=hk_env";
    struct harness *h = *state;
    struct fake fake;
    char line[200];
    h->environment[2] = key;
    int port = fake_start_tcp(&fake, OK_JSON("[]"));
    snprintf(line, sizeof line, "ps --url http://localhost:%d/base/", port);
    assert_int_equal(harness_run(h, line), CLI_OK);
    fake_stop(&fake);
    assert_contains(fake.requests[0], "GET /base/api/servers?running=1 ");
    assert_contains(fake.requests[0], "Authorization: Bearer hk_env\r\n");

    assert_int_equal(asked(&fake, h, "ps", OK_JSON("[]")), CLI_OK);
    assert_null(strstr(fake.requests[0], "hk_env"));
    harness_write(h, "key.txt", "hk_file\n");
    snprintf(line, sizeof line, "ps --key-file %s/key.txt", h->folder);
    assert_int_equal(asked(&fake, h, line, OK_JSON("[]")), CLI_OK);
    assert_contains(fake.requests[0], "Authorization: Bearer hk_file\r\n");
    harness_write(h, "key.txt", "two words\n");
    assert_int_equal(harness_run(h, line), CLI_USAGE);
    assert_contains(h->err, "holds no key");
}

int
main(void)
{
#define T(name) \
    cmocka_unit_test_setup_teardown(name, harness_set_up, harness_tear_down)
    const struct CMUnitTest tests[] = {
        T(each_command_has_its_request),
        T(pull_goes_on_to_the_end),
        T(errors_become_exit_codes),
        T(a_model_is_asked),
        T(logs_are_followed_to_the_end),
        T(own_log_is_shown),
        T(status_shows_both),
        T(keys_are_the_daemons_while_it_runs),
        T(a_started_server_may_be_started),
        T(the_key_goes_in_a_header),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
