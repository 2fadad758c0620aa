/* Finds members of a JSON document's top-level object on the way past,
 * whatever the size of the document and the cut of its pieces.
 *
 * It keeps no document: long strings are skipped a vector at a time, nested
 * values are only counted in and out of. What it looks for are a few keys
 * (compared after unescaping, RFC 8259 section 7) of the root object; for
 * each it tells how often it came, where in the document its value stands
 * and, as far as it fits, the value's text.
 *
 * It reads valid documents right. In an invalid one it finds what can be
 * found and stops with SCAN_BROKEN where the root object's own structure
 * breaks; what is wrong deeper down is left for the engine to refuse. */
#ifndef FORMATS_MEMBER_SCANNER_H
#define FORMATS_MEMBER_SCANNER_H

#include "base/strbuf.h"

enum {
    SCANNER_KEYS_MAX = 4,
    SCANNER_KEY_BYTES = 64, /* of a wanted key, escapes included */
};

enum scan_state {
    SCAN_GOING,     /* inside the root object, or before it */
    SCAN_WHOLE,     /* the root object has ended */
    SCAN_NO_OBJECT, /* the root is something else */
    SCAN_BROKEN,    /* not JSON on the top level */
};

struct scanned_member {
    const char *key;     /* wanted; static text, without escapes */
    size_t max_bytes;    /* of the value's text that is kept; 0: none */
    unsigned n_seen;     /* how many times its value began */
    bool is_whole;       /* the first one's value has ended */
    bool is_cut;         /* the first one's value is longer than max_bytes */
    uint64_t begin, end; /* of the first one's value, in bytes from start */
    struct strbuf text;  /* of the first one's value, as it stands there */
};

struct member_scanner {
    struct scanned_member members[SCANNER_KEYS_MAX];
    size_t n_members;
    enum scan_state state;
    uint64_t offset;   /* bytes taken so far */
    int where;         /* see member_scanner.c */
    bool is_escaped;   /* the byte before was a backslash */
    bool is_in_string; /* of a nested value */
    uint64_t depth;    /* of nesting inside the value, 0: at its end */
    int current;       /* member whose value is being read, -1: none */
    bool is_kept;      /* that value is the member's first: keep it */
    char key[SCANNER_KEY_BYTES];
    size_t key_n; /* SCANNER_KEY_BYTES + 1: too long to matter */
};

void member_scanner_init(struct member_scanner *scanner);
/* Before the first byte. */
void member_scanner_want(struct member_scanner *scanner, const char *key,
                         size_t max_bytes);
void member_scanner_release(struct member_scanner *scanner);
/* Takes the next bytes; the state afterwards. Bytes after the end of the
 * object are counted and not looked at. */
enum scan_state member_scanner_feed(struct member_scanner *scanner,
                                    struct str bytes);

/* Unescapes the text of a JSON string without its quotes (RFC 8259 section
 * 7): 0, or -1 for a bad escape, a raw control character, a lone surrogate
 * or when the result fails in `out`. */
int json_unescape(struct str text, struct strbuf *out);

#endif
