/* Requests as a client sends them, pipelined, in pieces of any length. */
#include "fuzz.h"
#include "http_transcript.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    transcript_compare(HTTP_REQUEST, (struct str){ (const char *)data, n });
    return 0;
}
