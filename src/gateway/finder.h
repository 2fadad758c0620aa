/* Where the model's name stands in a request's body, be it JSON or a form;
 * one face for the two scanners of formats/. */
#ifndef GATEWAY_FINDER_H
#define GATEWAY_FINDER_H

#include "formats/model_scanner.h"
#include "formats/multipart.h"

struct finder {
    bool is_form;
    union {
        struct model_scanner json;
        struct multipart_scanner form;
    } scanner;
};

/* By the Content-Type: a form if it says so, else JSON. -1 with `error` for
 * a form without a boundary; release it in any case. */
int finder_init(struct finder *finder, struct str content_type,
                struct error *error);
void finder_release(struct finder *finder);
enum model_scan finder_feed(struct finder *finder, struct str bytes);
/* Why it says MODEL_ERROR, or that the body ended before it was whole. */
void finder_error(const struct finder *finder, struct error *error);
/* After MODEL_FOUND. */
int finder_name(const struct finder *finder, struct strbuf *out);
void finder_range(const struct finder *finder, uint64_t *ret_begin,
                  uint64_t *ret_end);
/* What has to stand in the range for the engine to read `name`. */
void finder_replacement(const struct finder *finder, struct str name,
                        struct strbuf *out);
bool finder_streams(const struct finder *finder);
bool finder_knows_stream(const struct finder *finder);

#endif
