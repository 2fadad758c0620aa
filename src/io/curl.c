/* Loading libcurl: see curl.h. */
#include "io/curl.h"

#include "platform/library.h"

enum { CURL_INTERFACE_VERSION = 4 };

int
curl_api_load(struct curl_api *ret_api, struct error *error)
{
    void *library;
    if (library_load("curl", CURL_INTERFACE_VERSION, &library, error) < 0)
        return -1;
#define X(name)                                                              \
    if (library_function(library, "curl_" #name, &ret_api->name, error) < 0) \
        return -1;
    CURL_FUNCTIONS(X)
#undef X
    return 0;
}
