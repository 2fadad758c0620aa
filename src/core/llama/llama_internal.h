/* Shared by the files of llama/ only.
 *
 *     llama.c    which servers are followed, and the lists of their models
 *     wire.c     what is asked of a server, and what it tells
 *     resolve.c  whose a name is; what a server reads at its start */
#ifndef CORE_LLAMA_INTERNAL_H
#define CORE_LLAMA_INTERNAL_H

#include "base/list.h"
#include "core/llama/llama.h"
#include "formats/sse.h"
#include "http/client.h"
#include "io/timer.h"

enum { MODELS_MAX = 4096 };

struct llama {
    struct llama_options options;
    struct list links; /* struct llama_link.node */
    struct subscription subscription;
};

/* A server that is followed. */
struct llama_link {
    struct list node;
    struct llama *llama;
    char profile_id[ID_BYTES];
    char api_key[80];
    bool is_external;
    struct http_pool *pool;
    struct http_call *stream; /* /models/sse */
    struct sse_reader reader;
    bool has_no_stream; /* an older build */
    struct http_call *listing;
    bool wants_listing; /* again, after the one under way */
    uint64_t n_told;    /* events so far */
    uint64_t n_told_at_ask;
    struct timer again;
    bool is_known;
    bool is_stale; /* what it reads was changed since it read it */
    struct llama_model *models;
    uint64_t *told_at; /* n_told at the last event of each */
    size_t n, room;
    struct list orders; /* struct order.node, on their way */
};

/* llama.c */
struct llama_link *llama_link_find(const struct llama *llama,
                                   const char *profile_id);
struct llama_model *link_find(const struct llama_link *link, struct str name);
/* NULL: no memory, or too many. */
struct llama_model *link_add(struct llama_link *link, struct str name);
void link_remove(struct llama_link *link, size_t i);
/* The one setter: publishes a change. */
void link_set_state(struct llama_link *link, struct llama_model *model,
                    enum llama_state state, double progress, int exit_code);

/* resolve.c */
/* The preset that the server's profile names; "" for none. */
void llama_preset_name(const struct profile *profile, char *ret, size_t size);
/* Whether the server's file has the launch profile's options. */
bool llama_reads(const struct llama *llama, const struct profile *server,
                 const struct profile *profile);

/* wire.c */
void link_open(struct llama_link *link);
void link_close(struct llama_link *link); /* nobody is called any more */
int link_order(struct llama_link *link, const char *method, const char *target,
               struct str body, llama_done_fn *on_done, void *ctx,
               struct error *error);

#endif
