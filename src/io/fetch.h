/* Requests to the outside: https, redirects, large bodies (libcurl's multi
 * interface on a thread of its own, for one callback of libcurl can take a
 * tenth of a second).
 *
 * Rules of every request (shared with nobody: the caller cannot loosen them):
 *   - Only https, and only ports 443 and 80; a host or HOST:PORT in
 *     `allow_http` may also speak plain http, use any port, and be a private
 *     or loopback address. Addresses are checked after the name was looked
 *     up, for each hop, so that a name cannot lead inside.
 *   - `bearer` goes to the scheme, host and port of the first URL only; a
 *     redirect elsewhere does not get it, nor any header in
 *     `private_headers`.
 *   - At most FETCH_HOPS_MAX redirects, then ERR_REDIRECT_LOOP; an empty or
 *     odd Location is an error too. Bodies of redirects are thrown away.
 *   - Accept-Encoding is identity, so that sizes and digests are those of
 *     the file.
 *   - No bytes for `stall_ms`, before the first one too: ERR_TIMEOUT. There
 *     is no limit on the whole.
 *
 * Proxies of the environment (https_proxy, no_proxy) are used, but never for
 * what allow_http lists; then the proxy looks names up.
 *
 * Tokens and signed query strings are never part of an error's message. */
#ifndef IO_FETCH_H
#define IO_FETCH_H

#include "base/error.h"
#include "base/str.h"
#include "io/loop.h"

enum { FETCH_HOPS_MAX = 10, FETCH_HEAD_BYTES_MAX = 64 * 1024 };

struct fetcher; /* the thread and its connections */
struct fetch;   /* one request */

struct fetcher_options {
    struct loop *loop;
    const char *user_agent;        /* "hearth/0.1.0" */
    const char *const *allow_http; /* copied */
    size_t n_allow_http;
};

int fetcher_new(const struct fetcher_options *options,
                struct fetcher **ret_fetcher, struct error *error);
/* After a reload; requests that run keep what they had. */
int fetcher_set_allow_http(struct fetcher *fetcher,
                           const char *const *allow_http, size_t n,
                           struct error *error);
/* Ends every request and the thread: each on_done comes before this returns,
 * ERR_CANCELLED. From then on fetch_start gives NULL. For a shutdown, while
 * everybody whose on_done that is still lives; twice is once. Not from a
 * callback of a fetch. */
void fetcher_stop(struct fetcher *fetcher);
/* Stops it, if that was not done; before loop_close(). Accepts NULL. */
void fetcher_free(struct fetcher *fetcher);

struct fetch_header {
    struct str name; /* as it was sent */
    struct str value;
    int hop; /* 0: of the answer to the first URL */
};

/* The head of the last hop, and what the hops before it said. Valid during
 * the callback that shows it. */
struct fetch_head {
    int status;
    struct str url; /* where that came from */
    int n_hops;     /* redirects that were followed */
    const struct fetch_header *headers;
    size_t n_headers;
    int64_t content_length; /* -1: not told */
};

/* The value in the last hop that has this header (name without case), or the
 * empty view. */
struct str fetch_header_get(const struct fetch_head *head, const char *name);
/* The same for one hop. */
struct str fetch_hop_header_get(const struct fetch_head *head, int hop,
                                const char *name);

enum fetch_verdict { FETCH_GO_ON, FETCH_PAUSE, FETCH_ABORT };

struct fetch_request {
    const char *url;
    const char *method;         /* NULL: GET; or HEAD, POST */
    const char *bearer;         /* NULL or "": none */
    const char *const *headers; /* "Name: value", to every hop; ends NULL */
    const char *const *private_headers; /* to the first origin only */
    struct str body;                    /* of a POST; copied */
    int64_t range_first;                /* -1: no Range */
    int64_t range_last;                 /* -1: to the end */
    int64_t stall_ms;                   /* 0: 30 s */
    bool keeps_redirect;                /* do not follow: a 3xx is the answer */
    /* On the fetch thread; must not block for long. on_head comes once, for
     * the last hop; FETCH_ABORT ends the request with ERR_CANCELLED, and
     * FETCH_PAUSE there holds the body back.
     * on_body gets pieces in order. FETCH_PAUSE: the piece was not taken, it
     * comes again after fetch_resume(). NULL: as if FETCH_GO_ON. */
    enum fetch_verdict (*on_head)(void *ctx, const struct fetch_head *head);
    enum fetch_verdict (*on_body)(void *ctx, struct str bytes);
    /* On the loop's thread, once, always, never inside fetch_start: `error`
     * is NULL when a whole answer came, whatever its status. A body shorter
     * than announced or otherwise broken is ERR_BAD_GATEWAY; bytes behind
     * the announced length are no part of it and are never shown. The fetch
     * is gone after it. */
    void (*on_done)(void *ctx, const struct error *error);
    void *ctx;
};

/* NULL when out of memory or stopped (then nothing is called). A bad or forbidden URL
 * is told by on_done (ERR_INVALID, ERR_FORBIDDEN). */
struct fetch *fetch_start(struct fetcher *fetcher,
                          const struct fetch_request *request);
/* on_done comes, with ERR_CANCELLED. Loop thread; twice is once, but not
 * after on_done. No on_head or on_body begins once this has returned; it
 * waits for one that runs, so a callback must not wait for the loop. */
void fetch_cancel(struct fetch *fetch);
/* From any thread, after FETCH_PAUSE (or while on_body is about to say so)
 * and before on_done. A paused fetch does not stall. */
void fetch_resume(struct fetch *fetch);

/* An answer kept whole in memory, for APIs. All on the loop's thread. */
struct fetch_answer {
    int status;
    const struct fetch_head *head;
    struct str body;
};
struct fetch_text_request {
    const char *url;
    const char *method;
    const char *bearer;
    const char *const *headers;
    struct str body;
    int64_t range_first, range_last; /* -1: none */
    size_t max_bytes;                /* more is ERR_TOO_LARGE */
    int64_t stall_ms;
    bool keeps_redirect;
    /* `answer` is NULL when `error` is not. */
    void (*on_done)(void *ctx, const struct fetch_answer *answer,
                    const struct error *error);
    void *ctx;
};
struct fetch *fetch_text(struct fetcher *fetcher,
                         const struct fetch_text_request *request);

/* Whether the rules above let this URL be asked at all (no look-up): 0, or
 * -1 with ERR_INVALID or ERR_FORBIDDEN. */
int fetch_check_url(struct fetcher *fetcher, const char *url,
                    struct error *error);

#endif
