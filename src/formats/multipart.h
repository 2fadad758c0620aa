/* Finds the field `model` of a multipart/form-data body (RFC 7578, RFC 2046
 * section 5.1) on its way past, before or after the file, in any cut. Parts
 * of no interest are skipped without being kept. The answers are those of
 * the JSON scanner (formats/model_scanner.h). */
#ifndef FORMATS_MULTIPART_H
#define FORMATS_MULTIPART_H

#include "base/error.h"
#include "formats/model_scanner.h"

enum {
    MULTIPART_BOUNDARY_BYTES = 70, /* RFC 2046 5.1.1 */
    MULTIPART_HEADER_BYTES = 8192, /* of one part */
};

struct multipart_field {
    unsigned n_seen;
    bool is_whole;
    uint64_t begin, end; /* of the first one's value */
    struct strbuf text;
};

struct multipart_scanner {
    char delimiter[MULTIPART_BOUNDARY_BYTES + 5]; /* CR LF "--" boundary */
    size_t delimiter_n;
    size_t n_matched;     /* bytes of the delimiter seen last */
    int where;            /* see multipart.c */
    struct strbuf header; /* of the part under way */
    struct multipart_field model, stream;
    struct multipart_field *current; /* NULL: a part of no interest */
    uint64_t offset;
    const char *problem; /* why it stopped, or NULL */
};

/* From the Content-Type's value; -1 with `error` when it is not
 * multipart/form-data with a good boundary. */
int multipart_scanner_init(struct multipart_scanner *scanner,
                           struct str content_type, struct error *error);
void multipart_scanner_release(struct multipart_scanner *scanner);
enum model_scan multipart_scanner_feed(struct multipart_scanner *scanner,
                                       struct str bytes);
void multipart_scanner_error(const struct multipart_scanner *scanner,
                             struct error *error);
/* After MODEL_FOUND; the view lives as long as the scanner. */
struct str multipart_scanner_name(const struct multipart_scanner *scanner);
/* The field `stream` said "true". */
bool multipart_scanner_streams(const struct multipart_scanner *scanner);

#endif
