/* The connections of a keeper: nearly always one, hearth's.
 *
 * All buffers are fixed. A client that does not read gets no more of the
 * log than fits its socket and goes on later, with a gap if it must; the
 * newest status is sent when there is room, the last one only after all of
 * the log. */
#ifndef KEEPER_CLIENTS_H
#define KEEPER_CLIENTS_H

#include <poll.h>

#include "keeper/engine.h"

enum { CLIENTS_MAX = 4, CLIENT_OUT_BYTES = KEEPER_ANSWER_BYTES };

struct client {
    int fd;           /* -1: free */
    bool is_attached; /* has said START or ATTACH: counts as hearth */
    bool is_following;
    bool owes_status;
    uint64_t follow_at;
    int64_t window;      /* of LOG_WINDOW_MS: which one, and */
    size_t window_bytes; /* how much log went in it */
    size_t n_in;
    size_t n_out;
    size_t out_at;
    char in[KEEPER_HEADER_BYTES + KEEPER_CONTROL_BYTES];
    char out[CLIENT_OUT_BYTES];
};

struct clients {
    struct client at[CLIENTS_MAX];
    struct engine *engine;
    bool is_released; /* hearth has the exit status on record */
};

void clients_init(struct clients *clients, struct engine *engine);
/* Takes the connection when its user is ours, else closes it. */
struct client *clients_add(struct clients *clients, int fd);
int clients_attached(const struct clients *clients);
/* The phase changed: everybody gets a status. */
void clients_tell(struct clients *clients);
/* Reads, obeys, writes. */
void clients_turn(struct clients *clients, int64_t now_ms);
/* Fills poll entries; how many. */
int clients_poll(const struct clients *clients, struct pollfd *ret_items);
/* Milliseconds until a held-back log may go on, -1: nothing is held back. */
int64_t clients_due_ms(const struct clients *clients, int64_t now_ms);

#endif
