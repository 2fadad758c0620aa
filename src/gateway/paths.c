/* Decoding what stands in a path: see paths.h. */
#include "gateway/paths.h"

ptrdiff_t
path_decode(struct str text, char *buffer, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            if (text.n - i < 3)
                return -1;
            int high = str_hex_digit(text.p[i + 1]);
            int low = str_hex_digit(text.p[i + 2]);
            if (high < 0 || low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0' || n == size)
            return -1;
        buffer[n++] = c;
    }
    return (ptrdiff_t)n;
}
