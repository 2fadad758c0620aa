/* libcurl's functions, loaded when the first request is made (why: platform/
 * library.h). Internal to io/. */
#ifndef IO_CURL_H
#define IO_CURL_H

#include <curl/curl.h>

#include "base/error.h"

#define CURL_FUNCTIONS(X)  \
    X(global_init)         \
    X(global_cleanup)      \
    X(multi_init)          \
    X(multi_cleanup)       \
    X(multi_add_handle)    \
    X(multi_remove_handle) \
    X(multi_perform)       \
    X(multi_poll)          \
    X(multi_wakeup)        \
    X(multi_info_read)     \
    X(multi_strerror)      \
    X(easy_init)           \
    X(easy_cleanup)        \
    X(easy_reset)          \
    X(easy_setopt)         \
    X(easy_getinfo)        \
    X(easy_pause)          \
    X(easy_strerror)       \
    X(slist_append)        \
    X(slist_free_all)      \
    X(url)                 \
    X(url_cleanup)         \
    X(url_get)             \
    X(url_set)             \
    X(url_strerror)        \
    X(free)

/* Called as curl->easy_init(). */
struct curl_api {
#define X(name) __typeof__(&(curl_##name)) name;
    CURL_FUNCTIONS(X)
#undef X
};

int curl_api_load(struct curl_api *ret_api, struct error *error);

#endif
