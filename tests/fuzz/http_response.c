/* Answers as an engine sends them, in pieces of any length. */
#include "fuzz.h"
#include "http_transcript.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    transcript_compare(HTTP_RESPONSE, (struct str){ (const char *)data, n });
    return 0;
}
