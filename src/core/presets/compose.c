/* What llama.cpp's server reads in the place of a preset. */
#include <stdio.h>

#include "base/units.h"
#include "core/presets/presets_internal.h"

void
preset_parameters_write(const struct preset *preset, struct json_writer *out)
{
    bool is_open = false;
    json_object_begin(out);
    for (size_t i = 0; i < ini_count(preset->ini); i++) {
        const struct ini_line *line = ini_at(preset->ini, i);
        if (line->kind == INI_SECTION) {
            if (is_open)
                json_object_end(out);
            json_key_str(out, line->section);
            json_object_begin(out);
            is_open = true;
        } else if (line->kind == INI_PAIR && line->section.n > 0) {
            json_key_str(out, line->key);
            json_str(out, line->value);
        }
    }
    if (is_open)
        json_object_end(out);
    json_object_end(out);
}

/* Whether the section has the row, under whatever name. */
static bool
has_row(const struct presets *presets, const struct ini *ini,
        struct str section, const struct engine_option *row)
{
    bool is_negated;
    for (size_t i = 0; i < ini_count(ini); i++) {
        const struct ini_line *line = ini_at(ini, i);
        if (line->kind == INI_PAIR && str_eq(line->section, section) &&
            presets_row(presets, line->key, &is_negated) == row)
            return true;
    }
    return false;
}

int
preset_add_options(struct presets *presets, struct ini *ini, struct str section,
                   const struct json *options, struct error *error)
{
    struct json_iter iter;
    if (ini_add_section(ini, section, error) < 0)
        return -1;
    for (json_iter_init(&iter, options); json_iter_next(&iter);) {
        const struct engine_option *row = NULL;
        for (size_t i = 0; i < presets->rows.n_options && row == NULL; i++)
            if (str_is(iter.key, presets->own[i].key))
                row = &presets->own[i];
        /* The router and its children do not know rows without a flag. */
        if (row == NULL || json_type(iter.value) == JSON_NULL ||
            has_row(presets, ini, section, row))
            continue;
        if (preset_set(presets, ini, section, iter.key, iter.value, error) < 0)
            return -1;
    }
    return 0;
}

void
preset_compose(const struct ini *ini, struct strbuf *out)
{
    struct str section = { "", 0 };
    strbuf_add_text(out, "version = 1\n");
    for (size_t i = 0; ini != NULL && i < ini_count(ini); i++) {
        const struct ini_line *line = ini_at(ini, i);
        if (line->kind == INI_SECTION) {
            section = line->section;
            strbuf_addf(out, "\n[%.*s]\n", STR_ARG(section));
        } else if (line->kind == INI_PAIR && line->section.n > 0) {
            strbuf_addf(out, "%.*s = %.*s\n", STR_ARG(line->key),
                        STR_ARG(line->value));
        }
    }
}
