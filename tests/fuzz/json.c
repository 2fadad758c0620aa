/* What is read is written again; the copy must read as the same bytes. */
#include "fuzz.h"

#include <stdlib.h>

#include "base/units.h"
#include "formats/json.h"

static void
walk(const struct json *value)
{
    struct str text;
    int64_t number;
    double real;
    bool flag;
    json_as_text(value, &text);
    json_as_int(value, &number);
    json_as_real(value, &real);
    json_as_bool(value, &flag);
    if (json_type(value) == JSON_ARRAY && json_count(value) < 1000) {
        for (size_t i = 0; i < json_count(value); i++)
            walk(json_at(value, i));
    }
    struct json_iter it;
    for (json_iter_init(&it, value); json_iter_next(&it);)
        walk(it.value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str input = { (const char *)data, n };
    struct error error;
    struct json_doc *doc = json_parse(input, &error);
    struct strbuf out = STRBUF_INIT(8 * MIB);
    struct json_writer w;
    json_writer_init(&w, &out);
    if (doc == NULL) {
        json_str(&w, input); /* any bytes become valid text */
    } else {
        walk(json_root(doc));
        json_value(&w, json_root(doc));
    }
    struct json_doc *again = json_parse(strbuf_view(&out), &error);
    if (again == NULL)
        abort();
    char *text = json_to_text(json_root(again));
    if (text == NULL || (doc != NULL && !str_is(strbuf_view(&out), text)))
        abort();
    free(text);
    json_doc_free(again);
    json_doc_free(doc);
    strbuf_release(&out);
    return 0;
}
