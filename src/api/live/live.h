/* The live surface: Socket.IO at /llamaproxws, over WebSocket alone.
 *
 *   handshake.c   HTTP on the path: who is let in, and what others are told
 *   connection.c  Engine.IO: the heartbeat, the packets, the end
 *   client.c      Socket.IO: joining the namespace "/", events, leaving
 *   requests.c    an event that is a request: asks the row of the same route
 *   event_rows.c  which events there are
 *   shapes.c      answers that look otherwise than those of REST
 *   shapes_presets.c  those about presets
 *   shapes_llama.c    those about the llama router
 *   messages.c    what is sent: envelopes, to one client or to all
 *   recovery.c    what a client missed while it was cut off
 *   broadcasts.c  the bus as events
 *   measured.c    what machine and engines use, as often as a client wants
 *   logging.c     the log's settings and files, in this protocol's words
 *   library_diff.c  which models are new, changed or gone
 *   echo.c        what public test suites talk to, where that is switched on
 *
 * A client is bounded: by the size of a message, by requests a second and at
 * once, and by what it does not read. While it takes nothing, nothing more is
 * read from it; once it is too far behind with what everybody is told, it is
 * cut off, and may come back for what it missed. Nobody waits for it. */
#ifndef API_LIVE_H
#define API_LIVE_H

#include "api/call.h"

struct live;

/* NULL when out of memory. */
struct live *live_new(struct api *api);
/* The modules below are about to go. Accepts NULL. */
void live_close(struct live *live);
void live_free(struct live *live); /* after the last call; accepts NULL */

bool live_is_path(struct str path);
/* That path, and those of the test suites where they are switched on. */
bool live_serves(const struct live *live, struct str path);
/* Takes the exchange and the arena. The source was judged, authority is not
 * asked for before a client joins: its key may come with that. */
void live_request(struct api *api, struct http_exchange *exchange,
                  struct arena *arena, const struct auth_answer *who);

#endif
