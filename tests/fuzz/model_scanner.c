/* Whatever the cut, the scanner says of a valid document what a whole reader
 * of JSON says; of an invalid one it says something and stays within its
 * bytes. */
#include <stdlib.h>
#include <yyjson.h>

#include "formats/model_scanner.h"
#include "fuzz.h"

static void
expect(bool is_so)
{
    if (!is_so)
        abort();
}

static enum model_scan
scan_in_pieces(struct model_scanner *scanner, const uint8_t *data, size_t n,
               size_t piece)
{
    enum model_scan scan = MODEL_UNKNOWN;
    for (size_t at = 0; at < n && scan != MODEL_ERROR; at += piece) {
        size_t take = n - at < piece ? n - at : piece;
        char *copy = malloc(take);
        expect(copy != NULL);
        memcpy(copy, data + at, take);
        scan = model_scanner_feed(scanner, (struct str){ copy, take });
        free(copy);
    }
    return scan;
}

static void
compare(const struct model_scanner *scanner, enum model_scan scan,
        yyjson_val *root)
{
    if (!yyjson_is_obj(root)) {
        expect(scan == MODEL_ERROR);
        return;
    }
    size_t n_models = 0;
    yyjson_val *model = NULL;
    size_t at, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(root, at, count, key, value)
    {
        if (!yyjson_equals_str(key, "model"))
            continue;
        model = value;
        n_models++;
    }
    if (n_models == 0) {
        expect(scan == MODEL_MISSING);
    } else if (n_models > 1 || !yyjson_is_str(model)) {
        expect(scan == MODEL_ERROR);
    } else if (scan != MODEL_ERROR) { /* the name may be too long */
        expect(scan == MODEL_FOUND);
        struct strbuf name = STRBUF_INIT(MODEL_NAME_BYTES);
        expect(model_scanner_name(scanner, &name) == 0);
        expect(name.n == yyjson_get_len(model));
        expect(name.n == 0 ||
               memcmp(name.p, yyjson_get_str(model), name.n) == 0);
        strbuf_release(&name);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    size_t piece = 1 + data[0] % 37;
    data++;
    n--;
    struct model_scanner whole, cut;
    model_scanner_init(&whole);
    model_scanner_init(&cut);
    enum model_scan scan = scan_in_pieces(&whole, data, n, n + 1);
    enum model_scan scan_cut = scan_in_pieces(&cut, data, n, piece);
    expect(scan == scan_cut);
    if (scan != MODEL_ERROR) { /* which is told as soon as it is known */
        expect(model_scanner_begin(&whole) == model_scanner_begin(&cut));
        expect(model_scanner_end(&whole) == model_scanner_end(&cut));
    }
    char *copy = malloc(n + 1);
    expect(copy != NULL);
    memcpy(copy, data, n);
    yyjson_doc *doc = yyjson_read_opts(copy, n, 0, NULL, NULL);
    if (doc != NULL)
        compare(&whole, scan, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    free(copy);
    model_scanner_release(&whole);
    model_scanner_release(&cut);
    return 0;
}
