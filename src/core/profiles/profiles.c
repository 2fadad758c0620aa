/* The registry in memory: records by name, id and alias, and the implicit
 * profiles of library models, which are made when they are first asked for
 * and dropped when their model changes. */
#include "core/profiles/profiles.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "core/profiles/profiles_internal.h"
#include "io/address.h"

#define ID_KEY_PREFIX "profile_id:"

void
mint_profile_id(char ret_id[ID_BYTES])
{
    uint8_t random[10];
    randombytes_buf(random, sizeof random);
    id_format(ret_id, "profile", loop_wall_ms(), random);
}

/* ---- records ---- */

/* Where the name stands, or where it would. */
static size_t
position(const struct profiles *profiles, const char *name)
{
    size_t low = 0, high = profiles->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(profiles->at[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int
make_room(struct profiles *profiles)
{
    if (profiles->n < profiles->room)
        return 0;
    size_t room = profiles->room == 0 ? 16 : profiles->room * 2;
    struct profile **at = realloc_checked(profiles->at, room, sizeof *at);
    if (at == NULL)
        return -1;
    profiles->at = at;
    profiles->room = room;
    return 0;
}

static void
forget_names(struct profiles *profiles, const struct profile *profile)
{
    map_remove(&profiles->by_id, str_from(profile->id));
    if (map_get(&profiles->by_name, str_from(profile->name)) == profile)
        map_remove(&profiles->by_name, str_from(profile->name));
    for (size_t i = 0; i < profile->n_aliases; i++)
        if (map_get(&profiles->by_name, str_from(profile->aliases[i])) ==
            profile)
            map_remove(&profiles->by_name, str_from(profile->aliases[i]));
}

/* Takes a reference. */
int
registry_insert(struct profiles *profiles, struct profile *profile)
{
    int result = make_room(profiles);
    if (result == 0)
        result = map_put(&profiles->by_id, str_from(profile->id), profile);
    if (result == 0)
        result = map_put(&profiles->by_name, str_from(profile->name), profile);
    for (size_t i = 0; result == 0 && i < profile->n_aliases; i++)
        result =
            map_put(&profiles->by_name, str_from(profile->aliases[i]), profile);
    if (result < 0) {
        forget_names(profiles, profile);
        return -1;
    }
    size_t at = position(profiles, profile->name);
    memmove(&profiles->at[at + 1], &profiles->at[at],
            (profiles->n - at) * sizeof *profiles->at);
    profiles->at[at] = profile_ref(profile);
    profiles->n++;
    return 0;
}

void
registry_remove(struct profiles *profiles, struct profile *profile)
{
    size_t at = position(profiles, profile->name);
    assert(at < profiles->n && profiles->at[at] == profile);
    forget_names(profiles, profile);
    profiles->n--;
    memmove(&profiles->at[at], &profiles->at[at + 1],
            (profiles->n - at) * sizeof *profiles->at);
    profile_unref(profile);
}

/* ---- implicit profiles ---- */

static struct profile *
make_implicit(const struct model *model)
{
    struct profile *profile = profile_new();
    if (profile == NULL)
        return NULL;
    profile->source = PROFILE_SOURCE_LIBRARY;
    snprintf(profile->id, sizeof profile->id, "%s", model->id);
    profile->created_at_ms = model->modified_at_ms;
    profile->updated_at_ms = model->modified_at_ms;
    if (profile_set_text(&profile->name, str_from(model->name)) < 0 ||
        profile_set_text(&profile->model_path, str_from(model->path)) < 0) {
        profile_unref(profile);
        return NULL;
    }
    return profile;
}

static struct profile *
implicit_of(struct profiles *profiles, const struct model *model)
{
    struct profile *profile = map_get(&profiles->implicit, str_from(model->id));
    if (profile != NULL)
        return profile;
    profile = make_implicit(model);
    if (profile == NULL ||
        map_put(&profiles->implicit, str_from(model->id), profile) < 0) {
        profile_unref(profile);
        events_log(profiles->options.events, LOG_ERROR, "profiles",
                   "no memory for the profile of %s", model->name);
        return NULL;
    }
    return profile;
}

static bool
is_current(const struct profiles *profiles, const struct profile *implicit)
{
    const struct model *model =
        library_find(profiles->options.library, str_from(implicit->id));
    return model != NULL && strcmp(model->name, implicit->name) == 0 &&
           strcmp(model->path, implicit->model_path) == 0;
}

/* Drops what is not as the library has it; the rest stay the same objects.
 * A profile whose model is no longer there at all is told as deleted: an
 * engine that runs it would be out of everybody's reach. */
static void
on_library_changed(struct subscription *subscription, const struct event *event)
{
    struct profiles *profiles =
        LIST_ENTRY(subscription, struct profiles, library_changed);
    struct map before = profiles->implicit;
    map_init(&profiles->implicit);
    size_t at = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&before, &at)) != NULL) {
        struct profile *profile = slot->value;
        if (is_current(profiles, profile) &&
            map_put(&profiles->implicit, str_from(profile->id), profile) == 0)
            profile_ref(profile);
    }
    for (at = 0; (slot = map_next(&before, &at)) != NULL;) {
        struct profile *profile = slot->value;
        const struct model *model =
            library_find(profiles->options.library, str_from(profile->id));
        /* Of a copy that became part of another record, too: requests for it
         * go to that one. */
        if (model == NULL || strcmp(model->id, profile->id) != 0)
            events_publish(profiles->options.events, EVENT_PROFILE_DELETED,
                           profile->id, profile);
        profile_unref(profile);
    }
    map_release(&before);
}

/* ---- opening and closing ---- */

static int
on_stored_profile(void *ctx, struct profile *profile)
{
    return registry_insert(ctx, profile);
}

static int
on_stored_id(void *ctx, const char *key, const char *value)
{
    struct profiles *profiles = ctx;
    char *id = str_dup(str_from(value));
    if (id != NULL && strlen(id) < ID_BYTES &&
        map_put(&profiles->file_ids, str_from(key + strlen(ID_KEY_PREFIX)),
                id) == 0)
        return 0;
    free(id);
    return -1;
}

int
profiles_new(const struct profiles_options *options,
             struct profiles **ret_profiles, struct error *error)
{
    struct profiles *profiles = calloc(1, sizeof *profiles);
    if (profiles == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    profiles->options = *options;
    map_init(&profiles->by_id);
    map_init(&profiles->by_name);
    map_init(&profiles->implicit);
    map_init(&profiles->file_ids);
    list_init(&profiles->changes);
    events_subscribe(options->events, &profiles->library_changed,
                     EVENT_BIT(LIBRARY_CHANGED), on_library_changed);
    if (store_load_profiles(options->store, on_stored_profile, profiles,
                            error) < 0 ||
        store_load_metadata(options->store, ID_KEY_PREFIX, on_stored_id,
                            profiles, error) < 0) {
        profiles_free(profiles);
        return -1;
    }
    *ret_profiles = profiles;
    return 0;
}

void
profiles_free(struct profiles *profiles)
{
    if (profiles == NULL)
        return;
    events_unsubscribe(&profiles->library_changed);
    LIST_FOR_SAFE(node, &profiles->changes)
    {
        struct change *change = LIST_ENTRY(node, struct change, node);
        change->profiles = NULL;
        list_remove(node);
        if (!change->is_sent)
            change_free(change);
    }
    for (size_t i = 0; i < profiles->n; i++)
        profile_unref(profiles->at[i]);
    free(profiles->at);
    size_t at = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&profiles->implicit, &at)) != NULL)
        profile_unref(slot->value);
    at = 0;
    while ((slot = map_next(&profiles->file_ids, &at)) != NULL)
        free(slot->value);
    map_release(&profiles->by_id);
    map_release(&profiles->by_name);
    map_release(&profiles->implicit);
    map_release(&profiles->file_ids);
    free(profiles);
}

void
profiles_set_own_port(struct profiles *profiles, int port)
{
    profiles->options.own_port = port;
}

/* ---- asking ---- */

struct profile *
profiles_get(struct profiles *profiles, struct str id)
{
    struct profile *profile = map_get(&profiles->by_id, id);
    if (profile != NULL)
        return profile;
    const struct model *model = library_find(profiles->options.library, id);
    if (model == NULL || !str_is(id, model->id))
        return NULL;
    return implicit_of(profiles, model);
}

struct profile *
profiles_resolve(struct profiles *profiles, struct str name)
{
    struct profile *profile = map_get(&profiles->by_name, name);
    if (profile == NULL)
        profile = map_get(&profiles->by_id, name);
    if (profile != NULL)
        return profile;
    const struct model *model = library_find(profiles->options.library, name);
    return model == NULL ? NULL : implicit_of(profiles, model);
}

size_t
profiles_count(const struct profiles *profiles)
{
    return profiles->n;
}

struct profile *
profiles_at(const struct profiles *profiles, size_t i)
{
    return i < profiles->n ? profiles->at[i] : NULL;
}

static bool
is_port_of_any(const struct profiles *profiles, int port)
{
    if (port == profiles->options.own_port)
        return true;
    for (size_t i = 0; i < profiles->n; i++)
        if (profiles->at[i]->port == port)
            return true;
    LIST_FOR(node, &profiles->changes)
    {
        const struct change *change = LIST_ENTRY(node, struct change, node);
        if (change->after != NULL && change->after->port == port)
            return true;
    }
    return false;
}

int
profiles_next_port(struct profiles *profiles, struct error *error)
{
    struct address address = { .host = "127.0.0.1" };
    for (int port = profiles->options.port_start; port <= 65535; port++) {
        address.port = port;
        if (!is_port_of_any(profiles, port) && address_is_free(&address))
            return port;
    }
    return error_set(error, ERR_CONFLICT, "no port from %d to 65535 is free",
                     profiles->options.port_start);
}
