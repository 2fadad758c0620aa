/* Ids: see id.h. */
#include "base/id.h"

#include <stdio.h>
#include <string.h>

void
id_format(char ret_id[ID_BYTES], const char *prefix, int64_t now_ms,
          const uint8_t random[10])
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    char text[27];
    uint64_t time = (uint64_t)now_ms & ((UINT64_C(1) << 48) - 1);
    /* 10 digits of time, 16 digits of randomness */
    for (int i = 9; i >= 0; i--) {
        text[i] = digits[time & 31];
        time >>= 5;
    }
    uint64_t bits = 0;
    int n_bits = 0;
    int at = 10;
    for (int i = 0; i < 10; i++) {
        bits = (bits << 8) | random[i];
        n_bits += 8;
        while (n_bits >= 5) {
            n_bits -= 5;
            text[at++] = digits[(bits >> n_bits) & 31];
        }
    }
    text[at] = '\0';
    snprintf(ret_id, ID_BYTES, "%.12s_%s", prefix, text);
}
