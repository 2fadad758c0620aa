/* Everything that an outsider can make grow, and how far. What a user could
 * need more of is a setting with the same name in hearth.yaml; these are
 * its defaults. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include "base/units.h"

/* HTTP, from clients */
#define LIMIT_REQUEST_LINE_BYTES   (8 * KIB)  /* else 414 */
#define LIMIT_HEADERS_BYTES        (32 * KIB) /* else 431 */
#define LIMIT_HEADERS_COUNT        128        /* else 431 */
#define LIMIT_API_BODY_BYTES       (1 * MIB)  /* else 413 */
#define LIMIT_CONFIG_BYTES         (64 * MIB) /* of one that is imported */
#define LIMIT_INFERENCE_BODY_BYTES (64 * MIB) /* else 413 */
#define LIMIT_CONNECTIONS          20000
#define LIMIT_HEADER_TIMEOUT_MS    (15 * SECOND_MS) /* whole head; else 408 */
#define LIMIT_BODY_STALL_MS        (60 * SECOND_MS) /* between bytes; 408 */
#define LIMIT_UNSENT_MS            (5 * MINUTE_MS)  /* client takes nothing */
#define LIMIT_IDLE_MS              (75 * SECOND_MS) /* keep-alive, no request */
#define LIMIT_DRAIN_MS             (10 * SECOND_MS) /* at shutdown */

/* the relay */
#define LIMIT_PREFIX_BYTES         (256 * KIB) /* body held in memory */
#define LIMIT_WAITING_BODIES_BYTES (1 * GIB)   /* of all requests that wait */
#define LIMIT_REPLAY_BYTES         (256 * KIB) /* body kept for one retry */
#define LIMIT_RELAY_WINDOW_BYTES   (64 * KIB)  /* answer bytes in flight */
#define LIMIT_UPSTREAM_POOL        64          /* idle connections per engine */
#define LIMIT_UPSTREAM_IDLE_MS     (4 * SECOND_MS)
#define LIMIT_UPSTREAM_REQUESTS    95 /* per connection */

/* engines */
#define LIMIT_LOG_RING_LINES   2000
#define LIMIT_LOG_LINE_BYTES   (8 * KIB)
#define LIMIT_LOG_FILE_BYTES   (10 * MIB)
#define LIMIT_LOG_FILES        3
#define LIMIT_SSE_READER_BYTES (256 * KIB) /* queued for a slow reader */

/* records */
#define LIMIT_PROFILES          10000
#define LIMIT_NAME_BYTES        128
#define LIMIT_PATH_BYTES        4096
#define LIMIT_TEXT_BYTES        4096
#define LIMIT_ARGV_COUNT        512
#define LIMIT_JSON_DEPTH        64
#define LIMIT_CONFIG_FILE_BYTES (1 * MIB)

#endif
