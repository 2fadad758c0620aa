/* From a profile to a process.
 *
 * The installed binary is asked for its flags first (once; later starts know
 * them), then the command line is built, then the port is settled, then a
 * keeper is launched. What is wrong with the profile is told before any
 * process exists; what needs a worker first goes on in STARTING. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/instances/instances_internal.h"
#include "io/worker.h"
#include "platform/file.h"
#include "platform/net.h"
#include "platform/system.h"

enum { COMMAND_ARENA_BYTES = 2 * 1024 * 1024 };

/* What is settled about a start before it happens. */
struct launch {
    struct arena arena;
    char program[PROGRAM_BYTES];
    struct engine_command command;
    int port;
    bool is_port_taken;
};

static void
make_socket_path(const struct instance *instance,
                 char ret_path[SOCKET_PATH_BYTES])
{
    uint32_t name;
    system_random(&name, sizeof name);
    snprintf(ret_path, SOCKET_PATH_BYTES, "%.90s/run/%08x",
             instance->all->data_dir, (unsigned)name);
}

void
instance_log_path(const struct instance *instance, int i, char ret_path[512])
{
    const char *folder = instance->all->data_dir;
    if (i == 0)
        snprintf(ret_path, 512, "%.400s/logs/%s.log", folder,
                 instance->profile->id);
    else
        snprintf(ret_path, 512, "%.400s/logs/%s.log.%d", folder,
                 instance->profile->id, i);
}

void
instance_set_address(struct instance *instance, int port)
{
    const char *host = instance->profile->host;
    /* A listener on every interface is reached over loopback. */
    if (host[0] == '\0' || strcmp(host, "0.0.0.0") == 0 ||
        strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    else if (strcmp(host, "::") == 0)
        host = "::1";
    instance->address = (struct address){ .port = port };
    snprintf(instance->address.host, sizeof instance->address.host, "%s", host);
}

/* ---- what can be told at once ---- */

int
start_check_model(const struct engine_manifest *manifest,
                  const struct profile *profile, struct error *error)
{
    struct file_stamp stamp;
    const char *path = profile->model_path;
    if (path[0] == '\0' && !manifest->needs_model)
        return 0;
    if (path[0] == '\0')
        return error_field(error, "model_path", "%s needs a model",
                           manifest->name);
    if (path[0] != '/' && manifest->takes_model_ids)
        return 0;
    if (file_stamp(path, &stamp) != 0)
        return error_set(error, ERR_ENGINE_MODEL_MISSING,
                         "the model %s is not there", path);
    return 0;
}

static bool
is_probed(const struct engine_manifest *manifest)
{
    return (manifest->version_args != NULL &&
            manifest->version_args[0] != NULL) ||
           (manifest->help_args != NULL && manifest->help_args[0] != NULL);
}

bool
start_has_own_program(const struct engine_manifest *manifest)
{
    return manifest->binaries == NULL || manifest->binaries[0] == NULL;
}

struct engine_launch
start_order(const struct instances *all, const struct profile *profile,
            const struct engine_binary *binary)
{
    const struct instances_options *options = &all->options;
    return (struct engine_launch){
        .profile = profile,
        .binary = binary,
        .port = profile->port,
        .host = profile->host,
        .api_key = "",
        .default_threads =
            options->default_threads == NULL ? "" : options->default_threads,
        .check_path = options->check_path,
        .check_ctx = options->ctx,
    };
}

static void
make_key(struct instance *instance)
{
    uint8_t bytes[32];
    instance->api_key[0] = '\0';
    if (!instance->manifest->supports_key)
        return;
    system_random(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(instance->api_key + 2 * i, 3, "%02x", bytes[i]);
}

/* Builds the command line; `binary` is what is known of the program. */
static int
build_command(struct instance *instance, const struct engine_binary *binary,
              struct launch *launch, struct error *error)
{
    char preset[512];
    struct engine_launch order =
        start_order(instance->all, instance->profile, binary);
    order.port = launch->port;
    order.api_key = instance->api_key;
    if (instance->has_preset) {
        instance_preset_path(instance->all, instance->profile->id, preset);
        order.preset = preset;
    }
    if (engine_build_command(instance->manifest, &order, &launch->arena,
                             &launch->command, error) != 0)
        return -1;
    if (!start_has_own_program(instance->manifest))
        return 0;
    const char *program = launch->command.argv[0];
    if (process_find_program(program, launch->program, PROGRAM_BYTES) == 0)
        return 0;
    return error_set(error, ERR_ENGINE_BINARY_MISSING,
                     "%s: there is no such program", program);
}

static int
settle_port(const struct instance *instance, struct launch *launch,
            struct error *error)
{
    launch->port = instance->profile->port;
    if (launch->port == 0) {
        launch->port = net_free_port(instance->address.host, error);
        return launch->port < 0 ? -1 : 0;
    }
    launch->is_port_taken =
        !net_port_is_free(instance->address.host, launch->port);
    return 0;
}

static int
prepare(struct instance *instance, const struct engine_binary *binary,
        struct launch *launch, struct error *error)
{
    make_key(instance);
    instance_set_address(instance, 0);
    if (settle_port(instance, launch, error) != 0)
        return -1;
    instance_set_address(instance, launch->port);
    return build_command(instance, binary, launch, error);
}

/* ---- the launch ---- */

static void
fill_spec(const struct instance *instance, const struct launch *launch,
          const char *log_path, const char *exit_path, struct keeper_spec *spec)
{
    int64_t timeout_s = instance->profile->orphan_timeout_s;
    if (timeout_s < 0)
        timeout_s = instance->all->options.orphan_timeout_s;
    spec->instance_id = instance->id;
    spec->program = launch->program;
    spec->argc = launch->command.argc;
    for (size_t i = 0; i < spec->argc; i++)
        spec->argv[i] = launch->command.argv[i];
    char **env = launch->command.env;
    for (size_t i = 0; env != NULL && env[i] != NULL && i < KEEPER_ENV_COUNT;
         i++)
        spec->env[spec->n_env++] = env[i];
    spec->log_path = log_path;
    spec->exit_path = exit_path;
    spec->log_file_bytes = (int64_t)LIMIT_LOG_FILE_BYTES;
    spec->n_log_files = LIMIT_LOG_FILES;
    spec->orphan_timeout_ms = timeout_s * SECOND_MS;
    const struct engine_manifest *manifest = instance->manifest;
    for (size_t i = 0; i < manifest->n_stop && i < KEEPER_STOP_STEPS; i++)
        spec->stop[spec->n_stop++] = (struct keeper_stop_step){
            .signum = manifest->stop[i].signum,
            .wait_ms = manifest->stop[i].wait_ms,
        };
}

static int
launch_keeper(struct instance *instance, const struct launch *launch,
              struct error *error)
{
    struct instances *all = instance->all;
    char log_path[512];
    char exit_path[SOCKET_PATH_BYTES + 8];
    struct keeper_spec *spec = calloc(1, sizeof *spec);
    if (spec == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    make_socket_path(instance, instance->socket_path);
    instance_log_path(instance, 0, log_path);
    snprintf(exit_path, sizeof exit_path, "%s.exit", instance->socket_path);
    fill_spec(instance, launch, log_path, exit_path, spec);
    instance_log_begin(&instance->log);
    struct keeper_link_options options = {
        .loop = all->options.loop,
        .links = &all->links,
        .socket_path = instance->socket_path,
        .ops = &instance_link_ops,
        .ctx = instance,
    };
    instance->link = keeper_link_start(&options, all->hearth_path,
                                       instance->profile->name, spec, error);
    free(spec);
    return instance->link == NULL ? -1 : 0;
}

/* ---- another process has the port ---- */

struct port_question {
    struct instances *all;
    char profile_id[ID_BYTES];
    uint64_t run;
    int port;
    struct listener_owner owner;
};

static void
ask_port(void *arg)
{
    struct port_question *question = arg;
    (void)net_listener_owner(question->port, 0, &question->owner);
}

static void
fail_port(struct instance *instance, const struct listener_owner *owner)
{
    struct error error;
    if (owner->pid != 0)
        error_set(&error, ERR_ENGINE_PORT_IN_USE,
                  "port %d is held by process %lld (%s)",
                  instance->address.port, (long long)owner->pid,
                  owner->command);
    else
        error_set(&error, ERR_ENGINE_PORT_IN_USE,
                  "port %d is held by another process", instance->address.port);
    instance_fail(instance, &error,
                  "End that process, or choose another port for the profile "
                  "(0 takes a free one at each start).");
}

static void
on_port_answer(void *arg)
{
    struct port_question *question = arg;
    struct instances *all = question->all;
    if (!instances_job_done(all)) {
        struct instance *instance = instance_find(all, question->profile_id);
        if (instance != NULL && instance->run == question->run &&
            instance->state == INSTANCE_STARTING)
            fail_port(instance, &question->owner);
        instances_look(all);
    }
    free(question);
}

static void
report_port(struct instance *instance)
{
    struct port_question *question = calloc(1, sizeof *question);
    if (question != NULL) {
        question->all = instance->all;
        question->run = instance->run;
        question->port = instance->address.port;
        snprintf(question->profile_id, sizeof question->profile_id, "%s",
                 instance->profile->id);
        instance->all->n_jobs++;
        if (worker_submit(instance->all->options.loop, ask_port, on_port_answer,
                          question) == 0)
            return;
        instance->all->n_jobs--;
        free(question);
    }
    fail_port(instance, &(struct listener_owner){ .pid = 0 });
}

/* In STARTING, everything known: launch, or fail. */
static void
go(struct instance *instance, const struct launch *launch)
{
    struct error error = { .code = ERR_OK };
    if (launch->is_port_taken) {
        report_port(instance);
        return;
    }
    instance->started_at_ms = loop_wall_ms();
    if (launch_keeper(instance, launch, &error) != 0) {
        instance_fail(instance, &error, "");
        return;
    }
    instance_store(instance, NULL);
}

/* ---- with the binary's flags, now or later ---- */

struct question {
    struct instances *all;
    char profile_id[ID_BYTES];
    uint64_t run;
    char program[PROGRAM_BYTES];
};

static void
go_on(struct instance *instance, const char *program)
{
    struct error error = { .code = ERR_OK };
    struct engine_binary unknown = { .path = program, .version = "" };
    const struct engine_binary *binary =
        binary_probe_find(instance->all->probes, program);
    struct launch *launch = calloc(1, sizeof *launch);
    if (launch == NULL) {
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        instance_fail(instance, &error, "");
        return;
    }
    arena_init(&launch->arena, COMMAND_ARENA_BYTES);
    snprintf(launch->program, sizeof launch->program, "%s", program);
    if (prepare(instance, binary != NULL ? binary : &unknown, launch, &error) !=
        0)
        instance_fail(instance, &error, "");
    else
        go(instance, launch);
    arena_release(&launch->arena);
    free(launch);
}

static void
on_probed(void *ctx)
{
    struct question *question = ctx;
    struct instances *all = question->all;
    if (!instances_job_done(all)) {
        struct instance *instance = instance_find(all, question->profile_id);
        if (instance != NULL && instance->run == question->run &&
            instance->state == INSTANCE_STARTING)
            go_on(instance, question->program);
        instances_look(all);
    }
    free(question);
}

static int
ask_binary(struct instance *instance, const char *program, struct error *error)
{
    struct question *question = calloc(1, sizeof *question);
    if (question == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    question->all = instance->all;
    question->run = instance->run;
    snprintf(question->profile_id, sizeof question->profile_id, "%s",
             instance->profile->id);
    snprintf(question->program, sizeof question->program, "%s", program);
    if (binary_probe_ask(instance->all->probes, program, instance->manifest,
                         on_probed, question) != 0) {
        free(question);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    instance->all->n_jobs++;
    return 0;
}

void
instance_go_on(struct instance *instance, const char *program)
{
    struct error error;
    if (!is_probed(instance->manifest) ||
        binary_probe_find(instance->all->probes, program) != NULL)
        go_on(instance, program);
    else if (ask_binary(instance, program, &error) != 0)
        instance_fail(instance, &error, "");
}

/* ---- the start ---- */

void
instance_begin_run(struct instance *instance)
{
    instance->run++;
    instance->exit = (struct instance_exit){ .has_exited = false };
    instance->stop = STOP_NONE;
    instance->stop_error = (struct error){ .code = ERR_OK };
    instance->engine = (struct process_identity){ .pid = 0 };
    instance->keeper = (struct process_identity){ .pid = 0 };
    instance->socket_path[0] = '\0';
    instance->started_at_ms = 0;
    instance->restart_required = false;
    instance->has_preset = false;
    instance->n_health_failures = 0;
    instance->n_probe_failures = 0;
    instance->is_stop_wanted = false;
    instance->is_row_stopping = false;
    instance->slots = engine_slots(instance->manifest, instance->profile);
}

static int
keep_ready_path(struct instance *instance, struct error *error)
{
    struct arena arena;
    arena_init(&arena, 64 * KIB);
    char *path = str_dup(str_from(
        engine_ready_path(instance->manifest, instance->profile, &arena)));
    arena_release(&arena);
    if (path == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    free(instance->ready_path);
    instance->ready_path = path;
    return 0;
}

static void
take_profile(struct instance *instance, struct profile *profile,
             const struct engine_manifest *manifest)
{
    profile_ref(profile);
    profile_unref(instance->profile);
    instance->profile = profile;
    instance->manifest = manifest;
}

int
instance_start(struct instance *instance, struct profile *profile,
               const char *reason, struct error *error)
{
    struct instances *all = instance->all;
    const struct engine_manifest *manifest =
        engines_find(all->options.engines, profile->engine);
    if (manifest == NULL)
        return error_field(error, "engine", "there is no engine '%s'",
                           profile->engine);
    take_profile(instance, profile, manifest);
    instance_set_address(instance, 0);
    instance->log_from = instance->log.next_seq;
    instance->exit = (struct instance_exit){ .exit_code = -1 };
    if (manifest->is_external)
        return keep_ready_path(instance, error) != 0
                   ? -1
                   : instance_start_external(instance, profile, reason, error);
    struct launch *launch = calloc(1, sizeof *launch);
    if (launch == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    int failed = -1;
    struct strbuf preset;
    arena_init(&launch->arena, COMMAND_ARENA_BYTES);
    struct engine_binary unknown = { .path = launch->program, .version = "" };
    const struct engine_binary *binary = &unknown;
    if (instances_compose(all, manifest, profile, &preset, error) != 0 ||
        start_check_model(manifest, profile, error) != 0 ||
        keep_ready_path(instance, error) != 0)
        goto done;
    if (!start_has_own_program(manifest)) {
        if (instances_find_program(all, manifest, launch->program,
                                   sizeof launch->program, error) != 0)
            goto done;
        if (is_probed(manifest))
            binary = binary_probe_find(all->probes, launch->program);
    }
    instance_begin_run(instance);
    instance->has_preset = preset.n > 0;
    if (instance->has_preset) {
        failed =
            instance_write_preset(instance, launch->program, &preset, error);
        if (failed == 0)
            instance_set_state(instance, INSTANCE_STARTING, NULL, "%s", reason);
        goto done;
    }
    if (binary == NULL) {
        failed = ask_binary(instance, launch->program, error);
        if (failed == 0)
            instance_set_state(instance, INSTANCE_STARTING, NULL, "%s", reason);
        goto done;
    }
    if (prepare(instance, binary, launch, error) != 0)
        goto done;
    failed = 0;
    uint64_t run = instance->run;
    instance_set_state(instance, INSTANCE_STARTING, NULL, "%s", reason);
    /* A listener may have stopped it already. */
    if (instance->run == run && instance->state == INSTANCE_STARTING)
        go(instance, launch);

done:
    strbuf_release(&preset);
    arena_release(&launch->arena);
    free(launch);
    return failed;
}
