/* The settings' rows: see settings.h. */
#include "records/settings.h"

const struct setting_row setting_rows[SETTING_COUNT] = {
#define X(id, key, type, min, max, def, flags, choices, help) \
    [SETTING_ID_##id] = { key, type, min, max, def, flags, choices, help },
    SETTINGS(X)
#undef X
};
