/* Shared by the files of fit. */
#ifndef CORE_FIT_INTERNAL_H
#define CORE_FIT_INTERNAL_H

#include "core/fit/fit.h"

enum fit_kind {
    FIT_KIND_PLAIN,    /* every block caches keys and values */
    FIT_KIND_WINDOW,   /* some blocks only those of a window */
    FIT_KIND_ENCODER,  /* no cache */
    FIT_KIND_STATE,    /* every block has a state, and no cache */
    FIT_KIND_MIXED,    /* blocks without kv heads have a state */
    FIT_KIND_INTERVAL, /* each n-th block attends, the others have a state */
    FIT_KIND_BOTH      /* every block has a state and a cache */
};

struct fit_arch {
    const char *name;
    enum fit_kind kind;
    int period;         /* each n-th block sees everything */
    bool is_full_first; /* ... the first of n; else the last */
    int window;         /* when the file does not say; 0: no window then */
};

/* NULL: not known. */
const struct fit_arch *fit_arch_find(struct str name);

/* How the context is split: cells of one stream, streams, tokens at once. */
struct fit_layout {
    int64_t n_slots, n_streams;
    int64_t cells, window_cells; /* of one stream */
    int64_t n_tokens;
};

/* Bytes that the graph holds at once, on whatever computes it. */
int64_t fit_compute_bytes(const struct fit_facts *facts,
                          const struct fit_layout *layout);

#endif
