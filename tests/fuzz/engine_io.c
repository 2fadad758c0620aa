/* A message is a type and what follows it; a handshake is taken only as the
 * protocol has it. The first byte says how the rest is cut into fields. */
#include <stdlib.h>

#include "formats/engine_io.h"
#include "fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str all = { (const char *)data, n }, rest;
    enum engine_io_type type = engine_io_read(all, &rest);
    if (type != ENGINE_IO_TYPE_COUNT &&
        (rest.n != n - 1 || data[0] != '0' + (unsigned)type))
        abort();
    struct engine_io_handshake handshake = {
        .has_sid = n > 0 && (data[0] & 1) != 0,
        .is_upgrade = n > 0 && (data[0] & 2) != 0,
    };
    handshake.method = str_split(&all, '\n');
    handshake.transport = str_split(&all, '\n');
    handshake.version = all;
    bool is_taken = engine_io_check(&handshake) == ENGINE_IO_ACCEPTED;
    if (is_taken && (handshake.has_sid || !handshake.is_upgrade ||
                     !str_is(handshake.version, "4")))
        abort();
    return 0;
}
