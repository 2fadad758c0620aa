/* A hub whose requests are answered from a script: this program's own
 * fetch_text() and fetch_check_url() stand in for those of io. */
#ifndef RIG_H
#define RIG_H

#include "core/hub/hub.h"

#define HUGGINGFACE "https://hub.test"
#define CIVITAI     "https://art.test/base"

struct answer {
    int status; /* 0: the request fails with ERR_TIMEOUT */
    const char *body;
    const char *headers[8]; /* name, value, ... */
};

struct rig {
    struct hub *hub;
    const struct answer *script; /* one for each request, in order */
    size_t n_script;
    /* what was asked */
    size_t n_asked;
    char urls[64][512];
    char bearers[64][64];
    /* how it ended */
    size_t n_done;
    struct hub_plan *plan; /* a copy */
    char *data;
    struct error error;
};

/* `organization`: the only allowed one, or NULL. */
void rig_open(struct rig *rig, const char *organization);
void rig_close(struct rig *rig);
/* Asks; true when it ended well. Each ends exactly once. */
bool rig_resolve(struct rig *rig, const struct hub_request *request,
                 const struct answer *script, size_t n);
bool rig_files(struct rig *rig, const struct hub_request *request,
               const struct answer *script, size_t n);
bool rig_search(struct rig *rig, const struct hub_search *search,
                const struct answer *script, size_t n);
bool rig_find_hash(struct rig *rig, const char *hash,
                   const struct answer *script, size_t n);
bool rig_check_token(struct rig *rig, enum hub_source source, const char *token,
                     const struct answer *script, size_t n);

#endif
