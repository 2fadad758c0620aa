/* Manifests from anywhere: what passes for a digest is one. Names: there and
 * back is the same, and no path leads out. */
#include <stdlib.h>

#include "formats/ollama.h"
#include "fuzz.h"

static void
check(bool is_so)
{
    if (!is_so)
        abort();
}

static void
check_names(struct str text)
{
    char name[512], path[512], again[512];
    if (ollama_name_of_path(text, name, sizeof name)) {
        check(ollama_path_of_name(str_from(name), path, sizeof path));
        check(str_is(text, path));
    }
    if (ollama_path_of_name(text, path, sizeof path)) {
        struct str rest = str_from(path);
        while (rest.p != NULL) {
            struct str part = str_split(&rest, '/');
            check(part.n > 0 && !str_is(part, ".") && !str_is(part, ".."));
        }
        check(ollama_name_of_path(str_from(path), again, sizeof again));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n };
    struct ollama_manifest manifest;
    struct error error = { .code = ERR_OK };
    check_names(text);
    if (ollama_manifest_read(text, &manifest, &error) < 0) {
        check(error.message[0] != '\0');
        return 0;
    }
    for (size_t i = 0; i < manifest.n; i++) {
        const char *digits = manifest.blobs[i].sha256;
        check(strspn(digits, "0123456789abcdef") == OLLAMA_DIGITS &&
              digits[OLLAMA_DIGITS] == '\0' &&
              manifest.blobs[i].size_bytes >= -1);
    }
    ollama_manifest_release(&manifest);
    return 0;
}
