/* hearth inspect, a file for each format. Internal to cli/. */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include "cli/report.h"
#include "formats/byte_source.h"

struct inspected {
    const char *path;
    struct byte_source source; /* of a folder: empty */
    bool is_json;
};

/* An exit code. A file that cannot be read is CLI_FAILED with the reason
 * printed, and nothing on standard output. */
int inspect_gguf(const struct inspected *file);
int inspect_safetensors(const struct inspected *file);
/* The same for a folder; one whose texts can be read is described before the
 * reason why it is no whole model. */
int inspect_folder(const struct inspected *file);

int inspect_failed(const struct inspected *file, const struct error *error);
/* What both begin with. */
void inspect_begin(struct report *report, const struct inspected *file,
                   const char *format);

enum { INSPECT_TEXT_MAX = 64 * 1024 };
/* A text of the file's metadata as JSON, cut where it is very long: then an
 * object that says so. */
void inspect_json_text(struct report *report, struct str text,
                       uint64_t n_bytes);

/* Tensors and bytes by type, as lines or as a JSON array. */
enum { INSPECT_TYPES_MAX = 64, INSPECT_TYPE_BYTES = 24 };
struct inspect_types {
    struct inspect_type {
        char name[INSPECT_TYPE_BYTES];
        uint64_t n_tensors, n_bytes;
    } at[INSPECT_TYPES_MAX];
    size_t n; /* past the maximum, types are not told apart any more */
};
void inspect_count_type(struct inspect_types *types, struct str name,
                        uint64_t n_bytes);
void inspect_report_types(struct report *report,
                          const struct inspect_types *types);

#endif
