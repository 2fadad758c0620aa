/* A live view: an answer of server-sent events (WHATWG HTML, 9.2).
 *
 * sse_begin() sends the head and arms a heartbeat (a comment every 15 s, so
 * that proxies and clients can tell silence from death); the owner writes
 * events and ends with sse_end(). Bytes that the client does not take are
 * queued by the server; sse_is_behind() tells an owner to stop producing
 * until on_drain. The heartbeat dies with the call. */
#ifndef API_SSE_H
#define API_SSE_H

#include "api/call.h"
#include "io/timer.h"

struct sse {
    struct call *call;
    struct timer heartbeat;
    /* What the owner sent at once, as it had to, and the client has not taken
     * yet: on top of the reader's bound. Back to 0 in on_drain. */
    size_t picture_bytes;
    bool is_ending;
    size_t n_left; /* that the client had not taken at the last look */
};

/* False when the stream has ended before it began (HEAD, client gone). */
bool sse_begin(struct sse *sse, struct call *call);
/* `id` and `type` NULL: no such line. `data` must hold no line end (compact
 * JSON does not). */
void sse_event(struct sse *sse, const char *id, const char *type,
               struct str data);
bool sse_is_behind(const struct sse *sse);   /* above the relay window */
bool sse_is_hopeless(const struct sse *sse); /* above the reader's bound */
void sse_end(struct sse *sse);
/* Stops the heartbeat: call from the owner's on_close. */
void sse_release(struct sse *sse);

#endif
