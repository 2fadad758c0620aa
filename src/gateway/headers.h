/* Which header fields pass between client and engine. */
#ifndef GATEWAY_HEADERS_H
#define GATEWAY_HEADERS_H

#include "core/router/router.h"
#include "http/message.h"

enum { HEADERS_MAX = 136 }; /* LIMIT_HEADERS_COUNT and what is added */

struct header_list {
    struct http_header at[HEADERS_MAX];
    size_t n;
    char authorization[96]; /* "Bearer " and the engine's own key */
};

/* What the engine gets: the client's end-to-end fields without what was
 * meant for us (its credentials, cookies, browser context) and with the
 * key of the engine. `is_upgrade` keeps Upgrade. */
void headers_for_engine(struct http_headers request, const struct lease *lease,
                        bool is_upgrade, struct header_list *ret_list);

/* What the client gets: the engine's end-to-end fields without its CORS
 * answers, its cookies and what else speaks for the whole origin: that is
 * ours to do. Event streams are marked as such for the
 * proxies between us and the client. */
void headers_for_client(struct http_headers response, const char *allow_origin,
                        bool is_upgrade, struct header_list *ret_list);

bool headers_say_events(struct http_headers response);

/* Adds Access-Control-Allow-Origin and Vary when there is an origin. */
void headers_add_cors(struct header_list *list, const char *allow_origin);
void headers_add(struct header_list *list, struct str name, struct str value);

#endif
