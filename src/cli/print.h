/* Aligned tables, sizes, times, JSON: what the commands print with.
 * Internal to cli/. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include "cli/command.h"
#include "formats/json.h"

enum { TABLE_COLUMNS_MAX = 10 };

/* Cells are copied; columns are as wide as their widest cell. */
struct table {
    struct strbuf cells; /* texts, each with its zero */
    size_t n_columns;
    size_t n_cells;
};

/* `headings` ends with NULL. */
void table_init(struct table *table, const char *const *headings);
void table_add(struct table *table, const char *text); /* NULL: "-" */
void table_addf(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints it (without a row only `empty`) and releases it. */
void table_print(struct table *table, const char *empty);

/* Reading answers: what is absent, null or of another type is `absent`. */
const char *text_of(const struct json *object, const char *key,
                    const char *absent, char *buffer, size_t size);
int64_t int_of(const struct json *object, const char *key, int64_t absent);

/* "1.4 GiB", "-" below 0; "3 d 4 h", "5 min", "12 s". */
const char *format_bytes(int64_t n, char *buffer, size_t size);
const char *format_duration(int64_t seconds, char *buffer, size_t size);
/* Text of a JSON value for a table's cell: texts without quotes. */
const char *format_value(const struct json *value, char *buffer, size_t size);

/* The value as JSON text and a line end, on standard output. */
int print_json(const struct json *value);

#endif
