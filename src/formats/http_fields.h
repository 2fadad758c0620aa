/* Values of HTTP fields that a downloader reads (RFC 9110 unless said). */
#ifndef FORMATS_HTTP_FIELDS_H
#define FORMATS_HTTP_FIELDS_H

#include "base/str.h"
#include "base/strbuf.h"

/* Content-Range (14.4): "bytes 0-99/1000"; a star for the total is -1.
 * False for anything else. */
struct content_range {
    int64_t first, last, total;
};
bool http_content_range(struct str value, struct content_range *ret);
/* The length that the Content-Range of a 416 tells (a star for the range), or
 * -1. */
int64_t http_unsatisfied_length(struct str value);

/* An entity tag without W/ and quotes; the empty view when there is none. */
struct str http_etag(struct str value, bool *ret_is_weak);

/* Retry-After (10.2.3): seconds, or a date. Seconds from `now_s` (Unix), 0
 * when it is past; -1 when it is neither. At most a day. */
int64_t http_retry_after(struct str value, int64_t now_s);
/* RateLimit (draft-ietf-httpapi-ratelimit-headers): `"api";r=0;t=55`. The
 * seconds until there is something left, or -1 when there is now. */
int64_t http_rate_limit_wait(struct str value);

/* The target of rel="next" in a Link field (RFC 8288), or the empty view. */
struct str http_link_next(struct str value);

/* The file name of a Content-Disposition (RFC 6266): filename* (RFC 8187,
 * UTF-8) before filename, quotes and escapes resolved. False when there is
 * none. Not to be trusted: see file_name.h. */
bool http_disposition_name(struct str value, struct strbuf *out);

/* Appends the text percent-encoded for one segment of a path (RFC 3986). */
void uri_add_segment(struct strbuf *out, struct str text);
/* The same for each part between slashes. */
void uri_add_path(struct strbuf *out, struct str path);
/* Decodes %XX; false for a bad escape or a zero byte. */
bool uri_decode(struct str text, struct strbuf *out);
/* The last segment of the path of a URL, as it stands there. */
struct str uri_last_segment(struct str url);

#endif
