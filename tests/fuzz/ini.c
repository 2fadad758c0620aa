/* A preset file from anywhere: comes out as it went in, and what is changed
 * in it can be read again. */
#include <stdlib.h>

#include "formats/ini.h"
#include "fuzz.h"

static void
check_text(const struct ini *ini, struct str text)
{
    struct strbuf out = STRBUF_INIT(INI_BYTES_MAX * 4);
    ini_write(ini, &out);
    if (strbuf_failed(&out) || !str_eq(strbuf_view(&out), text))
        abort();
    strbuf_release(&out);
}

/* The document that the text of this one is has the same in it. */
static void
check_again(const struct ini *ini)
{
    struct strbuf out = STRBUF_INIT(INI_BYTES_MAX * 4);
    ini_write(ini, &out);
    struct ini *again = ini_parse(strbuf_view(&out), NULL);
    if (again != NULL) {
        if (ini_count(again) != ini_count(ini))
            abort();
        for (size_t i = 0; i < ini_count(ini); i++) {
            const struct ini_line *a = ini_at(ini, i), *b = ini_at(again, i);
            if (a->kind != b->kind || !str_eq(a->section, b->section) ||
                (a->kind == INI_PAIR &&
                 (!str_eq(a->key, b->key) || !str_eq(a->value, b->value))))
                abort();
        }
    }
    ini_free(again);
    strbuf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *copy = malloc(n + (n == 0));
    if (copy == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        copy[i] = (char)data[i];
    struct str text = { copy, n };
    struct ini *ini = ini_parse(text, NULL);
    if (ini != NULL) {
        check_text(ini, text);
        check_again(ini);
        for (size_t i = 0; i < ini_count(ini); i++) {
            const struct ini_line *line = ini_at(ini, i);
            if (line->kind == INI_PAIR &&
                (line->value.p < line->text.p ||
                 line->value.p + line->value.n > line->text.p + line->text.n))
                abort();
        }
        struct str part = { copy, n / 2 };
        struct str rest = { copy + n / 2, n - n / 2 };
        (void)ini_set(ini, STR("*"), STR("temp"), rest, NULL);
        (void)ini_set(ini, part, STR("temp"), STR("1"), NULL);
        check_again(ini);
        if (ini_count(ini) > 0) {
            struct str section = ini_at(ini, ini_count(ini) / 2)->section;
            ini_remove(ini, section, STR("temp"));
            ini_remove_section(ini, section);
        }
        check_again(ini);
    }
    ini_free(ini);
    free(copy);
    return 0;
}
