#include "fixture.h"

#include "base/units.h"

char *
fixture_read(const char *engine, const char *kind)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s.%s.txt", FIXTURES, engine, kind);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("no fixture %s", path);
    char *text = calloc(1, 64 * KIB);
    assert_non_null(text);
    size_t n = fread(text, 1, 64 * KIB - 1, file);
    fclose(file);
    assert_true(n > 0);
    return text;
}

struct engines *
fixture_engines(void)
{
    struct engines *engines = NULL;
    struct error error;
    if (engines_new(&engines, &error) < 0)
        fail_msg("%s", error.message);
    return engines;
}

struct json_doc *
fixture_json(const char *text)
{
    struct error error;
    struct json_doc *doc = json_parse(str_from(text), &error);
    if (doc == NULL)
        fail_msg("%s: %s", text, error.message);
    return doc;
}
