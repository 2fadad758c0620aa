/* A whole control plane for tests: real modules over a store in a folder of
 * its own, served on an ephemeral port and a unix socket by a thread of its
 * own. No engine is installed, so nothing can be started. The test's thread
 * is the client, with plain blocking sockets. */
#ifndef TESTS_API_WORLD_H
#define TESTS_API_WORLD_H

#include "api/api.h"
#include "base/strbuf.h"
#include "store/store.h"

struct world;

/* `environment`: settings of the daemon, "HEARTH_X=..." and NULL at the end;
 * NULL: none. */
struct world *world_new(const char *const *environment);
void world_free(struct world *world);
int world_port(const struct world *world);
/* The folder of the library; it holds "m.gguf", which is not scanned. */
const char *world_models(const struct world *world);
/* Runs `fn` on the loop's thread and waits until it has returned. */
void world_do(struct world *world, void (*fn)(struct world *world, void *arg),
              void *arg);
/* For use inside of world_do. */
struct api_options *world_parts(struct world *world);

struct answer {
    int status;
    char headers[8192]; /* lower case names, one a line */
    struct strbuf body;
};

enum { ASK_BYTES_MAX = 4 * 1024 * 1024 };

struct question {
    const char *method;
    const char *target;
    const char *headers; /* lines with \r\n, or NULL */
    const char *body;    /* NULL: none */
    size_t n_body;       /* 0: strlen(body) */
    const char *type;    /* of the body; NULL: application/json */
    const char *host;    /* NULL: 127.0.0.1:port */
    bool is_unix;
    size_t declared; /* a length to declare without sending it */
};

/* Asks on a connection of its own and reads to the end. The answer is good
 * until answer_release. Fails the test when nothing comes. */
void ask(struct world *world, const struct question *question,
         struct answer *ret_answer);
void answer_release(struct answer *answer);
/* Value of a header, "" when absent; good until the next call. */
const char *answer_header(const struct answer *answer, const char *name);

/* A connection that stays: sends the question and reads the head of the
 * answer; then more until `text` has come, or the end (text NULL). */
int ask_open(struct world *world, const struct question *question);
bool read_until(int fd, const char *text, struct strbuf *into);

#endif
