/* Finds the top-level "model" of an inference request on its way past: any
 * order of keys, any cut into pieces, escapes in key and value; a "model"
 * deeper down means nothing. A second one on the top level makes the request
 * ambiguous (readers differ on which one counts), so it is an error. */
#ifndef FORMATS_MODEL_SCANNER_H
#define FORMATS_MODEL_SCANNER_H

#include "base/error.h"
#include "formats/member_scanner.h"

enum { MODEL_NAME_BYTES = 1024 }; /* as it stands there, escapes included */

struct model_scanner {
    struct member_scanner members;
};

enum model_scan {
    MODEL_UNKNOWN, /* more bytes are needed */
    MODEL_FOUND,
    MODEL_MISSING, /* the object ended without one */
    MODEL_ERROR,   /* see model_scanner_error */
};

void model_scanner_init(struct model_scanner *scanner);
void model_scanner_release(struct model_scanner *scanner);
/* Takes the next bytes. Goes on to look after MODEL_FOUND: a later second
 * "model" turns it into MODEL_ERROR. */
enum model_scan model_scanner_feed(struct model_scanner *scanner,
                                   struct str bytes);
/* After MODEL_ERROR, or for a body that ended too early. */
void model_scanner_error(const struct model_scanner *scanner,
                         struct error *error);

/* After MODEL_FOUND: the name, unescaped, into `out`; -1 when out of
 * memory. */
int model_scanner_name(const struct model_scanner *scanner, struct strbuf *out);
/* Where the value stands, quotes included: bytes [begin, end). */
uint64_t model_scanner_begin(const struct model_scanner *scanner);
uint64_t model_scanner_end(const struct model_scanner *scanner);

/* What the top-level "stream" said so far: true only if it is `true`. */
bool model_scanner_streams(const struct model_scanner *scanner);
/* It has been seen, or the object has ended without it. */
bool model_scanner_knows_stream(const struct model_scanner *scanner);

#endif
