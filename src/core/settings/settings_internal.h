/* The insides of the settings. Internal to core/settings/. */
#ifndef CORE_SETTINGS_INTERNAL_H
#define CORE_SETTINGS_INTERNAL_H

#include "base/arena.h"
#include "core/settings/settings.h"
#include "formats/config.h"
#include "store/store.h"

struct stored_value {
    bool is_set;
    struct setting_value value;
    struct arena memory;
};

struct settings {
    struct settings_sources sources;
    struct config *config;
    struct config *before; /* the last reload, or NULL */
    struct stored_value stored[SETTING_COUNT];
    char waiting[512];   /* keys that the last reload changed in vain */
    struct store *store; /* NULL before settings_attach */
    struct events *events;
    struct list changes; /* on their way to the store: see update.c */
};

/* Room for one value. */
#define STORED_VALUE_BYTES (1 * MIB)

const struct setting_value *settings_value(const struct settings *settings,
                                           enum setting_id id);
/* Forgets the changes on their way: nobody will be told. */
void settings_drop_changes(struct settings *settings);

#endif
