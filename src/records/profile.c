/* The profile record: see profile.h. */
#include "records/profile.h"

#include <stdlib.h>

#include "base/limits.h"

static const char *const restart_policy_names[] = { "never", "on-failure",
                                                    "always", NULL };
static const char *const source_names[] = { "database", "file", "library",
                                            NULL };

#define AT(member) offsetof(struct profile, member)

const struct field profile_fields[] = {
    { "id", FIELD_TEXT, FIELD_READ_ONLY, AT(id), 0, 0, NULL,
      "Minted once, never reused." },
    { "source", FIELD_ENUM, FIELD_READ_ONLY, AT(source), 0, 0, source_names,
      "Where the profile is declared: database, file or library." },
    { "name", FIELD_TEXT, 0, AT(name), 1, LIMIT_NAME_BYTES, NULL,
      "Unique; clients may send it as `model`." },
    { "description", FIELD_TEXT, 0, AT(description), 0, LIMIT_TEXT_BYTES, NULL,
      "Free text." },
    { "engine", FIELD_TEXT, FIELD_RESTARTS | FIELD_EXECUTES, AT(engine), 1, 64,
      NULL, "Name of an engine manifest." },
    { "model_path", FIELD_TEXT, FIELD_RESTARTS, AT(model_path), 0,
      LIMIT_PATH_BYTES, NULL,
      "The model file or folder, inside a model root." },
    { "host", FIELD_TEXT, FIELD_RESTARTS, AT(host), 1, 255, NULL,
      "Loopback address that the engine listens on." },
    { "port", FIELD_INT, FIELD_RESTARTS, AT(port), 0, 65535, NULL,
      "Port that the engine listens on; 0: a free one at each start." },
    { "aliases", FIELD_TEXT_LIST, 0, AT(aliases), 0, LIMIT_NAME_BYTES, NULL,
      "Other names that clients may send as `model`." },
    { "ttl_s", FIELD_INT64, 0, AT(ttl_s), 0, 31536000, NULL,
      "Seconds without a request after which it unloads; 0: never." },
    { "pinned", FIELD_BOOL, 0, AT(is_pinned), 0, 1, NULL,
      "Never evicted for another model and never unloaded when idle." },
    { "auto_start", FIELD_BOOL, 0, AT(is_auto_start), 0, 1, NULL,
      "Started together with the daemon." },
    { "restart_policy", FIELD_ENUM, 0, AT(restart_policy), 0, 0,
      restart_policy_names, "When it is started again after it ended." },
    { "max_concurrency", FIELD_INT, 0, AT(max_concurrency), 0, 65536, NULL,
      "Requests in the engine at once; 0: as many as it has slots." },
    { "queue_size", FIELD_INT, 0, AT(queue_size), 0, 100000, NULL,
      "Requests that may wait; more are refused." },
    { "queue_timeout_s", FIELD_INT64, 0, AT(queue_timeout_s), 1, 86400, NULL,
      "Seconds that a request may wait for a free slot." },
    { "load_timeout_s", FIELD_INT64, 0, AT(load_timeout_s), 1, 86400, NULL,
      "Seconds from start to ready, after which the start has failed." },
    { "orphan_timeout_s", FIELD_INT64, 0, AT(orphan_timeout_s), -1, 31536000,
      NULL,
      "Seconds the engine outlives a vanished daemon; -1: the "
      "setting's." },
    { "env", FIELD_JSON_OBJECT, FIELD_RESTARTS | FIELD_EXECUTES | FIELD_SECRET,
      AT(env_json), 0, LIMIT_API_BODY_BYTES, NULL,
      "Environment variables added for the engine." },
    { "options", FIELD_JSON_OBJECT, FIELD_RESTARTS, AT(options_json), 0,
      LIMIT_API_BODY_BYTES, NULL, "The engine's own options, by key." },
    { "command", FIELD_JSON_ARRAY, FIELD_RESTARTS | FIELD_EXECUTES,
      AT(command_json), 0, LIMIT_API_BODY_BYTES, NULL,
      "The argv of engine `command`; ${port}, ${model}, ${name} are "
      "replaced." },
    { "node", FIELD_TEXT, FIELD_READ_ONLY, AT(node), 0, 255, NULL,
      "The machine; empty: this one." },
    { "created_at_ms", FIELD_INT64, FIELD_READ_ONLY, AT(created_at_ms), 0, 0,
      NULL, "Unix time in milliseconds." },
    { "updated_at_ms", FIELD_INT64, FIELD_READ_ONLY, AT(updated_at_ms), 0, 0,
      NULL, "Unix time in milliseconds." },
};

const size_t n_profile_fields = sizeof profile_fields / sizeof *profile_fields;

const struct field *
profile_field_find(struct str name)
{
    for (size_t i = 0; i < n_profile_fields; i++)
        if (str_is(name, profile_fields[i].name))
            return &profile_fields[i];
    return NULL;
}

const char *
restart_policy_name(enum restart_policy policy)
{
    return restart_policy_names[policy];
}

int
restart_policy_from(struct str text, enum restart_policy *ret_policy)
{
    for (int i = 0; restart_policy_names[i] != NULL; i++) {
        if (str_is(text, restart_policy_names[i])) {
            *ret_policy = (enum restart_policy)i;
            return 0;
        }
    }
    return -1;
}

const char *
profile_source_name(enum profile_source source)
{
    return source_names[source];
}

int
profile_set_text(char **field, struct str value)
{
    char *copy = str_dup(value);
    if (copy == NULL)
        return -1;
    free(*field);
    *field = copy;
    return 0;
}

static void
free_aliases(char **aliases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(aliases[i]);
    free(aliases);
}

int
profile_set_aliases(struct profile *profile, const struct str *aliases,
                    size_t n)
{
    char **copies = calloc(n + 1, sizeof *copies);
    if (copies == NULL)
        return -1;
    for (size_t i = 0; i < n; i++) {
        copies[i] = str_dup(aliases[i]);
        if (copies[i] == NULL) {
            free_aliases(copies, i);
            return -1;
        }
    }
    free_aliases(profile->aliases, profile->n_aliases);
    profile->aliases = copies;
    profile->n_aliases = n;
    return 0;
}

/* Every owned text of the struct, so that new, copy and free agree. */
static const size_t text_offsets[] = {
    AT(name),     AT(description),  AT(engine),       AT(model_path), AT(host),
    AT(env_json), AT(options_json), AT(command_json), AT(node),
};

enum { N_TEXTS = sizeof text_offsets / sizeof *text_offsets };

static char **
text_at(struct profile *profile, size_t i)
{
    return (void *)((char *)profile + text_offsets[i]);
}

static void
profile_free(struct profile *profile)
{
    for (size_t i = 0; i < N_TEXTS; i++)
        free(*text_at(profile, i));
    free_aliases(profile->aliases, profile->n_aliases);
    free(profile);
}

static int
set_default_texts(struct profile *profile)
{
    for (size_t i = 0; i < N_TEXTS; i++)
        if (profile_set_text(text_at(profile, i), STR("")) < 0)
            return -1;
    if (profile_set_text(&profile->host, STR("127.0.0.1")) < 0 ||
        profile_set_text(&profile->engine, STR("llama-server")) < 0 ||
        profile_set_text(&profile->env_json, STR("{}")) < 0 ||
        profile_set_text(&profile->options_json, STR("{}")) < 0 ||
        profile_set_text(&profile->command_json, STR("[]")) < 0)
        return -1;
    return profile_set_aliases(profile, NULL, 0);
}

struct profile *
profile_new(void)
{
    struct profile *profile = calloc(1, sizeof *profile);
    if (profile == NULL)
        return NULL;
    profile->n_refs = 1;
    profile->restart_policy = RESTART_ON_FAILURE;
    profile->queue_size = 100;
    profile->queue_timeout_s = 300;
    profile->load_timeout_s = 300;
    profile->orphan_timeout_s = -1;
    if (set_default_texts(profile) < 0) {
        profile_free(profile);
        return NULL;
    }
    return profile;
}

struct profile *
profile_copy(const struct profile *profile)
{
    struct profile *copy = calloc(1, sizeof *copy);
    if (copy == NULL)
        return NULL;
    *copy = *profile;
    copy->n_refs = 1;
    copy->aliases = NULL;
    copy->n_aliases = 0;
    for (size_t i = 0; i < N_TEXTS; i++)
        *text_at(copy, i) = NULL;
    for (size_t i = 0; i < N_TEXTS; i++) {
        const char *text = *text_at((struct profile *)(uintptr_t)profile, i);
        if (profile_set_text(text_at(copy, i), str_from(text)) < 0)
            goto fail;
    }
    struct str *views = calloc(profile->n_aliases + 1, sizeof *views);
    if (views == NULL)
        goto fail;
    for (size_t i = 0; i < profile->n_aliases; i++)
        views[i] = str_from(profile->aliases[i]);
    int result = profile_set_aliases(copy, views, profile->n_aliases);
    free(views);
    if (result == 0)
        return copy;
fail:
    profile_free(copy);
    return NULL;
}

struct profile *
profile_ref(struct profile *profile)
{
    profile->n_refs++;
    return profile;
}

void
profile_unref(struct profile *profile)
{
    if (profile != NULL && --profile->n_refs == 0)
        profile_free(profile);
}

bool
profile_needs_restart(const struct profile *before, const struct profile *after)
{
    for (size_t i = 0; i < n_profile_fields; i++) {
        const struct field *field = &profile_fields[i];
        if ((field->flags & FIELD_RESTARTS) == 0)
            continue;
        const char *a = (const char *)before + field->offset;
        const char *b = (const char *)after + field->offset;
        if (field->type == FIELD_INT) {
            if (*(const int *)(const void *)a != *(const int *)(const void *)b)
                return true;
        } else if (strcmp(*(char *const *)(const void *)a,
                          *(char *const *)(const void *)b) != 0) {
            return true;
        }
    }
    return false;
}
