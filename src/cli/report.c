/* Facts as lines or JSON: see report.h. */
#include "cli/report.h"

#include <inttypes.h>

#include "base/units.h"
#include "cli/print.h"

enum { LABEL_WIDTH = 16, TEXT_SHOWN = 200, FLUSH_BYTES = 64 * 1024 };

void
report_begin(struct report *report, bool is_json)
{
    report->is_json = is_json;
    strbuf_init(&report->out, 4 * MIB);
    json_writer_init(&report->json, &report->out);
    if (is_json)
        json_object_begin(&report->json);
}

void
report_flush(struct report *report)
{
    if (report->out.n < FLUSH_BYTES || strbuf_failed(&report->out))
        return;
    fwrite(report->out.p, 1, report->out.n, stdout);
    strbuf_clear(&report->out);
}

int
report_end(struct report *report)
{
    bool failed = strbuf_failed(&report->out);
    if (report->is_json && !failed) {
        json_object_end(&report->json);
        puts(strbuf_text(&report->out));
    }
    strbuf_release(&report->out);
    return failed ? cli_fail(CLI_FAILED, "out of memory") : CLI_OK;
}

void
report_print_text(struct str text, size_t max)
{
    size_t n = text.n < max ? text.n : max;
    while (n < text.n && n > 0 && ((unsigned char)text.p[n] & 0xC0) == 0x80)
        n--;
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)text.p[i];
        putchar(byte < 0x20 || byte == 0x7F ? ' ' : byte);
    }
    if (n < text.n)
        fputs("...", stdout);
}

static bool
begin_line(const struct report *report, const char *label)
{
    if (report->is_json || label == NULL)
        return false;
    printf("%-*s", LABEL_WIDTH, label);
    return true;
}

void
report_text(struct report *report, const char *key, const char *label,
            struct str text)
{
    if (report->is_json) {
        json_key(&report->json, key);
        if (text.n == 0)
            json_null(&report->json);
        else
            json_str(&report->json, text);
        report_flush(report);
    } else if (text.n > 0 && begin_line(report, label)) {
        report_print_text(text, TEXT_SHOWN);
        putchar('\n');
    }
}

void
report_u64(struct report *report, uint64_t n)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, n);
    json_raw(&report->json, str_from(digits));
}

static void
add_number(struct report *report, const char *key, uint64_t n)
{
    json_key(&report->json, key);
    if (n == 0)
        json_null(&report->json);
    else
        report_u64(report, n);
}

void
report_count(struct report *report, const char *key, const char *label,
             uint64_t n)
{
    if (report->is_json)
        add_number(report, key, n);
    else if (n > 0 && begin_line(report, label))
        printf("%" PRIu64 "\n", n);
}

void
report_bytes(struct report *report, const char *key, const char *label,
             uint64_t n)
{
    char text[32];
    if (report->is_json)
        add_number(report, key, n);
    else if (n > 0 && n <= INT64_MAX && begin_line(report, label))
        puts(format_bytes((int64_t)n, text, sizeof text));
}

void
report_bool(struct report *report, const char *key, const char *label,
            bool value)
{
    if (report->is_json) {
        json_key(&report->json, key);
        json_bool(&report->json, value);
    } else if (begin_line(report, label)) {
        puts(value ? "yes" : "no");
    }
}

void
report_words(struct report *report, const char *key, const char *label,
             const struct text_list *words)
{
    if (report->is_json) {
        json_key(&report->json, key);
        json_array_begin(&report->json);
        for (size_t i = 0; i < words->n; i++)
            json_text(&report->json, words->at[i]);
        json_array_end(&report->json);
        report_flush(report);
    } else if (words->n > 0 && begin_line(report, label)) {
        for (size_t i = 0; i < words->n; i++) {
            fputs(i == 0 ? "" : ", ", stdout);
            report_print_text(str_from(words->at[i]), TEXT_SHOWN);
        }
        putchar('\n');
    }
}
