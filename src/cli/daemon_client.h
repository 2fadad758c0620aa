/* Asking the daemon: over its unix socket <data_dir>/hearth.sock, or over
 * TCP with --url and a key. One request at a time; each call blocks until
 * its answer is whole, or ends when the caller has seen enough. What goes
 * wrong is printed here, once, and comes back as an exit code. Internal to
 * cli/. */
#ifndef CLI_DAEMON_CLIENT_H
#define CLI_DAEMON_CLIENT_H

#include "cli/command.h"
#include "formats/json.h"
#include "http/client.h"

struct daemon_client {
    struct loop loop;
    struct address address;
    char base[256];               /* path before every target, or "" */
    char url[512];                /* for messages; "" over the socket */
    char authorization[512];      /* header value, or "" */
    struct loop_signal interrupt; /* while a stream is read */
    bool is_open;
};

/* CLI_OK; else an exit code, with the reason printed. The daemon is not
 * asked yet. */
int client_open(struct daemon_client *client, const struct cli *cli);
void client_close(struct daemon_client *client); /* also half-open ones */

struct client_answer {
    int status;
    struct json_doc *doc;     /* of the whole body; NULL: it was empty */
    const struct json *data;  /* the envelope's, or NULL */
    const struct json *error; /* likewise, of a refusal that was kept */
};
void client_answer_free(struct client_answer *answer);

/* One request of the control plane. `body` is JSON text or NULL. CLI_OK for
 * a 2xx answer; else its error is printed and the exit code that belongs to
 * it comes back. */
int client_call(struct daemon_client *client, const char *method,
                const char *target, const char *body,
                struct client_answer *ret_answer);
/* The same without printing: for whoever can do without the daemon. */
int client_try(struct daemon_client *client, const char *method,
               const char *target, struct client_answer *ret_answer);
/* A change without a body. The same, but for a conflict, which may turn out
 * to be none: CLI_CONFLICT with the answer, for client_tell and
 * client_answer_free. */
int client_change(struct daemon_client *client, const char *method,
                  const char *target, struct client_answer *ret_answer);
/* One request whose answer is printed: opens, asks, hands the envelope's
 * `data` (which may be NULL) to `print` (NULL: prints nothing), closes. */
typedef int client_print_fn(const struct cli *cli, const struct json *data);
int client_ask(const struct cli *cli, const char *method, const char *target,
               const char *body, client_print_fn *print);
/* Prints why it was refused. */
void client_tell(const struct client_answer *answer);

/* What a stream tells. Each returns true to go on. */
struct client_stream_ops {
    bool (*on_event)(void *ctx, struct str data);   /* `data:` of one */
    void (*on_comment)(void *ctx, struct str text); /* may be NULL */
};
/* A request that is answered by server-sent events; blocks until the end.
 * Ctrl-C ends it with CLI_INTERRUPTED. */
int client_stream(struct daemon_client *client, const char *method,
                  const char *target, const char *body,
                  const struct client_stream_ops *ops, void *ctx);

/* Appends the text percent-encoded, as one segment of a path. */
void client_add_segment(struct strbuf *target, const char *text);
/* Appends "?name=value" or "&name=value"; nothing when the value is NULL. */
void client_add_query(struct strbuf *target, const char *name,
                      const char *value);
/* The same of an option that says how long ago ("90s", "10m", "2h", "3d"), as
 * Unix time in ms. CLI_OK also without it; CLI_USAGE with the complaint
 * printed. */
int client_add_moment(const struct cli *cli, const char *option,
                      struct strbuf *target);

#endif
