/* hearth doctor: looks at everything that usually goes wrong and says what
 * to do. Changes nothing, and works with and without a daemon. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/daemon_client.h"
#include "cli/engine_files.h"
#include "cli/print.h"
#include "cli/settings_source.h"
#include "platform/net.h"
#include "platform/process.h"
#include "platform/system.h"
#include "platform/usage.h"

enum level { LEVEL_OK, LEVEL_WARN, LEVEL_FAIL };

enum { VERSION_TIMEOUT_MS = 5000, LOW_DISK_GIB = 2 };

struct doctor {
    const struct cli *cli;
    struct config *config;
    const char *data_dir;
    bool is_json;
    bool is_running;
    int n_failures;
    struct strbuf text;
    struct json_writer out;
};

/* One line of the report. `advice` is "" when there is nothing to do. */
static void
report(struct doctor *doctor, enum level level, const char *about,
       const char *found, const char *advice)
{
    static const char *const names[] = { "ok", "warn", "fail" };
    doctor->n_failures += level == LEVEL_FAIL;
    if (!doctor->is_json) {
        printf("%-5s %-14s %s\n", names[level], about, found);
        if (*advice != '\0')
            printf("%-20s %s\n", "", advice);
        return;
    }
    json_object_begin(&doctor->out);
    json_key(&doctor->out, "check");
    json_text(&doctor->out, about);
    json_key(&doctor->out, "status");
    json_text(&doctor->out, names[level]);
    json_key(&doctor->out, "message");
    json_text(&doctor->out, found);
    json_key(&doctor->out, "advice");
    json_text(&doctor->out, *advice == '\0' ? NULL : advice);
    json_object_end(&doctor->out);
}

/* ---- the checks ---- */

static void
check_config(struct doctor *doctor)
{
    const char *path = config_file_path(doctor->config);
    report(doctor, LEVEL_OK, "configuration",
           path == NULL ? "there is no hearth.yaml; defaults are used" : path,
           "");
}

static void
check_data_dir(struct doctor *doctor)
{
    char found[LIMIT_PATH_BYTES + 100];
    struct stat info;
    const char *folder = doctor->data_dir;
    if (*folder == '\0') {
        report(doctor, LEVEL_FAIL, "data folder", "there is no home folder",
               "Name one: --data-dir, HEARTH_DATA_DIR or data_dir.");
    } else if (stat(folder, &info) != 0) {
        bool is_new = errno == ENOENT;
        snprintf(found, sizeof found, "%s: %s", folder,
                 is_new ? "will be made at the first start" : strerror(errno));
        report(doctor, is_new ? LEVEL_OK : LEVEL_FAIL, "data folder", found,
               "");
    } else if (!S_ISDIR(info.st_mode) || access(folder, W_OK | X_OK) != 0) {
        snprintf(found, sizeof found, "%s cannot be written to", folder);
        report(doctor, LEVEL_FAIL, "data folder", found,
               "It has to be a folder of the user that runs hearth.");
    } else if ((info.st_mode & 0077) != 0) {
        snprintf(found, sizeof found, "%s may be read by others (mode %o)",
                 folder, (unsigned)info.st_mode & 0777);
        report(doctor, LEVEL_WARN, "data folder", found,
               "Keep it to yourself: chmod 700.");
    } else {
        report(doctor, LEVEL_OK, "data folder", folder, "");
    }
}

static void
check_daemon(struct doctor *doctor)
{
    struct daemon_client client;
    struct client_answer answer;
    char found[LIMIT_PATH_BYTES + 100];
    if (client_open(&client, doctor->cli) != CLI_OK) {
        client_close(&client);
        report(doctor, LEVEL_FAIL, "daemon", "its socket has no usable path",
               "Choose a shorter data folder.");
        return;
    }
    int rc = client_try(&client, "GET", "/api/session", &answer);
    doctor->is_running = rc != CLI_NOT_RUNNING;
    snprintf(found, sizeof found, "%s at %s",
             rc == CLI_OK         ? "running"
             : doctor->is_running ? "running, but does not answer"
                                  : "not running",
             client.url[0] != '\0' ? client.url : client.address.host);
    if (rc == CLI_OK)
        client_answer_free(&answer);
    report(doctor,
           rc == CLI_OK         ? LEVEL_OK
           : doctor->is_running ? LEVEL_FAIL
                                : LEVEL_WARN,
           "daemon", found,
           doctor->is_running ? "" : "Start it with: hearth serve");
    client_close(&client);
}

static void
check_port(struct doctor *doctor)
{
    const char *host = config_get(doctor->config, SETTING_ID_HOST)->value.text;
    int port = (int)config_get(doctor->config, SETTING_ID_PORT)->value.number;
    char found[512], owner_text[320] = "another process";
    struct listener_owner owner;
    if (doctor->is_running || port == 0)
        return; /* it is ours, or will be whatever is free */
    if (net_port_is_free(host, port)) {
        snprintf(found, sizeof found, "%s port %d is free", host, port);
        report(doctor, LEVEL_OK, "port", found, "");
        return;
    }
    net_listener_owner(port, 0, &owner);
    if (owner.pid > 0)
        snprintf(owner_text, sizeof owner_text, "%s (pid %lld)", owner.command,
                 (long long)owner.pid);
    snprintf(found, sizeof found, "%s port %d is taken by %s", host, port,
             owner_text);
    report(doctor, LEVEL_FAIL, "port", found,
           "Stop that, or choose another: --port, HEARTH_PORT or port.");
}

static void
check_models(struct doctor *doctor)
{
    char buffer[LIMIT_PATH_BYTES], found[LIMIT_PATH_BYTES + 100];
    const char *folder;
    struct stat info;
    for (size_t i = 0; (folder = cli_models_dir(doctor->config, i, buffer,
                                                sizeof buffer)) != NULL;
         i++) {
        bool is_there = stat(folder, &info) == 0 && S_ISDIR(info.st_mode) &&
                        access(folder, R_OK | X_OK) == 0;
        snprintf(found, sizeof found, "%s%s", folder,
                 is_there ? "" : " cannot be read");
        report(doctor, is_there ? LEVEL_OK : LEVEL_WARN, "models", found,
               is_there ? "" : "Make it, and put *.gguf files into it.");
    }
}

/* ---- engines ---- */

static void
report_engine(struct doctor *doctor, const struct engine_manifest *manifest,
              const char *path)
{
    struct strbuf output = STRBUF_INIT(64 * KIB);
    struct arena arena;
    struct error error = { 0 };
    char *argv[8] = { (char *)(uintptr_t)path };
    char found[LIMIT_PATH_BYTES + 200];
    const char *version = "";
    int exit_code = 0;
    for (size_t i = 0; i < 6 && manifest->version_args != NULL &&
                       manifest->version_args[i] != NULL;
         i++)
        argv[i + 1] = (char *)(uintptr_t)manifest->version_args[i];
    arena_init(&arena, 64 * KIB);
    int rc = process_capture(path, argv, VERSION_TIMEOUT_MS, &output,
                             &exit_code, &error);
    if (rc == 0 &&
        engine_parse_version(strbuf_view(&output), &arena, &version) != 0)
        version = "";
    snprintf(found, sizeof found, "%s %s at %s", manifest->name,
             *version == '\0' ? "(version unknown)" : version, path);
    if (rc != 0)
        report(doctor, LEVEL_FAIL, "engine", found, error.message);
    else
        report(doctor, LEVEL_OK, "engine", found, "");
    arena_release(&arena);
    strbuf_release(&output);
}

/* Its program: what is configured, else the first of its names on PATH. */
static bool
check_engine(struct doctor *doctor, const struct engine_manifest *manifest)
{
    char path[LIMIT_PATH_BYTES], found[LIMIT_PATH_BYTES + 100];
    const char *named = config_engine_path(doctor->config, manifest->name);
    if (named != NULL && process_find_program(named, path, sizeof path) != 0) {
        snprintf(found, sizeof found, "%s: %s is no program", manifest->name,
                 named);
        report(doctor, LEVEL_FAIL, "engine", found,
               "Correct engines.<name>.path.");
        return false;
    }
    for (size_t i = 0; named == NULL && manifest->binaries != NULL &&
                       manifest->binaries[i] != NULL;
         i++)
        if (process_find_program(manifest->binaries[i], path, sizeof path) == 0)
            named = path;
    if (named != NULL)
        report_engine(doctor, manifest, path);
    return named != NULL;
}

static void
check_engines(struct doctor *doctor)
{
    struct engines *engines;
    struct error error;
    bool has_any = false;
    if (engine_files_load(config_file_path(doctor->config), &engines, &error) !=
        0) {
        report(doctor, LEVEL_FAIL, "engine", error.message, "");
        return;
    }
    for (size_t i = 0; i < engines_count(engines); i++)
        has_any |= check_engine(doctor, engines_at(engines, i));
    if (!has_any) {
        const struct engine_manifest *first =
            engines_find(engines, "llama-server");
        report(doctor, LEVEL_FAIL, "engine",
               "no inference engine was found on PATH",
               first == NULL || first->install_hint == NULL
                   ? ""
                   : first->install_hint);
    }
    engines_free(engines);
}

/* ---- the machine ---- */

static void
check_disk(struct doctor *doctor)
{
    struct disk_usage disk;
    char found[LIMIT_PATH_BYTES], size[32];
    if (*doctor->data_dir == '\0' ||
        usage_disk(doctor->data_dir, &disk, NULL) != 0)
        return; /* said by the data folder's line */
    bool is_low = (uint64_t)disk.free_bytes < LOW_DISK_GIB * GIB;
    snprintf(found, sizeof found, "%s free for the data folder",
             format_bytes(disk.free_bytes, size, sizeof size));
    report(doctor, is_low ? LEVEL_WARN : LEVEL_OK, "disk", found,
           is_low ? "Models and logs need more." : "");
}

static void
check_memory(struct doctor *doctor)
{
    char found[64], size[32];
    int64_t n_bytes = system_memory_bytes();
    snprintf(found, sizeof found, "%s installed, %d processors",
             format_bytes(n_bytes, size, sizeof size), system_processors());
    report(doctor, n_bytes < 0 ? LEVEL_WARN : LEVEL_OK, "memory", found, "");
}

static void
check_all(struct doctor *doctor)
{
    static void (*const checks[])(struct doctor * doctor) = {
        check_config, check_data_dir, check_daemon, check_port,
        check_models, check_engines,  check_disk,   check_memory,
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        checks[i](doctor);
}

static int
run(struct cli *cli)
{
    struct doctor doctor = { .cli = cli, .is_json = cli_has(cli, "json") };
    int rc = cli_load_config(cli, &doctor.config);
    if (rc != CLI_OK)
        return rc;
    doctor.data_dir =
        config_get(doctor.config, SETTING_ID_DATA_DIR)->value.text;
    strbuf_init(&doctor.text, 1 * MIB);
    json_writer_init(&doctor.out, &doctor.text);
    json_array_begin(&doctor.out);
    check_all(&doctor);
    json_array_end(&doctor.out);
    if (doctor.is_json)
        puts(strbuf_text(&doctor.text));
    strbuf_release(&doctor.text);
    config_free(doctor.config);
    return doctor.n_failures == 0 ? CLI_OK : CLI_FAILED;
}

const struct cli_command cli_command_doctor = {
    .name = "doctor",
    .usage = "",
    .summary = "look for what usually goes wrong, and say what to do",
    .flags = CLI_ASKS_DAEMON | CLI_PRINTS_LIST,
    .run = run
};
