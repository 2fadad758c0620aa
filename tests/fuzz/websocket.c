/* The cut of what a client sends does not change the messages. (How it ends
 * may: the library looks at the text of a close frame piece by piece, and
 * leaves a pong unsent when a fault follows it at once.) */
#include <stdlib.h>

#include "base/strbuf.h"
#include "formats/websocket.h"
#include "fuzz.h"

struct heard {
    struct strbuf messages, sent; /* how they interleave is free */
};

static void
on_message(void *ctx, bool is_text, struct str message)
{
    struct heard *heard = ctx;
    strbuf_addf(&heard->messages, "%d %zu ", is_text, message.n);
    strbuf_add_str(&heard->messages, message);
}

static void
on_send(void *ctx, struct str bytes)
{
    struct heard *heard = ctx;
    strbuf_add_str(&heard->sent, bytes);
}

static void
read_in_pieces(const uint8_t *data, size_t n, size_t piece, struct strbuf *out)
{
    struct heard heard = { STRBUF_INIT(1 << 24), STRBUF_INIT(1 << 24) };
    const struct websocket_options options = { .max_message_bytes = 500,
                                               .on_message = on_message,
                                               .send = on_send,
                                               .ctx = &heard };
    struct websocket *ws = websocket_new(&options);
    if (ws == NULL)
        abort();
    for (size_t at = 0; at < n; at += piece) {
        size_t take = n - at < piece ? n - at : piece;
        char *copy = malloc(take);
        if (copy == NULL)
            abort();
        memcpy(copy, data + at, take);
        websocket_feed(ws, (struct str){ copy, take });
        free(copy);
    }
    strbuf_add_str(out, strbuf_view(&heard.messages));
    strbuf_release(&heard.messages);
    strbuf_release(&heard.sent);
    websocket_free(ws);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct strbuf whole = STRBUF_INIT(1 << 24);
    struct strbuf cut = STRBUF_INIT(1 << 24);
    read_in_pieces(data + 1, n - 1, n, &whole);
    read_in_pieces(data + 1, n - 1, 1 + data[0] % 11, &cut);
    if (!str_eq(strbuf_view(&whole), strbuf_view(&cut)))
        abort();
    strbuf_release(&whole);
    strbuf_release(&cut);
    return 0;
}
