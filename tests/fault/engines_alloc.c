/* Fails the n-th allocation, for all n, of loading the manifests and of
 * making a command line: each time the answer is "out of memory" or the
 * right one, and nothing leaks. */
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "engines/engines.h"
#include "fail_each.h"

static int
load(struct error *error)
{
    struct engines *engines = NULL;
    if (engines_new(&engines, error) < 0)
        return -1;
    size_t n = engines_count(engines);
    engines_free(engines);
    if (n == 9)
        return 0;
    fprintf(stderr, "loaded %zu manifests\n", n);
    exit(1);
}

static struct engines *known;
static struct profile *profile;

static int
build(struct error *error)
{
    const struct engine_binary binary = { "/bin/x", "1", NULL };
    const struct engine_launch launch = { .profile = profile,
                                          .binary = &binary,
                                          .port = 1,
                                          .host = "127.0.0.1",
                                          .api_key = "k",
                                          .default_threads = "2" };
    struct engine_command command;
    struct arena arena;
    arena_init(&arena, MIB);
    int result = engine_build_command(engines_find(known, "vllm"), &launch,
                                      &arena, &command, error);
    if (result == 0 && (command.argc < 8 || command.env[3] == NULL)) {
        fprintf(stderr, "built %zu arguments\n", command.argc);
        exit(1);
    }
    arena_release(&arena);
    return result;
}

int
main(void)
{
    struct error error;
    profile = profile_new();
    if (engines_new(&known, &error) < 0 || profile == NULL ||
        profile_set_text(&profile->name, STR("x")) < 0 ||
        profile_set_text(&profile->model_path, STR("/m/x")) < 0 ||
        profile_set_text(&profile->env_json, STR("{\"A\":\"1\"}")) < 0 ||
        profile_set_text(&profile->options_json,
                         STR("{\"max_model_len\":8,\"dtype\":\"half\","
                             "\"gpu_memory_utilization\":0.5,"
                             "\"enforce_eager\":true}")) < 0)
        return 1;
    fail_each("load", load);
    fail_each("build", build);
    profile_unref(profile);
    engines_free(known);
    return 0;
}
