/* Digests in the background: one file at a time, one worker at most, at the
 * lowest priority. A turn reads some pieces; between turns the worker is
 * free for what came meanwhile. Ends within a piece when the library is
 * freed. */
#include <stdio.h>
#include <stdlib.h>

#include "core/digest/digest.h"
#include "core/library/library_internal.h"
#include "io/worker.h"
#include "platform/file.h"
#include "platform/system.h"
#include "store/store.h"

enum { PIECE_BYTES = 1 << 20, PIECES_PER_TURN = 32, AUTOV2_DIGITS = 10 };

struct hash_job {
    struct library *library; /* NULL: gone */
    struct loop *loop;
    char id[ID_BYTES];
    char *path;
    struct known_file stamp;
    struct sha256 *digest;
    char *piece;
    uint64_t offset;
    bool is_over;
    bool has_failed;
    _Atomic bool is_cancelled;
};

static void
free_job(struct hash_job *job)
{
    sha256_free(job->digest);
    free(job->piece);
    free(job->path);
    free(job);
}

static void
read_pieces(void *arg)
{
    struct hash_job *job = arg;
    struct error error;
    system_io_idle(true);
    for (int i = 0; i < PIECES_PER_TURN && !job->is_over; i++) {
        ptrdiff_t n = -1;
        if (!atomic_load(&job->is_cancelled))
            n = file_read_part(job->path, job->offset, job->piece, PIECE_BYTES,
                               &error);
        job->has_failed = n < 0;
        job->is_over = n <= 0;
        if (n > 0) {
            sha256_add(job->digest, job->piece, (size_t)n);
            job->offset += (uint64_t)n;
        }
    }
    system_io_idle(false);
}

static void
keep_digest(struct library *library, const struct hash_job *job)
{
    struct model *model = library_get(library, job->id);
    char hex[SHA256_HEX_BYTES];
    if (model == NULL || job->has_failed || strcmp(model->path, job->path) != 0)
        return;
    if (model->size_bytes != job->stamp.size_bytes ||
        model->modified_at_ms != job->stamp.modified_at_ms ||
        model->inode != job->stamp.inode ||
        job->offset != (uint64_t)model->size_bytes ||
        sha256_hex(job->digest, hex) < 0)
        return; /* another file by now: the next scan sees it */
    if (model_set_text(&model->sha256, str_from(hex)) < 0 ||
        model_set_text(&model->autov2, (struct str){ hex, AUTOV2_DIGITS }) < 0)
        return;
    struct model *before = copies_note(&library->catalog, model);
    struct model *record = catalog_record(&library->catalog, model);
    if (before != NULL)
        (void)copies_adopt(record, record == model ? before : model);
    const struct model *changed[] = { model, record };
    library_changed(library, changed, record == model ? 1 : 2);
}

static void
on_read(void *arg)
{
    struct hash_job *job = arg;
    struct library *library = job->library;
    if (library != NULL && !job->is_over &&
        worker_submit(job->loop, read_pieces, on_read, job) == 0)
        return;
    if (library != NULL) {
        library->hash = NULL;
        if (job->is_over)
            keep_digest(library, job);
        struct model *model = library_get(library, job->id);
        if (model != NULL && model->sha256[0] == '\0')
            map_put(&library->unhashable, str_from(job->id), library);
        hashes_next(library);
    }
    free_job(job);
}

/* A file of one part whose digest is not known. */
static const struct model *
next_model(const struct library *library)
{
    for (size_t i = 0; i < library->catalog.n; i++) {
        const struct model *model = library->catalog.models[i];
        if (model->sha256[0] == '\0' && model->shards.n == 0 &&
            model->format != MODEL_FORMAT_TRANSFORMERS &&
            model->format != MODEL_FORMAT_MLX &&
            map_get(&library->unhashable, str_from(model->id)) == NULL)
            return model;
    }
    return NULL;
}

static struct hash_job *
make_job(struct library *library, const struct model *model)
{
    struct hash_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    job->path = str_dup(str_from(model->path));
    job->piece = malloc(PIECE_BYTES);
    job->digest = sha256_new(NULL);
    if (job->path == NULL || job->piece == NULL || job->digest == NULL) {
        free_job(job);
        return NULL;
    }
    job->library = library;
    job->loop = library->loop;
    memcpy(job->id, model->id, sizeof job->id);
    job->stamp = (struct known_file){ model->size_bytes, model->modified_at_ms,
                                      model->device, model->inode };
    return job;
}

void
hashes_next(struct library *library)
{
    if (!library->has_hashes || library->hash != NULL)
        return;
    const struct model *model = next_model(library);
    struct hash_job *job = model == NULL ? NULL : make_job(library, model);
    if (job == NULL)
        return; /* nothing to do, or no memory now: the next scan tries again */
    library->hash = job;
    if (worker_submit(library->loop, read_pieces, on_read, job) < 0) {
        library->hash = NULL;
        free_job(job);
    }
}

void
hashes_detach(struct library *library)
{
    if (library->hash == NULL)
        return;
    atomic_store(&library->hash->is_cancelled, true);
    library->hash->library = NULL;
    library->hash = NULL;
}
