/* Takes secrets out of words that are to be kept or shown.
 *
 * The second fence: whoever writes a log line leaves secrets out of it, but
 * texts from outside (a server's error, a URL) may hold what nobody looked
 * for. Found by their form:
 *
 *   hk_..., hf_..., sk-...                       tokens that say what they are
 *   Bearer ..., Basic ...                        credentials of HTTP
 *   api_key=..., HF_TOKEN=..., "password":"..."  values by their name's end
 *   x-api-key: ..., Cookie: ...                  headers
 *   --api-key ...                                arguments
 *   ?key=..., &link=...                          parameters of a URL
 *   http://name:password@host                    the same, before the host
 *
 * A text only gets shorter: each becomes "***". */
#ifndef FORMATS_REDACT_H
#define FORMATS_REDACT_H

#include <stddef.h>

/* In place. */
void redact(char *text);
/* Every occurrence of a known secret; one shorter than REDACT_BYTES_MIN is
 * none (it would be found in ordinary words). NULL or "": none. */
enum { REDACT_BYTES_MIN = 6 };
void redact_known(char *text, const char *secret);

#endif
