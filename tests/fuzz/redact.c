/* Any text may be looked through for secrets: it never gets longer, and what
 * looks like a key of ours is not left in it. */
#include <stdlib.h>
#include <string.h>

#include "formats/redact.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char key[] = " hk_abcdefghijklmnopqrstuvwxyz0123456789ABCDE ";
    char *text = malloc(n + sizeof key);
    if (text == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        text[i] = data[i] == 0 ? ' ' : (char)data[i];
    memcpy(text + n, key, sizeof key);
    redact(text);
    if (strlen(text) > n + sizeof key - 1 || strstr(text, "hk_abcdef") != NULL)
        abort();
    redact_known(text, "secret");
    if (strstr(text, "secret") != NULL)
        abort();
    free(text);
    return 0;
}
