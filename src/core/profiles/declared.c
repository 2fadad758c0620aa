/* The profiles of hearth.yaml: all of them are built and compared first, then
 * they take the place of those before in one go. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/profiles/profiles_internal.h"

#define ID_KEY_PREFIX "profile_id:"

/* A declared profile keeps its id as long as it keeps its name. */
static int
id_of_name(struct profiles *profiles, const char *name, char ret_id[ID_BYTES])
{
    const char *known = map_get(&profiles->file_ids, str_from(name));
    if (known != NULL) {
        snprintf(ret_id, ID_BYTES, "%s", known);
        return 0;
    }
    char key[sizeof ID_KEY_PREFIX + LIMIT_NAME_BYTES];
    mint_profile_id(ret_id);
    char *copy = str_dup(str_from(ret_id));
    if (copy == NULL ||
        map_put(&profiles->file_ids, str_from(name), copy) < 0) {
        free(copy);
        return -1;
    }
    snprintf(key, sizeof key, ID_KEY_PREFIX "%s", name);
    store_put_metadata(profiles->options.store, key, ret_id, NULL, NULL);
    return 0;
}

/* An error of element i: "profiles[2].port". */
static int
at_element(struct error *error, size_t i, const struct error *problem)
{
    char field[ERROR_FIELD_MAX];
    snprintf(field, sizeof field, "profiles[%zu]%s%.36s", i,
             problem->field[0] == '\0' ? "" : ".", problem->field);
    error_field(error, field, "%s: %s", field, problem->message);
    if (error != NULL)
        error->code = problem->code;
    return -1;
}

static struct profile *
build_element(struct profiles *profiles, const struct json *element,
              struct error *error)
{
    struct field_problems *problems = calloc(1, sizeof *problems);
    if (problems == NULL) {
        error_set(error, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    struct edit edit = { .profiles = profiles,
                         .patch = element,
                         .may_execute = true,
                         .may_lack_model = true,
                         .problems = problems };
    struct profile *profile = build_profile(&edit, error);
    free(problems);
    if (profile == NULL)
        return NULL;
    profile->source = PROFILE_SOURCE_FILE;
    profile->created_at_ms = loop_wall_ms();
    profile->updated_at_ms = profile->created_at_ms;
    if (id_of_name(profiles, profile->name, profile->id) < 0) {
        profile_unref(profile);
        error_set(error, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    return profile;
}

struct declared {
    struct profile **at;
    size_t n;
};

static void
declared_release(struct declared *declared)
{
    for (size_t i = 0; i < declared->n; i++)
        profile_unref(declared->at[i]);
    free(declared->at);
}

static int
declared_build(struct profiles *profiles, const struct json *array,
               struct declared *declared, struct error *error)
{
    size_t n = json_count(array);
    if (array != NULL && json_type(array) != JSON_ARRAY &&
        json_type(array) != JSON_NULL)
        return error_field(error, "profiles", "expected a list, got %s",
                           json_type_name(json_type(array)));
    if (n > LIMIT_PROFILES)
        return error_field(error, "profiles", "more than %d", LIMIT_PROFILES);
    declared->at = calloc(n + 1, sizeof *declared->at);
    if (declared->at == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++) {
        struct error problem = { .code = ERR_INTERNAL };
        struct profile *profile =
            build_element(profiles, json_at(array, i), &problem);
        if (profile == NULL)
            return at_element(error, i, &problem);
        declared->at[declared->n++] = profile;
    }
    return 0;
}

/* Takes the declared ones out of the registry, into `before`. */
static int
take_out(struct profiles *profiles, struct declared *before)
{
    before->at = calloc(profiles->n + 1, sizeof *before->at);
    if (before->at == NULL)
        return -1;
    for (size_t i = 0; i < profiles->n; i++)
        if (profiles->at[i]->source == PROFILE_SOURCE_FILE)
            before->at[before->n++] = profile_ref(profiles->at[i]);
    for (size_t i = 0; i < before->n; i++)
        registry_remove(profiles, before->at[i]);
    return 0;
}

static int
put_in(struct profiles *profiles, const struct declared *declared,
       struct error *error)
{
    for (size_t i = 0; i < declared->n; i++) {
        struct error problem = { .code = ERR_NO_MEMORY,
                                 .message = "out of memory" };
        const struct profile *same =
            map_get(&profiles->by_id, str_from(declared->at[i]->id));
        if (same != NULL) {
            error_field(&problem, "name", "is that of an earlier one");
            problem.code = ERR_CONFLICT;
        } else if (check_unique(profiles, declared->at[i], &problem) == 0 &&
                   registry_insert(profiles, declared->at[i]) == 0) {
            continue;
        }
        for (size_t j = 0; j < i; j++)
            registry_remove(profiles, declared->at[j]);
        return at_element(error, i, &problem);
    }
    return 0;
}

static struct profile *
find_by_id(const struct declared *declared, const char *id)
{
    for (size_t i = 0; i < declared->n; i++)
        if (strcmp(declared->at[i]->id, id) == 0)
            return declared->at[i];
    return NULL;
}

/* What did not change stays the same object. */
static void
keep_unchanged(const struct declared *before, struct declared *after)
{
    for (size_t i = 0; i < after->n; i++) {
        struct profile *old = find_by_id(before, after->at[i]->id);
        if (old == NULL)
            continue;
        if (profile_equals(old, after->at[i])) {
            profile_unref(after->at[i]);
            after->at[i] = profile_ref(old);
        } else {
            after->at[i]->created_at_ms = old->created_at_ms;
        }
    }
}

static void
publish(struct profiles *profiles, const struct declared *before,
        const struct declared *after)
{
    struct events *events = profiles->options.events;
    for (size_t i = 0; i < before->n; i++)
        if (find_by_id(after, before->at[i]->id) == NULL)
            events_publish(events, EVENT_PROFILE_DELETED, before->at[i]->id,
                           before->at[i]);
    for (size_t i = 0; i < after->n; i++) {
        struct profile *old = find_by_id(before, after->at[i]->id);
        if (old != after->at[i])
            events_publish(events,
                           old == NULL ? EVENT_PROFILE_CREATED
                                       : EVENT_PROFILE_UPDATED,
                           after->at[i]->id, after->at[i]);
    }
}

int
profiles_set_file(struct profiles *profiles, const struct json *array,
                  struct error *error)
{
    assert(loop_is_here(profiles->options.loop));
    struct declared before = { NULL, 0 }, after = { NULL, 0 };
    int result = declared_build(profiles, array, &after, error);
    if (result == 0 && take_out(profiles, &before) < 0)
        result = error_set(error, ERR_NO_MEMORY, "out of memory");
    if (result == 0) {
        keep_unchanged(&before, &after);
        result = put_in(profiles, &after, error);
        if (result == 0)
            publish(profiles, &before, &after);
        else if (put_in(profiles, &before, NULL) < 0)
            events_log(profiles->options.events, LOG_ERROR, "profiles",
                       "no memory to keep the declared profiles");
    }
    declared_release(&before);
    declared_release(&after);
    return result;
}
