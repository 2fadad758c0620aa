/* What was taken has the kind of payload that its type has. */
#include <stdlib.h>

#include "formats/socket_io.h"
#include "fuzz.h"

static bool
is_as_promised(const struct socket_io_packet *packet)
{
    bool is_binary = packet->type == SOCKET_IO_BINARY_EVENT ||
                     packet->type == SOCKET_IO_BINARY_ACK;
    if (packet->name_space.n == 0 || packet->name_space.p[0] != '/' ||
        packet->id < -1 || packet->id > SOCKET_IO_ID_MAX ||
        is_binary != (packet->n_attachments > 0) ||
        packet->n_attachments > SOCKET_IO_ATTACHMENTS_MAX)
        return false;
    if (packet->data == NULL)
        return !is_binary;
    if (packet->type == SOCKET_IO_CONNECT)
        return json_type(packet->data) == JSON_OBJECT;
    if (packet->type == SOCKET_IO_EVENT)
        return json_count(packet->data) > 0;
    return packet->type != SOCKET_IO_DISCONNECT;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct socket_io_packet packet;
    struct error error = { .code = ERR_OK };
    char *copy = malloc(n + 1);
    if (copy == NULL)
        abort();
    if (n > 0)
        memcpy(copy, data, n);
    if (socket_io_read((struct str){ copy, n }, &packet, &error) == 0) {
        if (!is_as_promised(&packet))
            abort();
        socket_io_packet_release(&packet);
    } else if (error.code == ERR_OK) {
        abort();
    }
    free(copy);
    return 0;
}
