/* A line of a log file, which anybody may have written to: it is read or it
 * is not, and what was read can be written and read again. */
#include <stdlib.h>
#include <string.h>

#include "formats/log_line.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *copy = malloc(n + (n == 0));
    if (copy == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        copy[i] = (char)data[i];
    struct log_entry entry, again;
    if (log_line_read((struct str){ copy, n }, &entry)) {
        char *line = log_line(&entry);
        if (line == NULL ||
            !log_line_read((struct str){ line, strlen(line) - 1 }, &again) ||
            again.level != entry.level)
            abort();
        free(line);
    }
    free(copy);
    return 0;
}
