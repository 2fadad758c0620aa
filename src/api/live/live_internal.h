/* Inside of the live surface: see live.h for the files. */
#ifndef API_LIVE_INTERNAL_H
#define API_LIVE_INTERNAL_H

#include "api/handlers.h"
#include "api/live/live.h"
#include "api/socket.h"
#include "formats/socket_io.h"

enum {
    LIVE_KEY_BYTES = 256,      /* of an API key; a longer one is wrong */
    LIVE_NAMESPACE_BYTES = 256 /* of a name that is refused */
};

struct live_connection {
    struct list node;
    struct live *live;
    struct call *call;
    struct socket socket;
    struct timer beat;
    struct timer deadline; /* to join */
    bool awaits_pong;
    bool is_extended;      /* another packet than the pong came meanwhile */
    bool is_closing;       /* what still comes is not looked at */
    bool is_paused;        /* nothing is read until what was sent is taken */
    size_t n_behind_bytes; /* broadcast while earlier bytes were waiting */
    size_t n_left;         /* of them, at the last beat while it was paused */
    /* Socket.IO */
    bool is_joined;
    char sid[NONCE_BYTES];
    char pid[NONCE_BYTES]; /* a secret */
    enum auth_who who;
    char key_id[ID_BYTES];
    char key[LIVE_KEY_BYTES];        /* that came with joining */
    struct socket_io_packet pending; /* waits for attachments */
    size_t n_attachments;
    size_t n_attachment_bytes;
    struct echo *echo; /* NULL: the ordinary surface */
    /* what is measured */
    struct metrics_watch watch;  /* more often than all others get it */
    int64_t metrics_interval_ms; /* 0: it wants none */
    int64_t metrics_at_ms;       /* when it got the last */
    /* requests */
    struct list requests;
    size_t n_requests;
    int64_t allowance; /* thousandths of a request */
    int64_t allowance_at_ms;
};

/* One message of the log; those to all have no sid. */
struct live_entry {
    struct list node;
    uint64_t seq;
    int64_t at_ms;
    char sid[NONCE_BYTES];
    size_t n; /* 0: it was too long to be kept */
    char text[];
};

/* A client that was cut off. */
struct live_lost {
    struct list node;
    char sid[NONCE_BYTES];
    char pid[NONCE_BYTES];
    enum auth_who who;
    char key_id[ID_BYTES];
    int64_t metrics_interval_ms; /* what it had subscribed for */
    int64_t until_ms;
};

struct live_model { /* as clients know it */
    char id[ID_BYTES];
    uint64_t hash;
    bool is_seen;
};

struct live {
    struct api *api;
    struct live_options options;
    struct list connections;
    struct subscription subscription;
    /* recovery */
    struct list log; /* oldest first */
    size_t n_log_bytes;
    uint64_t next_seq;
    uint64_t forgotten_seq; /* the newest that the log has no more */
    struct list lost;
    size_t n_lost;
    /* the library, by id, while anybody is here */
    struct live_model *models;
    size_t n_models;
    bool has_models;
    struct timer library_changed;
};

/* Whom a connection talks to. */
enum echo_kind {
    ECHO_NONE,
    ECHO_ADDED,     /* the ordinary surface, and the suite's events */
    ECHO_SOCKET_IO, /* the application of Socket.IO's own test suite */
    ECHO_ENGINE_IO  /* the one of Engine.IO's */
};

/* ---- connection.c ---- */

void live_connection_begin(struct call *call, enum echo_kind kind);
/* A text message; `text` has Engine.IO's type. */
void live_connection_send(struct live_connection *connection, struct str text);
/* What everybody is told. Dropped for who is behind, or counted. */
void live_connection_tell(struct live_connection *connection, struct str text,
                          bool is_droppable);
/* Ends it; a client may come back for what it misses. */
void live_connection_close(struct live_connection *connection, int code,
                           const char *reason);
/* Ends it if it may not see any more what happens: true then. */
bool live_connection_let_go(struct live_connection *connection);

/* ---- client.c ---- */

void client_on_packet(struct live_connection *connection, struct str text);
void client_on_attachment(struct live_connection *connection, struct str bytes);
/* Whether it may still see what happens: its key may have been revoked. */
bool client_may_read(struct live_connection *connection, struct error *error);
void client_facts(struct live_connection *connection,
                  struct auth_request *ret_facts);
void client_leave(struct live_connection *connection);

/* ---- requests.c ---- */

/* Takes one from the allowance; false when there is none left. */
bool requests_take(struct live_connection *connection);
/* `data`: the array of the event; `id`: of its acknowledgement, or -1. */
void request_begin(struct live_connection *connection, const struct json *data,
                   int64_t id);
/* The connection is gone: answers go to the log. */
void requests_orphan(struct live_connection *connection);

/* ---- messages.c ---- */

/* Appends a packet up to its JSON, with Engine.IO's type before it. */
void packet_begin(enum socket_io_type type, const char *name_space, int64_t id,
                  struct strbuf *out);

/* Composed in two steps:
 *
 *     w = message_begin(live, &message, "models:status", MESSAGE_KEPT);
 *     ... one JSON value: an envelope ...
 *     broadcast_end(), message_to_some() or the like
 */
enum message_kind {
    MESSAGE_KEPT,    /* replayed to whoever missed it */
    MESSAGE_VOLATILE /* a later one says more: dropped for who is behind */
};
struct live_message {
    enum message_kind kind;
    uint64_t seq; /* of MESSAGE_KEPT */
    struct strbuf text;
    struct json_writer w;
};
struct json_writer *message_begin(struct live *live,
                                  struct live_message *message,
                                  const char *event, enum message_kind kind);
/* Opens a broadcast's envelope up to its data; closes it and sends it to all. */
struct json_writer *broadcast_begin(struct live *live,
                                    struct live_message *message,
                                    const char *event, enum message_kind kind);
void broadcast_end(struct live *live, struct live_message *message);
/* To those alone; not kept. */
void message_to_some(struct live *live, struct live_message *message,
                     bool (*wants)(struct live_connection *connection));
/* To the client of this sid, wherever it is connected now. */
void message_to_one(struct live *live, struct live_message *message,
                    const char *sid);
void message_established(struct live_connection *connection);

/* ---- recovery.c ---- */

bool recovery_is_on(const struct live *live);
/* Is there anybody who would miss a message? */
bool recovery_has_audience(const struct live *live);
/* Keeps a message with the next number. `sid` NULL: for all. */
void recovery_note(struct live *live, uint64_t seq, const char *sid,
                   struct str text);
/* The connection ends without having left. */
void recovery_remember(struct live_connection *connection);
/* Sends what it missed since `offset` and gives it its old ids: true; else
 * it is to join anew. */
bool recovery_resume(struct live_connection *connection, struct str pid,
                     struct str offset);
void recovery_release(struct live *live);
void recovery_write_offset(uint64_t seq, char ret_text[24]);

/* ---- echo.c: what public test suites talk to ---- */

/* Of a path, where conformance is switched on. */
enum echo_kind echo_of_path(const struct live *live, struct str path);
/* 0, or -1: no memory. */
int echo_begin(struct live_connection *connection, enum echo_kind kind);
void echo_end(struct live_connection *connection);
/* Greets whoever joined the ordinary surface in the suite's way. */
void echo_greet(struct live_connection *connection, const struct json *auth);
/* True when it has taken what came. */
bool echo_on_message(struct live_connection *connection, struct str data);
/* An attachment is kept, too, but still to be counted: false. */
bool echo_on_bytes(struct live_connection *connection, struct str bytes);
bool echo_take(struct live_connection *connection,
               const struct socket_io_packet *packet);
/* The plain WebSocket. */
void echo_plain(struct call *call);

/* ---- broadcasts.c ---- */

void broadcasts_start(struct live *live);
void broadcasts_stop(struct live *live);

/* ---- measured.c ---- */

/* Of a connection's life. */
void measured_start(struct live_connection *connection);
void measured_stop(struct live_connection *connection);
/* As it was before the client was cut off. */
void measured_restore(struct live_connection *connection, int64_t interval_ms);
/* To each client as often as it wants. */
void measured_tell(struct live *live, const struct metrics_sample *sample);
/* llama_measured.c: the same of the llama router, while it runs. */
void llama_measured_tell(struct live *live,
                         const struct metrics_sample *sample);

/* ---- library_diff.c ---- */

/* Somebody joins: from now on changes are told one by one. */
void library_diff_start(struct live *live);
void library_diff_init(struct live *live);
/* Something changed: soon tells what is new, changed or gone. */
void library_diff_await(struct live *live);
/* Tells now what changed in the one model; false: it is not known, await. */
bool library_diff_tell(struct live *live, const char *id);
/* How many that clients know are gone, and not told of yet. */
size_t library_diff_count_gone(const struct live *live);
void library_diff_release(struct live *live);

/* ---- event_rows.c, shapes.c ---- */

/* What a shape is given to write the `data` of an answer. */
struct shape_input {
    struct api *api;
    const struct json *data;    /* of the REST answer; NULL: none */
    const struct json *request; /* what the client sent */
    struct str subject;         /* the id or name that it named */
};

struct event_row {
    const char *event;
    const char *method;  /* NULL: there is no such feature yet */
    const char *pattern; /* of the row in api/rows.c */
    const char *subject; /* members that name what it is about: "a|b" */
    /* Writes the body; NULL: none is sent. */
    void (*write_body)(const struct json *request, struct json_writer *w);
    const char *query; /* fixed; what the request has besides is added */
    const char *wrap;  /* the answer is {wrap: data}; NULL: data itself */
    void (*shape)(const struct shape_input *input, struct json_writer *w);
    void (*write_query)(const struct json *request, struct strbuf *out);
    /* Served here, for the connection alone: writes data; -1: nothing. */
    int (*local)(struct live_connection *connection, const struct json *request,
                 struct json_writer *w, struct error *error);
    /* As `subject`, for a second part of the path; "=text": that text. */
    const char *part;
    /* Whether this row is meant; if not, the next one is. NULL: it is. */
    bool (*suits)(const struct json *request);
    const char *within; /* the subject's members stand in this one, too */
};
extern const struct event_row event_rows[];
extern const size_t n_event_rows;
const struct event_row *event_row_find(struct str event); /* or NULL */

/* Bodies. */
void body_all(const struct json *request, struct json_writer *w);
void body_updates(const struct json *request, struct json_writer *w);
void body_settings(const struct json *request, struct json_writer *w);
void body_favourite(const struct json *request, struct json_writer *w);
void body_profile(const struct json *request, struct json_writer *w);
void body_move(const struct json *request, struct json_writer *w);
void body_log_entry(const struct json *request, struct json_writer *w);
void body_section(const struct json *request, struct json_writer *w);
void body_sections(const struct json *request, struct json_writer *w);
void body_preset_text(const struct json *request, struct json_writer *w);
void body_new_preset(const struct json *request, struct json_writer *w);
/* Answers. */
void shape_deleted(const struct shape_input *input, struct json_writer *w);
void shape_loaded(const struct shape_input *input, struct json_writer *w);
void shape_unloaded(const struct shape_input *input, struct json_writer *w);
void shape_scanned(const struct shape_input *input, struct json_writer *w);
void shape_cleaned(const struct shape_input *input, struct json_writer *w);
void shape_logs(const struct shape_input *input, struct json_writer *w);
void shape_cleared(const struct shape_input *input, struct json_writer *w);
/* logging.c: the log's settings and files. */
void body_logging(const struct json *request, struct json_writer *w);
void body_logging_reset(const struct json *request, struct json_writer *w);
void shape_logging(const struct shape_input *input, struct json_writer *w);
void shape_log_files(const struct shape_input *input, struct json_writer *w);
void shape_log_file(const struct shape_input *input, struct json_writer *w);
void shape_files_cleared(const struct shape_input *input,
                         struct json_writer *w);
void shape_engine_log(const struct shape_input *input, struct json_writer *w);
/* Tells of a setting that is one of the log's. */
void logging_tell(struct live *live, const char *key);
void shape_history(const struct shape_input *input, struct json_writer *w);
void query_history(const struct json *request, struct strbuf *out);
int local_subscribe(struct live_connection *connection,
                    const struct json *request, struct json_writer *w,
                    struct error *error);
int local_unsubscribe(struct live_connection *connection,
                      const struct json *request, struct json_writer *w,
                      struct error *error);
void shape_metrics(const struct shape_input *input, struct json_writer *w);
/* Writes from[member], or null, under another name. */
void copy_member(const struct json *from, const char *member, const char *name,
                 struct json_writer *w);
void shape_presets(const struct shape_input *input, struct json_writer *w);
void shape_preset(const struct shape_input *input, struct json_writer *w);
void shape_preset_deleted(const struct shape_input *input,
                          struct json_writer *w);
void shape_preset_models(const struct shape_input *input,
                         struct json_writer *w);
void shape_preset_defaults(const struct shape_input *input,
                           struct json_writer *w);
void shape_preset_checked(const struct shape_input *input,
                          struct json_writer *w);
void shape_preset_options(const struct shape_input *input,
                          struct json_writer *w);
bool suits_record(const struct json *request);
bool suits_router(const struct json *request);
void body_model(const struct json *request, struct json_writer *w);
void body_router_config(const struct json *request, struct json_writer *w);
void body_with_preset(const struct json *request, struct json_writer *w);
void shape_launched(const struct shape_input *input, struct json_writer *w);
void shape_llama(const struct shape_input *input, struct json_writer *w);
void shape_llama_started(const struct shape_input *input,
                         struct json_writer *w);
void shape_llama_stopped(const struct shape_input *input,
                         struct json_writer *w);
void shape_llama_settings(const struct shape_input *input,
                          struct json_writer *w);
void shape_config(const struct shape_input *input, struct json_writer *w);
void shape_router_config(const struct shape_input *input,
                         struct json_writer *w);
void shape_models_dir(const struct shape_input *input, struct json_writer *w);
/* REST's, as this wire has them. */
void write_llama_status(const struct json *status, struct json_writer *w);
void write_router_config(const struct json *config, struct json_writer *w);
void write_launched(struct api *api, struct str id, struct json_writer *w);

/* {presets: [...]} of REST's list of them. */
void write_presets(const struct json *presets, struct json_writer *w);

#endif
