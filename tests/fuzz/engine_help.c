/* What an installed binary prints is read; flags come out sorted and
 * different. A manifest is read from the same bytes. */
#include "fuzz.h"

#include <stdlib.h>

#include "engines/engines.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str input = { (const char *)data, n };
    struct arena arena;
    struct error error;
    arena_init(&arena, 1 << 20);
    const char *const *flags = NULL;
    if (engine_parse_help(input, &arena, &flags, &error) == 0)
        for (; flags[0] != NULL; flags++)
            if (flags[0][0] != '-' ||
                (flags[1] != NULL && strcmp(flags[0], flags[1]) >= 0))
                abort();
    const char *version = NULL;
    if (engine_parse_version(input, &arena, &version) < 0 ||
        strlen(version) > 64)
        abort();
    arena_release(&arena);

    static struct engines *engines;
    if (engines == NULL && engines_new(&engines, &error) < 0)
        abort();
    size_t n_engines = engines_count(engines);
    if (engines_add(engines, input, "input", &error) == 0) {
        engines_free(engines); /* start anew */
        engines = NULL;
    } else if (engines_count(engines) != n_engines) {
        abort();
    }
    return 0;
}
