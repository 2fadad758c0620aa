/* Inside the relay: what its two sides share. relay.c has the client's side,
 * waiting, the beginning and the end; relay_engine.c the engine's. */
#ifndef GATEWAY_RELAY_INTERNAL_H
#define GATEWAY_RELAY_INTERNAL_H

#include "gateway/body_buffer.h"
#include "gateway/finder.h"
#include "gateway/gateway_internal.h"
#include "io/timer.h"

enum { ERROR_BODY_BYTES = 64 * 1024 };

enum relay_state {
    RELAY_FINDING,
    RELAY_WAITING,
    RELAY_SENDING,
    RELAY_LINGERING,
    RELAY_ENDED,
};

struct relay {
    struct list node;
    struct gateway *gateway;
    struct http_exchange *exchange; /* NULL: closed */
    const struct path_row *row;
    enum error_dialect dialect;
    enum relay_state state;
    char *allow_origin;  /* or NULL */
    struct str target;   /* what the engine is asked for */
    struct strbuf model; /* as the client named it */

    struct finder finder; /* is_finding */
    bool is_finding;      /* the body is looked at */
    bool is_found;
    bool is_named; /* by ?model=; the body's is only looked for to be
                    * rewritten */
    struct body_buffer body;
    uint64_t n_received; /* of the body */
    uint64_t cursor;     /* of the body: passed on so far */
    bool is_body_wanted;
    bool is_body_ended;
    bool is_end_sent;
    bool is_replayable; /* all of the body is in the buffer */
    bool is_retry;
    bool is_renewed; /* a second lease was asked for */
    int n_news_tries;
    uint64_t n_kept; /* counted in gateway->n_kept_bytes */

    bool splices;
    uint64_t splice_begin, splice_end;
    struct strbuf replacement;

    struct router_ticket *ticket;
    struct lease lease; /* id 0: none */
    struct http_call *call;
    bool is_stream; /* leaving it cancels it */
    bool is_tunnel;
    bool wants_progress;
    bool has_progress_head; /* 200 and comments were sent */
    char progress[64];      /* the last comment; told again at each beat */
    struct timer beat;
    bool collects_error; /* the answer is to become an error event */
    struct strbuf error_body;

    struct timer linger; /* in RELAY_ENDED: until the answer breaks */
    struct timer news;   /* in RELAY_WAITING: see wait_for_news */
    int n_break_tries;
    struct usage_reader usage;
    int64_t started_at_ms;    /* the loop's time */
    int64_t leased_at_ms;     /* of the first lease; 0: none yet */
    int64_t first_byte_at_ms; /* 0: no answer yet */
    int64_t n_answer_bytes;
    int status; /* of the answer, 0: none */
    bool is_whole;
    bool is_left;      /* by its client, before the end */
    bool is_cancelled; /* by hand */
    bool is_tracked;
    struct activity_item item; /* is_tracked */
};

/* ---- relay.c ---- */

/* Everything that runs for this request is over; only the exchange may still
 * be closing. */
void relay_end(struct relay *relay, enum lease_outcome outcome);
void relay_free(struct relay *relay);
/* Tells the client what went wrong, as far as it still can be told. */
void relay_fail(struct relay *relay, const struct error *error,
                int retry_after_s, enum lease_outcome outcome);
void relay_fail_with(struct relay *relay, enum error_code code,
                     const char *message);
/* Ended by hand: the client is told so; an engine that would go on anyway
 * keeps its lease until it is done. */
void relay_cancel(struct relay *relay);
/* Asks for a lease of relay->model. */
void relay_acquire(struct relay *relay, bool checks_path);
/* More of the body, into the buffer, that is. */
bool relay_may_read_on(const struct relay *relay);

/* ---- relay_engine.c ---- */

/* With the lease: calls the engine. */
void relay_begin(struct relay *relay);
/* Passes the bytes at the cursor on, with the model's value replaced. */
void relay_emit(struct relay *relay, struct str bytes);
/* Sends as much as the engine takes; then asks for more, from the buffer or
 * from the client. */
void relay_pump(struct relay *relay);
/* Of the body's buffer. */
void relay_on_body_room(void *ctx);
void relay_on_body_piece(void *ctx, struct str piece);
/* Of the timer `news`. */
void relay_on_news(struct timer *timer);

/* ---- relay_activity.c: each does nothing for what is not tracked ---- */

/* Requests that ask an engine to do something; a GET asks what it knows. */
void relay_track(struct relay *relay, const struct auth_answer *who);
void relay_track_model(struct relay *relay);
void relay_track_phase(struct relay *relay, enum activity_phase phase);
/* Waiting, with the engine in this state. */
void relay_track_wait(struct relay *relay, enum instance_state state);
void relay_track_head(struct relay *relay, struct str content_type,
                      bool is_events);
void relay_track_asked(struct relay *relay, struct str bytes);
void relay_track_answered(struct relay *relay, struct str bytes);
void relay_track_error(struct relay *relay, const struct error *error);
void relay_track_end(struct relay *relay, const struct usage *usage);

#endif
