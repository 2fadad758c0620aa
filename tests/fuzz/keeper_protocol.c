/* Frames from the other end of a keeper's socket. What a spec holds after
 * reading, written again, must be read as the same. */
#include "fuzz.h"

#include <stdlib.h>

#include "formats/keeper_protocol.h"

static void
check_spec(const char *body, size_t n)
{
    char *copy = malloc(n + 1);
    struct keeper_spec *spec = malloc(sizeof *spec);
    if (copy == NULL || spec == NULL)
        abort();
    memcpy(copy, body, n);
    if (keeper_spec_read(copy, n, spec, NULL) == 0) {
        struct strbuf out = STRBUF_INIT(1 << 20);
        struct keeper_header header;
        struct str again;
        keeper_spec_write(&out, spec);
        if (keeper_frame_next(strbuf_view(&out), 1 << 20, &header, &again) <=
                0 ||
            again.n > n || memcmp(again.p, body, again.n) != 0)
            abort();
        strbuf_release(&out);
    }
    free(spec);
    free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = { (const char *)data, n };
    struct keeper_header header;
    struct str body;
    ptrdiff_t taken;
    while ((taken = keeper_frame_next(rest, KEEPER_ANSWER_BYTES, &header,
                                      &body)) > 0) {
        struct keeper_status status;
        struct str text;
        int64_t number;
        uint64_t position;
        if (keeper_status_read(body, &status, NULL) == 0 &&
            (status.phase < 0 || status.phase >= KEEPER_PHASE_COUNT))
            abort();
        if (keeper_text_read(body, &text) == 0 && text.n > body.n)
            abort();
        (void)keeper_number_read(body, &number);
        if (keeper_log_read(body, &position, &text) == 0 &&
            text.n + 8 != body.n)
            abort();
        check_spec(body.p, body.n);
        rest.p += taken;
        rest.n -= (size_t)taken;
    }
    check_spec((const char *)data, n);
    return 0;
}
