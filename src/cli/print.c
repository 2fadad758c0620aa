/* Printing: see print.h. */
#include "cli/print.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/units.h"

enum { TABLE_GAP = 2 };

void
table_init(struct table *table, const char *const *headings)
{
    strbuf_init(&table->cells, 16 * MIB);
    table->n_columns = 0;
    table->n_cells = 0;
    while (headings[table->n_columns] != NULL)
        table_add(table, headings[table->n_columns++]);
}

void
table_add(struct table *table, const char *text)
{
    if (text == NULL || *text == '\0')
        text = "-";
    strbuf_add(&table->cells, text, strlen(text) + 1);
    table->n_cells++;
}

void
table_addf(struct table *table, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    table_add(table, text);
}

/* Characters, not bytes. */
static size_t
width_of(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void
print_cells(const struct table *table, const size_t *widths)
{
    const char *cell = table->cells.p;
    for (size_t i = 0; i < table->n_cells; i++) {
        size_t column = i % table->n_columns;
        bool is_last = column + 1 == table->n_columns;
        size_t gap = widths[column] - width_of(cell) + TABLE_GAP;
        printf("%s%*s", cell, is_last ? 0 : (int)gap, "");
        if (is_last)
            putchar('\n');
        cell += strlen(cell) + 1;
    }
}

void
table_print(struct table *table, const char *empty)
{
    size_t widths[TABLE_COLUMNS_MAX] = { 0 };
    const char *cell = table->cells.p;
    if (table->n_cells == table->n_columns) {
        puts(empty);
    } else if (!strbuf_failed(&table->cells)) {
        for (size_t i = 0; i < table->n_cells; i++) {
            size_t width = width_of(cell), column = i % table->n_columns;
            if (width > widths[column])
                widths[column] = width;
            cell += strlen(cell) + 1;
        }
        print_cells(table, widths);
    }
    strbuf_release(&table->cells);
}

const char *
text_of(const struct json *object, const char *key, const char *absent,
        char *buffer, size_t size)
{
    struct str text;
    if (!json_as_text(json_get(object, key), &text))
        return absent;
    snprintf(buffer, size, "%.*s", STR_ARG(text));
    return buffer;
}

int64_t
int_of(const struct json *object, const char *key, int64_t absent)
{
    int64_t value;
    return json_as_int(json_get(object, key), &value) ? value : absent;
}

const char *
format_bytes(int64_t n, char *buffer, size_t size)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double value = (double)n;
    size_t unit = 0;
    if (n < 0)
        return "-";
    while (value >= 1024.0 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1024.0;
        unit++;
    }
    snprintf(buffer, size, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s",
             value, units[unit]);
    return buffer;
}

const char *
format_duration(int64_t seconds, char *buffer, size_t size)
{
    long long s = (long long)seconds;
    if (s < 0)
        return "-";
    if (s < 120)
        snprintf(buffer, size, "%lld s", s);
    else if (s < 7200)
        snprintf(buffer, size, "%lld min", s / 60);
    else if (s < 172800)
        snprintf(buffer, size, "%lld h %lld min", s / 3600, s % 3600 / 60);
    else
        snprintf(buffer, size, "%lld d %lld h", s / 86400, s % 86400 / 3600);
    return buffer;
}

const char *
format_value(const struct json *value, char *buffer, size_t size)
{
    struct str text;
    if (json_as_text(value, &text)) {
        snprintf(buffer, size, "%.*s", STR_ARG(text));
        return buffer;
    }
    if (json_type(value) == JSON_ARRAY) {
        size_t n = 0;
        buffer[0] = '\0';
        for (size_t i = 0; i < json_count(value) && n < size; i++) {
            char item[512];
            format_value(json_at(value, i), item, sizeof item);
            int more = snprintf(buffer + n, size - n, "%s%s",
                                i == 0 ? "" : ", ", item);
            n += more < 0 ? size : (size_t)more;
        }
        return buffer;
    }
    char *json = json_to_text(value);
    snprintf(buffer, size, "%s", json == NULL ? "?" : json);
    free(json);
    return buffer;
}

int
print_json(const struct json *value)
{
    char *text = json_to_text(value);
    if (text == NULL)
        return cli_fail(CLI_FAILED, "out of memory");
    puts(text);
    free(text);
    return CLI_OK;
}
