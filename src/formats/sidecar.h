/* What lies beside an image program's model and tells about it: JSON that
 * came from Civitai, kept by whoever fetched the file.
 *
 * Three forms are read, told apart by their members:
 * - a version as Civitai's API gives it (GET /api/v1/model-versions/N): what
 *   Civitai Helper and we keep as <stem>.civitai.info, others as
 *   <file>.civitai.info;
 * - a model of that API (GET /api/v1/models/N): only what is true of each of
 *   its versions, and all of it when there is but one;
 * - LoRA Manager's <stem>.metadata.json, which has a version inside it.
 *
 * Any member may be missing, or of another type, which is the same.
 * Texts are kept as they are: a description is HTML that nobody has checked.
 * Pure: any thread. */
#ifndef FORMATS_SIDECAR_H
#define FORMATS_SIDECAR_H

#include "base/error.h"
#include "base/strbuf.h"
#include "formats/json.h"
#include "records/model.h"

enum {
    SIDECAR_BYTES = 4 << 20,
    SIDECAR_TEXT_BYTES = 1024, /* a longer name, word or tag is left out */
    SIDECAR_URL_BYTES = 2048,
    SIDECAR_DESCRIPTION_BYTES = 256 << 10,
    SIDECAR_WORDS_MAX = 64, /* of each list; more are left out */
};

/* Owned texts; NULL, 0 and "" are not known. */
struct sidecar {
    char *name, *version; /* of the model, of its version */
    char *creator;
    char *description; /* HTML, from outside */
    char *base_model;  /* "SDXL 1.0" */
    struct text_list tags, trigger_words;
    struct text_list image_urls; /* http and https only */
    int64_t model_id, version_id;
    char sha256[65]; /* of the file, as it was published; lower case */
};

/* Fills in what `sidecar` does not know yet (all zeros know nothing), so
 * that of several files the one that is to count most is read first. 0, or
 * -1: no JSON (json_parse's error), no object (ERR_INVALID), too long
 * (ERR_TOO_LARGE), or out of memory. To be released in any case. */
int sidecar_read(struct sidecar *sidecar, struct str text, struct error *error);
void sidecar_release(struct sidecar *sidecar);

/* Which model, and which version, a page of Civitai's (or an address of its
 * API or for downloading) is about; 0: it does not say. False when it is about
 * none, or not https. */
bool civitai_page_read(struct str url, int64_t *ret_model_id,
                       int64_t *ret_version_id);

/* Writes a <stem>.civitai.info from a version of Civitai's API: all that it
 * has, and an empty one of each member that readers take for granted and the
 * API leaves out now and then. `version` is an object. */
void sidecar_write(const struct json *version, struct json_writer *out);

#endif
