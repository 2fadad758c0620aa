/* One inference request: who asked for what, what became of it, and how long
 * each part took. */
#ifndef RECORDS_ACTIVITY_H
#define RECORDS_ACTIVITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "base/str.h"

/* Where a request is that is under way. */
enum activity_phase {
    ACTIVITY_RECEIVING, /* its model is not known yet */
    ACTIVITY_QUEUED,    /* for a place at its model's engine */
    ACTIVITY_LOADING,   /* its engine is being started */
    ACTIVITY_WORKING,   /* the engine has it, and has not answered */
    ACTIVITY_ANSWERING, /* the answer passes */
    ACTIVITY_FINISHING, /* nobody listens any more; the engine goes on */
    ACTIVITY_PHASES
};
const char *activity_phase_name(enum activity_phase phase);

enum activity_outcome {
    ACTIVITY_COMPLETED, /* the engine's answer reached its end */
    ACTIVITY_FAILED,    /* refused, or no whole answer could be had */
    ACTIVITY_GONE,      /* the client left before the end */
    ACTIVITY_CANCELLED, /* ended by hand */
    ACTIVITY_OUTCOMES
};
const char *activity_outcome_name(enum activity_outcome outcome);
int activity_outcome_from(struct str text, enum activity_outcome *ret_outcome);

enum {
    ACTIVITY_MODEL_BYTES = 256, /* longer texts are cut */
    ACTIVITY_PATH_BYTES = 128,
    ACTIVITY_METHOD_BYTES = 12,
    ACTIVITY_CLIENT_BYTES = 64,
    ACTIVITY_CALLER_BYTES = 128,
    ACTIVITY_ERROR_BYTES = 256,
};

/* Unknown times, counts and speeds are -1. */
struct activity_entry {
    int64_t id;    /* rises from request to request, gaps allowed */
    int64_t at_ms; /* Unix time of its beginning */
    enum activity_outcome outcome;
    int status; /* of the answer; 0: none was begun */
    bool is_stream;
    int64_t duration_ms;
    int64_t queue_ms;       /* of it, waiting for a place */
    int64_t load_ms;        /* of it, waiting for the engine to be ready */
    int64_t first_token_ms; /* of it, until a streamed answer had its first
                             * bytes */
    int64_t request_bytes, answer_bytes;
    int64_t prompt_tokens, completion_tokens; /* as the engine counted */
    int64_t cached_tokens;                    /* of the prompt */
    double prompt_per_s;                      /* tokens, as the engine told */
    double completion_per_s;          /* as it told, or from times and count */
    char model[ACTIVITY_MODEL_BYTES]; /* as the client named it */
    char profile_id[ID_BYTES];        /* "": none was found */
    char method[ACTIVITY_METHOD_BYTES];
    char path[ACTIVITY_PATH_BYTES];
    char client[ACTIVITY_CLIENT_BYTES]; /* its address; "": the socket */
    char key_id[ID_BYTES];              /* "": without a key */
    char caller[ACTIVITY_CALLER_BYTES]; /* the key's name, or what stood in
                                         * for one: "loopback" */
    char error[ACTIVITY_ERROR_BYTES];   /* "": none */
};

/* Which of them, newest first. */
enum { ACTIVITY_QUERY_MAX = 1000 };
struct activity_query {
    int64_t before_id;                  /* 0: from the newest */
    int64_t id;                         /* this one alone; 0: any */
    int limit;                          /* 1..ACTIVITY_QUERY_MAX */
    char model[ACTIVITY_MODEL_BYTES];   /* "": any; as the client named it */
    char caller[ACTIVITY_CALLER_BYTES]; /* "": any */
    bool has_outcome;
    enum activity_outcome outcome;
    char text[128]; /* "": any; a part of model, path, client, caller or
                     * error, ASCII case aside */
    int64_t since_ms, until_ms; /* of the beginning, [since, until); 0: any */
};

/* All unknown, empty. */
void activity_entry_init(struct activity_entry *entry);
/* completion_per_s, if the engine did not tell it, from what was counted and
 * timed here: tokens after the first by the time after it. */
void activity_entry_rate(struct activity_entry *entry);

#endif
