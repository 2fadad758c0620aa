/* WebSocket frames over wslay's event interface: see websocket.h.
 *
 * wslay pulls: its receive callback takes from `input`, which is what
 * websocket_feed() was given and lives only during that call, and says
 * "would block" at its end. Its send callback always takes all, so that
 * nothing stays queued inside. */
#include "formats/websocket.h"

#include <stdlib.h>
#include <wslay/wslay.h>

#include "base/strbuf.h"

enum { REASON_MAX_BYTES = 123, CODE_BYTES = 2 };

struct websocket {
    struct websocket_options options;
    struct wslay_event_context *context;
    struct str input;
    struct strbuf *held; /* output goes here while it is not NULL */
    char closing[CODE_BYTES + REASON_MAX_BYTES]; /* of the close frame */
    size_t n_closing, n_to_close; /* bytes that came, that will come */
    bool has_failed;
};

static ssize_t
on_want_input(wslay_event_context_ptr context, uint8_t *buffer, size_t n,
              int flags, void *user)
{
    (void)flags;
    struct websocket *ws = user;
    if (ws->input.n == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    size_t take = n < ws->input.n ? n : ws->input.n;
    memcpy(buffer, ws->input.p, take);
    ws->input.p += take;
    ws->input.n -= take;
    return (ssize_t)take;
}

static ssize_t
on_output(wslay_event_context_ptr context, const uint8_t *bytes, size_t n,
          int flags, void *user)
{
    (void)context;
    (void)flags;
    struct websocket *ws = user;
    if (ws->held != NULL)
        strbuf_add(ws->held, bytes, n);
    else
        ws->options.send(ws->options.ctx,
                         (struct str){ (const char *)bytes, n });
    return (ssize_t)n;
}

static void
on_received(wslay_event_context_ptr context,
            const struct wslay_event_on_msg_recv_arg *message, void *user)
{
    (void)context;
    struct websocket *ws = user;
    if (wslay_is_ctrl_frame(message->opcode))
        return; /* pings and closes are answered by the library */
    ws->options.on_message(
        ws->options.ctx, message->opcode == WSLAY_TEXT_FRAME,
        (struct str){ (const char *)message->msg, message->msg_length });
}

static void
close_for(wslay_event_context_ptr context, uint16_t code)
{
    wslay_event_queue_close(context, code, NULL, 0);
    wslay_event_shutdown_read(context);
}

/* The library takes a close frame of one byte for one without a code; it is
 * a fault (RFC 6455, 5.5.1). */
static void
on_frame(wslay_event_context_ptr context,
         const struct wslay_event_on_frame_recv_start_arg *frame, void *user)
{
    struct websocket *ws = user;
    bool is_close = frame->opcode == WSLAY_CONNECTION_CLOSE;
    ws->n_closing = 0;
    ws->n_to_close = is_close && frame->payload_length <= sizeof ws->closing
                         ? (size_t)frame->payload_length
                         : 0;
    if (is_close && frame->payload_length == 1)
        close_for(context, WSLAY_CODE_PROTOCOL_ERROR);
}

/* Of a reason that comes in pieces the library does not see that it ends
 * within a character (RFC 6455, 5.5.1 and 8.1). */
static void
on_piece(wslay_event_context_ptr context,
         const struct wslay_event_on_frame_recv_chunk_arg *piece, void *user)
{
    struct websocket *ws = user;
    if (piece->data_length == 0 ||
        piece->data_length > ws->n_to_close - ws->n_closing)
        return; /* not of a close frame */
    memcpy(ws->closing + ws->n_closing, piece->data, piece->data_length);
    ws->n_closing += piece->data_length;
    if (ws->n_closing != ws->n_to_close || ws->n_to_close <= CODE_BYTES)
        return;
    const struct str reason = { ws->closing + CODE_BYTES,
                                ws->n_closing - CODE_BYTES };
    if (!str_is_utf8(reason))
        close_for(context, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA);
}

struct websocket *
websocket_new(const struct websocket_options *options)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_want_input,
        .send_callback = on_output,
        .on_frame_recv_start_callback = on_frame,
        .on_frame_recv_chunk_callback = on_piece,
        .on_msg_recv_callback = on_received,
    };
    struct websocket *ws = calloc(1, sizeof *ws);
    if (ws == NULL)
        return NULL;
    ws->options = *options;
    if (wslay_event_context_server_init(&ws->context, &callbacks, ws) != 0) {
        free(ws);
        return NULL;
    }
    wslay_event_config_set_max_recv_msg_length(ws->context,
                                               options->max_message_bytes);
    return ws;
}

void
websocket_free(struct websocket *ws)
{
    if (ws == NULL)
        return;
    wslay_event_context_free(ws->context);
    free(ws);
}

static int
flush(struct websocket *ws)
{
    if (!ws->has_failed && wslay_event_send(ws->context) != 0)
        ws->has_failed = true;
    return ws->has_failed ? -1 : 0;
}

/* To a malformed frame head the library queues a close frame without a code;
 * what it queued before has to go out, too. */
static void
close_for_malformed(struct websocket *ws)
{
    const struct str bare = STR("\x88\x00"), coded = STR("\x88\x02\x03\xEA");
    struct strbuf out = STRBUF_INIT(SIZE_MAX / 2);
    ws->held = &out;
    flush(ws);
    ws->held = NULL;
    if (str_ends_with(strbuf_view(&out), bare)) {
        strbuf_truncate(&out, out.n - bare.n);
        strbuf_add_str(&out, coded);
    }
    if (!strbuf_failed(&out) && out.n > 0)
        ws->options.send(ws->options.ctx, strbuf_view(&out));
    strbuf_release(&out);
    ws->has_failed = true;
}

void
websocket_feed(struct websocket *ws, struct str bytes)
{
    if (ws->has_failed)
        return;
    ws->input = bytes;
    int rc = wslay_event_recv(ws->context);
    ws->input = STR("");
    if (rc == WSLAY_ERR_CALLBACK_FAILURE)
        close_for_malformed(ws);
    else if (rc != 0 && rc != WSLAY_ERR_NO_MORE_MSG)
        ws->has_failed = true;
    flush(ws);
}

static int
send_message(struct websocket *ws, uint8_t opcode, struct str bytes)
{
    const struct wslay_event_msg message = {
        .opcode = opcode,
        .msg = (const uint8_t *)bytes.p,
        .msg_length = bytes.n,
    };
    int rc = wslay_event_queue_msg(ws->context, &message);
    if (rc == WSLAY_ERR_NO_MORE_MSG) /* a close was queued before */
        return 0;
    if (rc != 0)
        ws->has_failed = true;
    return flush(ws);
}

int
websocket_send_text(struct websocket *ws, struct str text)
{
    return send_message(ws, WSLAY_TEXT_FRAME, text);
}

int
websocket_send_binary(struct websocket *ws, struct str bytes)
{
    return send_message(ws, WSLAY_BINARY_FRAME, bytes);
}

int
websocket_ping(struct websocket *ws)
{
    return send_message(ws, WSLAY_PING, STR(""));
}

void
websocket_close(struct websocket *ws, int code, struct str reason)
{
    size_t n = reason.n;
    if (n > REASON_MAX_BYTES) /* not in the middle of a character */
        for (n = REASON_MAX_BYTES; n > 0 && (reason.p[n] & 0xC0) == 0x80;)
            n--;
    if (wslay_event_queue_close(ws->context, (uint16_t)code,
                                (const uint8_t *)reason.p, n) != 0)
        ws->has_failed = true;
    flush(ws);
}

bool
websocket_is_over(const struct websocket *ws)
{
    return ws->has_failed || (wslay_event_get_close_sent(ws->context) &&
                              (wslay_event_get_close_received(ws->context) ||
                               !wslay_event_get_read_enabled(ws->context)));
}

int
websocket_peer_code(const struct websocket *ws)
{
    if (!wslay_event_get_close_received(ws->context))
        return 0;
    return wslay_event_get_status_code_received(ws->context);
}
