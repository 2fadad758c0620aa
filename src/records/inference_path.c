/* The rows of the gateway: see inference_path.h. */
#include "records/inference_path.h"

#define BOTH(path)                                    \
    {                                                 \
        path, PATH_QUERY, PATH_BODY, PATH_NONE, false \
    }
#define POST_TO(path)                                \
    {                                                \
        path, PATH_NONE, PATH_BODY, PATH_NONE, false \
    }

/* The first that fits counts. */
const struct path_row path_rows[] = {
    POST_TO("/v1/chat/completions"),
    POST_TO("/v1/chat/completions/*"),
    POST_TO("/v1/completions"),
    POST_TO("/v1/responses"),
    { "/v1/responses/*", PATH_QUERY, PATH_BODY, PATH_QUERY, false },
    POST_TO("/v1/embeddings"),
    POST_TO("/v1/rerank"),
    POST_TO("/v1/reranking"),
    POST_TO("/rerank"),
    POST_TO("/reranking"),
    POST_TO("/v1/messages"),
    POST_TO("/v1/messages/count_tokens"),
    BOTH("/v1/audio/*"),
    BOTH("/v1/images/*"),
    BOTH("/sdapi/v1/*"),
    POST_TO("/completion"),
    POST_TO("/completions"),
    POST_TO("/chat/completions"),
    POST_TO("/embedding"),
    POST_TO("/embeddings"),
    POST_TO("/infill"),
    POST_TO("/tokenize"),
    POST_TO("/detokenize"),
    POST_TO("/apply-template"),
    { "/props", PATH_QUERY, PATH_BODY, PATH_NONE, true },
    BOTH("/slots"),
    BOTH("/slots/*"),
    BOTH("/lora-adapters"),
    { "/metrics", PATH_QUERY, PATH_NONE, PATH_NONE, false },
    { "/v1/models", PATH_LIST, PATH_NONE, PATH_NONE, false },
    { "/v1/models/*", PATH_ONE, PATH_NONE, PATH_NONE, false },
    { "/models", PATH_LIST, PATH_NONE, PATH_NONE, false },
    { "/models/load", PATH_NONE, PATH_LOAD, PATH_NONE, false },
    { "/models/unload", PATH_NONE, PATH_UNLOAD, PATH_NONE, false },
    { "/upstream/*", PATH_UPSTREAM, PATH_UPSTREAM, PATH_UPSTREAM, false },
};
const size_t n_path_rows = sizeof path_rows / sizeof *path_rows;

static bool
fits(const char *pattern, struct str path)
{
    size_t n = strlen(pattern);
    if (pattern[n - 1] != '*')
        return path.n == n && memcmp(path.p, pattern, n) == 0;
    /* "/x/" itself has nothing to name. */
    return path.n > n - 1 && memcmp(path.p, pattern, n - 1) == 0;
}

const struct path_row *
path_find(struct str path)
{
    for (size_t i = 0; i < n_path_rows; i++)
        if (fits(path_rows[i].path, path))
            return &path_rows[i];
    return NULL;
}

enum path_kind
path_kind_of(const struct path_row *row, struct str method)
{
    if (str_is(method, "POST"))
        return row->post;
    if (str_is(method, "GET") || str_is(method, "HEAD"))
        return row->get;
    /* TRACE would tell the client what we tell the engine, its key too. */
    bool is_other = str_is(method, "PUT") || str_is(method, "PATCH") ||
                    str_is(method, "DELETE");
    return is_other ? row->other : PATH_NONE;
}

const char *
path_allow(const struct path_row *row)
{
    if (row->get == PATH_NONE)
        return "POST";
    if (row->other != PATH_NONE)
        return "GET, HEAD, POST, PUT, PATCH, DELETE";
    return row->post == PATH_NONE ? "GET, HEAD" : "GET, HEAD, POST";
}
