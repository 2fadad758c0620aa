/* What the files of the fetcher share. Internal to io/.
 *
 *   fetch.c         the verbs, on the loop's thread
 *   fetch_thread.c  the thread: commands, libcurl's multi handle, stalls
 *   fetch_hop.c     one hop: what libcurl is told, and what it tells
 *   fetch_head.c    the heads of all hops, gathered and read
 *   fetch_rules.c   which URLs and addresses may be asked
 *   fetch_text.c    an answer kept whole in memory
 *
 * Who may touch what: `lock` guards the two queues, the flags in `asks` and
 * `is_over`; `callback_lock` guards `is_cancelled` and is held around each
 * on_head and on_body. Everything else of a fetch belongs to the loop until
 * it was queued, then to the thread, and from `is_over` on to the loop. */
#ifndef IO_FETCH_INTERNAL_H
#define IO_FETCH_INTERNAL_H

#include <pthread.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/strbuf.h"
#include "io/curl.h"
#include "io/fetch.h"

enum {
    FETCH_URL_BYTES_MAX = 16 * 1024,
    FETCH_REQUEST_BYTES_MAX = 16 * 1024 * 1024, /* all that is copied */
    FETCH_REDIRECT_BODY_MAX = 16 * 1024,        /* more: a new connection */
    FETCH_STALL_MS = 30 * 1000
};

/* ---- rules ---- */

/* Immutable; the count is the loop's. */
struct fetch_rules;
int fetch_rules_new(const char *const *allow_http, size_t n,
                    struct fetch_rules **ret_rules, struct error *error);
struct fetch_rules *fetch_rules_ref(struct fetch_rules *rules);
void fetch_rules_unref(struct fetch_rules *rules); /* accepts NULL */

/* The parts of a URL that the rules speak of. */
enum { FETCH_HOST_BYTES_MAX = 256 };
struct fetch_place {
    char scheme[8];
    char host[FETCH_HOST_BYTES_MAX]; /* IPv6 in brackets */
    int port;
    bool is_allowed_http; /* stands in allow_http */
};
bool fetch_place_is_same(const struct fetch_place *a,
                         const struct fetch_place *b);

/* Reads `url` (relative to what `parsed` holds, if that is not empty) into
 * `parsed` and checks it. */
int fetch_rules_check(const struct fetch_rules *rules,
                      const struct curl_api *curl, CURLU *parsed,
                      struct str url, struct fetch_place *ret_place,
                      struct error *error);
/* False for everything that is not of the public internet. */
bool fetch_address_is_public(const struct sockaddr *address);
bool fetch_text_is_clean(struct str text); /* no control characters */

/* ---- heads ---- */

struct fetch_line {
    size_t name_at, name_n, value_at, value_n;
    int hop;
};
struct fetch_heads {
    struct strbuf bytes;
    struct fetch_line *lines;
    size_t n_lines, capacity;
    size_t n_total_bytes; /* of all heads, those of 1xx too */
    size_t hop_line;      /* where the lines of this hop begin */
    int hop;
    int status;
    bool is_whole; /* the head of this hop has ended */
    struct fetch_header *headers;
    struct fetch_head head;
};
void fetch_heads_init(struct fetch_heads *heads);
void fetch_heads_release(struct fetch_heads *heads);
void fetch_heads_next_hop(struct fetch_heads *heads);
/* One line as it came, with its end. */
int fetch_heads_add(struct fetch_heads *heads, struct str line,
                    struct error *error);
/* Fills heads->head, which then stays. */
int fetch_heads_finish(struct fetch_heads *heads, struct str url,
                       struct error *error);
/* The Location of this hop; an error when there is none or two. */
int fetch_heads_location(const struct fetch_heads *heads,
                         struct str *ret_location, struct error *error);
/* Announced by this hop: -1 when it is not; an error when it is odd. */
int fetch_heads_length(const struct fetch_heads *heads, int64_t *ret_length,
                       struct error *error);

/* ---- a fetch ---- */

enum fetch_asks {
    FETCH_ASKS_START = 1,
    FETCH_ASKS_CANCEL = 2,
    FETCH_ASKS_RESUME = 4
};

struct fetch {
    struct fetcher *fetcher;
    const struct curl_api *curl; /* the fetcher's */
    struct list node;            /* of the thread's fetches, or of `over` */
    struct list ask;             /* of `asking` */
    unsigned asks;
    bool is_over;

    struct arena arena; /* the copied request */
    struct fetch_request request;
    struct fetch_rules *rules;

    pthread_mutex_t callback_lock;
    bool is_cancelled;

    CURL *easy;
    CURLU *url;
    struct curl_slist *lines; /* headers of this hop */
    bool is_added;            /* to the multi handle */
    struct fetch_place first, place;
    struct fetch_heads heads;
    struct strbuf url_text; /* of this hop */
    const char *method;     /* of this hop */
    bool is_redirect;       /* this hop's head says so */
    bool is_shown;          /* on_head was called */
    bool is_held;           /* on_head said FETCH_PAUSE */
    bool is_paused;
    bool was_refused; /* an address, by the rules */
    size_t n_thrown_bytes;
    int64_t stall_ms;
    int64_t progress_at_ms;
    char curl_words[CURL_ERROR_SIZE];
    struct error error; /* code ERR_OK: none */
};

struct fetcher {
    struct loop *loop;
    uv_async_t *wake; /* something is over; freed by its closing */
    char *user_agent;
    struct fetch_rules *rules;
    size_t n_fetches; /* the loop's count */
    bool is_stopped;  /* the loop's: for good */
    bool is_loaded;   /* curl is there */
    bool is_running;  /* multi and thread are, too */
    struct curl_api curl;

    pthread_t thread;
    CURLM *multi;
    struct list fetches;      /* the thread's */
    int64_t next_stall_at_ms; /* not later than the first stall */

    pthread_mutex_t lock;
    struct list asking;
    struct list over;
    bool is_stopping; /* the thread is to end */
};

/* ---- the thread ---- */

/* The whole thread; `arg` is the fetcher. */
void *fetch_thread(void *arg);
/* From any thread. */
void fetch_ask(struct fetch *fetch, unsigned asks);

/* ---- hops; all on the thread ---- */

int64_t fetch_now_ms(void);
/* Sets up `easy` for the first URL, or for the redirect that was read. -1
 * with fetch->error. */
int fetch_hop_first(struct fetch *fetch);
int fetch_hop_next(struct fetch *fetch);
/* Makes an error of libcurl's verdict, unless there is one. */
void fetch_hop_judge(struct fetch *fetch, CURLcode code);
void fetch_hop_release(struct fetch *fetch);

#endif
