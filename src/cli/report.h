/* Facts of one thing, line by line or as a JSON object. What comes from a
 * file may hold any byte: it is made fit for a terminal. Nothing is kept, so
 * that a report may be larger than memory. Internal to cli/. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli/command.h"
#include "formats/json.h"
#include "records/model.h"

struct report {
    bool is_json;
    struct strbuf out;
    struct json_writer json; /* open: the object; write more with it */
};

void report_begin(struct report *report, bool is_json);
/* CLI_OK, or CLI_FAILED with the reason printed (out of memory). */
int report_end(struct report *report);

/* `label` NULL: in JSON only. What is "", 0 or not known is null in JSON and
 * no line. */
void report_text(struct report *report, const char *key, const char *label,
                 struct str text);
void report_count(struct report *report, const char *key, const char *label,
                  uint64_t n);
void report_bytes(struct report *report, const char *key, const char *label,
                  uint64_t n);
void report_bool(struct report *report, const char *key, const char *label,
                 bool value);
void report_words(struct report *report, const char *key, const char *label,
                  const struct text_list *words);
/* A number beyond JSON's usual ones is written in full. */
void report_u64(struct report *report, uint64_t n);
/* A text of the file for a line: control bytes and what is too long cut. */
void report_print_text(struct str text, size_t max);
/* Between large pieces of JSON: hands on what there is. */
void report_flush(struct report *report);

#endif
