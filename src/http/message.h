/* What an HTTP/1.1 message says before its body (RFC 9110, RFC 9112). */
#ifndef HTTP_MESSAGE_H
#define HTTP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"

struct http_header {
    struct str name;  /* as sent; compare without case */
    struct str value; /* without the spaces around it */
};

struct http_headers {
    const struct http_header *at;
    size_t n;
};

/* The first field of that name, or { NULL, 0 }. */
struct str http_headers_get(struct http_headers headers, const char *name);
/* True when any field of that name lists the token (RFC 9110 5.6.1), e.g.
 * ("connection", "upgrade"). */
bool http_headers_has_token(struct http_headers headers, const char *name,
                            const char *token);

/* True for fields that speak of one connection only and must not be passed
 * on (RFC 9110 7.6.1), those named by Connection included. */
bool http_header_is_hop_by_hop(struct http_headers all, struct str name);

/* The reason phrase of a status ("Not Found"), "" if unknown. */
const char *http_status_reason(int status);

/* Value of one field of a query string, percent-decoded into `buffer`
 * (capacity `size`): its length, or -1 when absent, too long or badly
 * encoded. '+' is a space (URL standard, urlencoded parsing). */
ptrdiff_t http_query_get(struct str query, const char *name, char *buffer,
                         size_t size);

/* Percent-decodes into `buffer` (no zero at the end): the length, or -1
 * when it does not fit, an escape is bad or a zero byte comes out. */
ptrdiff_t http_percent_decode(struct str from, bool is_plus_space, char *buffer,
                              size_t size);

/* True when the field may be sent: a token for a name, and no CR, LF or NUL
 * in the value. */
bool http_header_is_clean(const struct http_header *header);
bool http_is_token_byte(char c); /* RFC 9110 5.6.2 */

/* Appends the number in base 10 or 16. */
void http_add_number(struct strbuf *buf, uint64_t number, unsigned base);

#endif
