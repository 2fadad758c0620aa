/* What an answer says of itself: token counts and timings, read on the way
 * past from JSON answers and event streams. Nothing is asked for, injected or
 * changed; what an engine does not send is unknown. */
#ifndef GATEWAY_USAGE_H
#define GATEWAY_USAGE_H

#include "formats/json.h"
#include "formats/member_scanner.h"
#include "formats/sse.h"

/* Unknown counts are -1, unknown speeds NAN. */
struct usage {
    int64_t prompt_tokens; /* the cached ones, too */
    int64_t completion_tokens;
    int64_t cached_tokens; /* of the prompt */
    double prompt_per_second;
    double predicted_per_second;
};

/* ---- reading an answer on its way ---- */

enum usage_kind { USAGE_NONE, USAGE_JSON, USAGE_EVENTS };

struct usage_reader {
    enum usage_kind kind;
    struct usage usage;
    struct usage timed; /* what the timings say */
    union {
        struct member_scanner members;
        struct sse_reader events;
    } reader;
};

/* By the answer's Content-Type. The reader must not move afterwards. */
void usage_reader_init(struct usage_reader *reader, struct str content_type);
void usage_reader_release(struct usage_reader *reader);
void usage_reader_feed(struct usage_reader *reader, struct str bytes);
/* The answer is whole: what it said. */
void usage_reader_end(struct usage_reader *reader, struct usage *ret_usage);

#endif
