/* Shared by manage.c (deciding, on the loop) and manage_files.c (doing, on a
 * worker). */
#ifndef CORE_LIBRARY_MANAGE_INTERNAL_H
#define CORE_LIBRARY_MANAGE_INTERNAL_H

#include "core/library/library_internal.h"

struct manage_job {
    struct list node;
    struct library *library; /* NULL: gone */
    struct model *model;     /* a copy: what it was */
    bool has_own_projector;  /* no other model uses it */
    struct text_list others; /* of other models, inside its folder */
    /* moving */
    bool is_move;
    char *from_base, *to_base; /* folders; what is below keeps its place */
    char *to_root;             /* to_base lies in it */
    library_moved_fn *on_moved;
    struct library_moved names; /* of the file, by what became of them */
    /* deleting */
    bool is_dry;
    library_files_fn *on_deleted;
    void *ctx;
    /* out */
    struct text_list paths; /* what is touched; the model's path first */
    struct text_list new_paths;
    int64_t size_bytes;
    bool is_out_of_memory;
    int result;
    struct error error;
};

/* Finds what belongs to the model, then moves or deletes it. */
void manage_run(struct manage_job *job);

#endif
