/* The cut of a form changes nothing, and a name that is found stands in the
 * body where the scanner says. */
#include <stdlib.h>

#include "formats/multipart.h"
#include "fuzz.h"

static void
expect(bool is_so)
{
    if (!is_so)
        abort();
}

static enum model_scan
scan_in_pieces(struct multipart_scanner *scanner, const uint8_t *data, size_t n,
               size_t piece)
{
    struct error error;
    expect(multipart_scanner_init(
               scanner, STR("multipart/form-data; boundary=b"), &error) == 0);
    enum model_scan scan = MODEL_UNKNOWN;
    for (size_t at = 0; at < n && scan != MODEL_ERROR; at += piece) {
        size_t take = n - at < piece ? n - at : piece;
        char *copy = malloc(take);
        expect(copy != NULL);
        memcpy(copy, data + at, take);
        scan = multipart_scanner_feed(scanner, (struct str){ copy, take });
        free(copy);
    }
    return scan;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    size_t piece = 1 + data[0] % 13;
    data++;
    n--;
    struct multipart_scanner whole, cut;
    enum model_scan scan = scan_in_pieces(&whole, data, n, n + 1);
    expect(scan == scan_in_pieces(&cut, data, n, piece));
    if (scan == MODEL_FOUND) {
        struct str name = multipart_scanner_name(&whole);
        expect(str_eq(name, multipart_scanner_name(&cut)));
        expect(whole.model.begin == cut.model.begin);
        expect(whole.model.end == cut.model.end);
        expect(whole.model.end <= n);
        expect(whole.model.end - whole.model.begin == name.n);
        expect(name.n == 0 ||
               memcmp(data + whole.model.begin, name.p, name.n) == 0);
    }
    multipart_scanner_release(&whole);
    multipart_scanner_release(&cut);
    return 0;
}
