/* Changes over the API: a patch is validated against what is known now, the
 * new record goes to the disk, and only when it is there it takes the old
 * one's place in memory, is published and acknowledged.
 *
 * While a change is on its way its names and port are taken, and a second
 * change of the same record builds on it and waits for it: where the first
 * fails, the second does too, for it would bring what was refused. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/profiles/profiles_internal.h"

/* The record with what is right of the patch, the rest in `problems`. NULL
 * when the patch is none, is forbidden, or there is no memory. */
static struct profile *
draft_profile(struct edit *edit, struct error *error)
{
    edit->forbidden.code = ERR_OK;
    edit->problems->n = 0;
    if (json_type(edit->patch) != JSON_OBJECT) {
        edit_problem(edit, "", "expected an object, got %s",
                     json_type_name(json_type(edit->patch)));
        error_field(error, "", "%s", edit->problems->at[0].message);
        return NULL;
    }
    struct profile *profile =
        edit->before == NULL ? profile_new() : profile_copy(edit->before);
    edit->profile = profile;
    if (profile == NULL || edit_apply(edit) < 0) {
        error_set(error, ERR_NO_MEMORY, "out of memory");
        profile_unref(profile);
        return NULL;
    }
    edit_check(edit);
    if (edit->forbidden.code == ERR_OK)
        return profile;
    edit->problems->n = 0;
    if (error != NULL)
        *error = edit->forbidden;
    profile_unref(profile);
    return NULL;
}

struct profile *
build_profile(struct edit *edit, struct error *error)
{
    struct profile *profile = draft_profile(edit, error);
    const struct field_problem *first = &edit->problems->at[0];
    if (profile == NULL || edit->problems->n == 0)
        return profile;
    error_field(error, first->field, "%s", first->message);
    profile_unref(profile);
    return NULL;
}

/* The record as it will be when all that is under way has been written. */
static const struct profile *
latest(const struct profiles *profiles, const struct profile *profile)
{
    LIST_FOR(node, &profiles->changes)
    {
        const struct change *change = LIST_ENTRY(node, struct change, node);
        if (change->before != NULL &&
            strcmp(change->before->id, profile->id) == 0)
            profile = change->after;
        if (profile == NULL)
            return NULL; /* being deleted */
    }
    return profile;
}

/* ---- the way to the disk and back ---- */

void
change_free(struct change *change)
{
    list_remove(&change->node);
    profile_unref(change->before);
    profile_unref(change->after);
    free(change);
}

static int
apply(struct profiles *profiles, const struct change *change,
      struct error *error)
{
    const struct profile *named =
        change->before != NULL ? change->before : change->after;
    struct profile *known = map_get(&profiles->by_id, str_from(named->id));
    if (known != NULL)
        registry_remove(profiles, known);
    if (change->after == NULL) {
        events_publish(profiles->options.events, EVENT_PROFILE_DELETED,
                       change->before->id, change->before);
        return 0;
    }
    if (registry_insert(profiles, change->after) < 0)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    events_publish(profiles->options.events,
                   change->before == NULL ? EVENT_PROFILE_CREATED
                                          : EVENT_PROFILE_UPDATED,
                   change->after->id, change->after);
    return 0;
}

static void on_stored(void *ctx, const struct error *error);

static void
submit(struct change *change)
{
    struct store *store = change->profiles->options.store;
    change->is_sent = true;
    if (change->after != NULL)
        store_put_profile(store, change->after, on_stored, change);
    else
        store_delete_profile(store, change->before->id, on_stored, change);
}

static void
acknowledge(struct change *change, const struct error *error)
{
    struct profile *profile =
        change->after != NULL ? change->after : change->before;
    if (change->on_done != NULL)
        change->on_done(change->ctx, error == NULL ? profile : NULL, error);
}

/* The oldest change of the record that is under way, or NULL. */
static struct change *
oldest(const struct profiles *profiles, const char *id)
{
    LIST_FOR(node, &profiles->changes)
    {
        struct change *change = LIST_ENTRY(node, struct change, node);
        const struct profile *record =
            change->before != NULL ? change->before : change->after;
        if (strcmp(record->id, id) == 0)
            return change;
    }
    return NULL;
}

/* Takes out the changes that were built on one that failed. */
static void
take_dependents(struct profiles *profiles, const char *id,
                struct list *ret_changes)
{
    struct change *change;
    list_init(ret_changes);
    while ((change = oldest(profiles, id)) != NULL) {
        list_remove(&change->node);
        list_push_back(ret_changes, &change->node);
    }
}

static void
fail_all(struct list *changes, const struct error *cause)
{
    struct error error;
    error_set(&error, cause->code,
              "an earlier change of the profile failed: %s", cause->message);
    LIST_FOR_SAFE(node, changes)
    {
        struct change *change = LIST_ENTRY(node, struct change, node);
        list_remove(node);
        acknowledge(change, &error);
        change_free(change);
    }
}

static void
on_stored(void *ctx, const struct error *error)
{
    struct change *change = ctx;
    struct profiles *profiles = change->profiles;
    struct error problem = { .code = ERR_OK };
    struct list dependents;
    if (profiles == NULL) {
        change_free(change);
        return;
    }
    const char *id =
        change->before != NULL ? change->before->id : change->after->id;
    if (error != NULL)
        problem = *error;
    else
        (void)apply(profiles, change, &problem);
    list_remove(&change->node); /* its names are in the registry now */
    list_init(&dependents);
    struct change *next = oldest(profiles, id);
    if (problem.code != ERR_OK)
        take_dependents(profiles, id, &dependents);
    else if (next != NULL)
        submit(next);
    acknowledge(change, problem.code != ERR_OK ? &problem : NULL);
    fail_all(&dependents, &problem);
    change_free(change);
}

/* Takes over one reference each. */
static int
commit(struct profiles *profiles, struct profile *before, struct profile *after,
       profiles_done_fn *on_done, void *ctx, struct error *error)
{
    struct change *change = calloc(1, sizeof *change);
    if (change == NULL) {
        profile_unref(before);
        profile_unref(after);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    *change = (struct change){ .profiles = profiles,
                               .before = before,
                               .after = after,
                               .on_done = on_done,
                               .ctx = ctx };
    bool has_to_wait = before != NULL && oldest(profiles, before->id) != NULL;
    list_push_back(&profiles->changes, &change->node);
    if (!has_to_wait)
        submit(change);
    return 0;
}

/* ---- the verbs ---- */

static size_t
count_stored(const struct profiles *profiles)
{
    return profiles->n + list_count(&profiles->changes);
}

int
profiles_create(struct profiles *profiles, const struct json *patch,
                bool may_execute, struct field_problems *problems,
                profiles_done_fn *on_done, void *ctx, struct error *error)
{
    return profiles_create_for(profiles, NULL, patch, may_execute, problems,
                               on_done, ctx, error);
}

int
profiles_create_for(struct profiles *profiles, const char *engine,
                    const struct json *patch, bool may_execute,
                    struct field_problems *problems, profiles_done_fn *on_done,
                    void *ctx, struct error *error)
{
    assert(loop_is_here(profiles->options.loop));
    struct edit edit = { .profiles = profiles,
                         .patch = patch,
                         .may_execute = may_execute,
                         .engine = engine,
                         .problems = problems };
    if (count_stored(profiles) >= LIMIT_PROFILES)
        return error_set(error, ERR_CONFLICT,
                         "there are %d profiles, which is the limit",
                         LIMIT_PROFILES);
    struct profile *profile = build_profile(&edit, error);
    if (profile == NULL)
        return -1;
    mint_profile_id(profile->id);
    profile->source = PROFILE_SOURCE_DATABASE;
    profile->created_at_ms = loop_wall_ms();
    profile->updated_at_ms = profile->created_at_ms;
    if (check_unique(profiles, profile, error) < 0) {
        profile_unref(profile);
        return -1;
    }
    return commit(profiles, NULL, profile, on_done, ctx, error);
}

/* A stored record that may be changed, as it will be; NULL with `error`. */
static const struct profile *
find_editable(struct profiles *profiles, struct str id, struct error *error)
{
    const struct profile *profile = profiles_get(profiles, id);
    if (profile != NULL && profile->source != PROFILE_SOURCE_DATABASE) {
        error_set(error, ERR_CONFLICT,
                  "\"%s\" is declared by %s and can only be changed there",
                  profile->name,
                  profile->source == PROFILE_SOURCE_FILE ? "the file"
                                                         : "the library");
        return NULL;
    }
    if (profile != NULL)
        profile = latest(profiles, profile);
    if (profile == NULL)
        error_set(error, ERR_NOT_FOUND, "there is no profile \"%.*s\"",
                  (int)(id.n < 128 ? id.n : 128), id.p);
    return profile;
}

int
profiles_update(struct profiles *profiles, struct str id,
                const struct json *patch, bool may_execute,
                struct field_problems *problems, profiles_done_fn *on_done,
                void *ctx, struct error *error)
{
    assert(loop_is_here(profiles->options.loop));
    problems->n = 0;
    const struct profile *before = find_editable(profiles, id, error);
    if (before == NULL)
        return -1;
    struct edit edit = { .profiles = profiles,
                         .before = before,
                         .patch = patch,
                         .may_execute = may_execute,
                         .problems = problems };
    struct profile *after = build_profile(&edit, error);
    if (after == NULL)
        return -1;
    int64_t now = loop_wall_ms();
    after->updated_at_ms =
        now > before->updated_at_ms ? now : before->updated_at_ms + 1;
    if (check_unique(profiles, after, error) < 0) {
        profile_unref(after);
        return -1;
    }
    struct profile *held = (struct profile *)(uintptr_t)before;
    return commit(profiles, profile_ref(held), after, on_done, ctx, error);
}

struct profile *
profiles_draft(struct profiles *profiles, struct str id,
               const struct json *patch, bool may_execute,
               struct field_problems *problems, struct error *error)
{
    struct error conflict = { .code = ERR_OK };
    const struct profile *before = NULL;
    problems->n = 0;
    if (id.n > 0) {
        before = profiles_get(profiles, id);
        if (before != NULL)
            before = latest(profiles, before);
        if (before == NULL) {
            error_set(error, ERR_NOT_FOUND, "there is no profile \"%.*s\"",
                      (int)(id.n < 128 ? id.n : 128), id.p);
            return NULL;
        }
    }
    struct edit edit = { .profiles = profiles,
                         .before = before,
                         .patch = patch,
                         .may_execute = may_execute,
                         .problems = problems };
    struct profile *profile = draft_profile(&edit, error);
    if (profile != NULL && check_unique(profiles, profile, &conflict) < 0)
        edit_problem(&edit, conflict.field, "%s", conflict.message);
    return profile;
}

int
profiles_delete(struct profiles *profiles, struct str id,
                profiles_done_fn *on_done, void *ctx, struct error *error)
{
    assert(loop_is_here(profiles->options.loop));
    const struct profile *before = find_editable(profiles, id, error);
    if (before == NULL)
        return -1;
    struct profile *held = (struct profile *)(uintptr_t)before;
    return commit(profiles, profile_ref(held), NULL, on_done, ctx, error);
}

int
profiles_duplicate(struct profiles *profiles, struct str id,
                   struct str new_name, profiles_done_fn *on_done, void *ctx,
                   struct error *error)
{
    assert(loop_is_here(profiles->options.loop));
    const struct profile *original = profiles_get(profiles, id);
    const char *what = name_problem(new_name);
    if (original == NULL)
        return error_set(error, ERR_NOT_FOUND, "there is no profile \"%.*s\"",
                         (int)(id.n < 128 ? id.n : 128), id.p);
    if (what != NULL || !str_is_utf8(new_name))
        return error_field(error, "name", "%s",
                           what != NULL ? what : "is not UTF-8 text");
    if (count_stored(profiles) >= LIMIT_PROFILES)
        return error_set(error, ERR_CONFLICT,
                         "there are %d profiles, which is the limit",
                         LIMIT_PROFILES);
    struct profile *copy = profile_copy(original);
    if (copy == NULL || profile_set_text(&copy->name, new_name) < 0 ||
        profile_set_aliases(copy, NULL, 0) < 0) {
        profile_unref(copy);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    mint_profile_id(copy->id);
    copy->source = PROFILE_SOURCE_DATABASE;
    copy->is_auto_start = false;
    copy->created_at_ms = loop_wall_ms();
    copy->updated_at_ms = copy->created_at_ms;
    if (copy->port != 0)
        copy->port = profiles_next_port(profiles, error);
    if (copy->port < 0 || check_unique(profiles, copy, error) < 0) {
        profile_unref(copy);
        return -1;
    }
    return commit(profiles, NULL, copy, on_done, ctx, error);
}
