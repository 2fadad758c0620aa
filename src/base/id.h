/* Text ids minted by us: "<prefix>_<26 characters>", the characters being
 * Crockford base32 of 48 bits of milliseconds and 80 random bits, so that
 * ids sort by time of birth. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdint.h>

enum { ID_BYTES = 40 }; /* with the terminating zero */

/* `random` is 10 bytes that the caller drew from the system. */
void id_format(char ret_id[ID_BYTES], const char *prefix, int64_t now_ms,
               const uint8_t random[10]);

#endif
