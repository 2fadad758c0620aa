/* What was asked and answered, while it is wanted: the bodies of requests, in
 * memory alone, the oldest given up for the newest. */
#include <stdlib.h>

#include "core/activity/activity_internal.h"

void
captures_init(struct captures *captures)
{
    *captures = (struct captures){ 0 };
    list_init(&captures->all);
}

static struct capture *
capture_at(struct list *node)
{
    return LIST_ENTRY(node, struct capture, node);
}

static void
capture_free(struct captures *captures, struct capture *capture)
{
    list_remove(&capture->node);
    captures->n_bytes -= capture->n_bytes;
    for (int i = 0; i < CAPTURE_SIDES; i++)
        free(capture->captured.bodies[i].bytes);
    free(capture);
}

void
captures_release(struct captures *captures)
{
    LIST_FOR_SAFE(node, &captures->all)
    capture_free(captures, capture_at(node));
}

void
captures_limit(struct captures *captures, size_t n_bytes_max)
{
    captures->n_bytes_max = n_bytes_max;
    LIST_FOR_SAFE(node, &captures->all)
    {
        if (captures->n_bytes <= n_bytes_max)
            break;
        if (!capture_at(node)->captured.is_under_way)
            capture_free(captures, capture_at(node));
    }
}

/* Is there room for so much more, or can there be? */
static bool
make_room(struct captures *captures, size_t n)
{
    LIST_FOR_SAFE(node, &captures->all)
    {
        if (captures->n_bytes + n <= captures->n_bytes_max)
            break;
        if (!capture_at(node)->captured.is_under_way)
            capture_free(captures, capture_at(node));
    }
    return captures->n_bytes + n <= captures->n_bytes_max;
}

struct capture *
capture_begin(struct captures *captures, int64_t id)
{
    struct capture *capture = make_room(captures, sizeof *capture)
                                  ? calloc(1, sizeof *capture)
                                  : NULL;
    if (capture == NULL)
        return NULL;
    capture->n_bytes = sizeof *capture;
    capture->captured.id = id;
    capture->captured.is_under_way = true;
    captures->n_bytes += capture->n_bytes;
    list_push_back(&captures->all, &capture->node);
    return capture;
}

void
activity_capture_type(struct activity *activity, struct activity_item *item,
                      enum capture_side side, struct str content_type)
{
    (void)activity;
    if (item->capture == NULL)
        return;
    struct captured_body *body = &item->capture->captured.bodies[side];
    size_t n = content_type.n < sizeof body->content_type
                   ? content_type.n
                   : sizeof body->content_type - 1;
    if (n > 0)
        memcpy(body->content_type, content_type.p, n);
    body->content_type[n] = '\0';
}

/* Room for n bytes in all; false: the limit or the memory is reached. */
static bool
grow(struct captures *captures, struct capture *capture,
     struct captured_body *body, size_t n)
{
    if (n <= body->n_room)
        return true;
    size_t want = body->n_room == 0 ? 512 : body->n_room * 2;
    while (want < n)
        want *= 2;
    if (want > CAPTURE_PIECE_BYTES)
        want = CAPTURE_PIECE_BYTES;
    if (!make_room(captures, want - body->n_room))
        return false;
    char *bytes = realloc(body->bytes, want);
    if (bytes == NULL)
        return false;
    captures->n_bytes += want - body->n_room;
    capture->n_bytes += want - body->n_room;
    body->bytes = bytes;
    body->n_room = want;
    return true;
}

void
activity_capture(struct activity *activity, struct activity_item *item,
                 enum capture_side side, struct str bytes)
{
    struct capture *capture = item->capture;
    if (capture == NULL)
        return;
    struct captured_body *body = &capture->captured.bodies[side];
    bool is_whole = body->n_all == (int64_t)body->n;
    size_t n = CAPTURE_PIECE_BYTES - body->n;
    if (bytes.n < n)
        n = bytes.n;
    body->n_all += (int64_t)bytes.n;
    /* After a gap nothing more is taken: it would look like one text. */
    if (!is_whole || n == 0 ||
        !grow(&activity->captures, capture, body, body->n + n))
        return;
    memcpy(body->bytes + body->n, bytes.p, n);
    body->n += n;
}

const struct captured *
activity_captured(const struct activity *activity, int64_t id)
{
    LIST_FOR(node, &activity->captures.all)
    if (capture_at(node)->captured.id == id)
        return &capture_at(node)->captured;
    return NULL;
}
