/* The engine's process, from exec to the last of its group.
 *
 *     WAITING --spawn--> RUNNING --main exits--> ending --> EXITED
 *        |                                   (the group is killed,
 *        +--exec fails--> EXEC_FAILED         the pipe is emptied)
 *
 * Every signal goes to a group whose leader is our own unreaped child, so
 * its number cannot belong to anybody else. */
#ifndef KEEPER_ENGINE_H
#define KEEPER_ENGINE_H

#include "formats/keeper_protocol.h"
#include "keeper/log_ring.h"

struct engine {
    struct keeper_status status; /* what hearth is told */
    struct log_ring *ring;
    int output_fd;     /* read end of its stdout and stderr; -1: ended */
    int input_fd;      /* write end of its stdin, never written */
    bool is_ending;    /* main has exited, others may be left */
    int64_t end_by_ms; /* then nobody is waited for any longer */
    struct keeper_stop_step stop[KEEPER_STOP_STEPS];
    size_t n_stop;
    size_t next_step;
    bool is_stopping;
    int64_t step_at_ms; /* monotonic time of the next step */
};

void engine_init(struct engine *engine, struct log_ring *ring);
/* Runs the program. What went wrong stands in the status. */
void engine_start(struct engine *engine, const struct keeper_spec *spec);
bool engine_is_running(const struct engine *engine); /* or ending */

/* Begins the steps (again from the first one is no harm); forced goes to
 * the last resort at once. */
void engine_stop(struct engine *engine, bool is_forced, int64_t now_ms);
int engine_signal(struct engine *engine, int signum); /* 0 or -1 */

/* Takes what the pipe holds, up to a bounded share. */
void engine_read_output(struct engine *engine);
/* Reaps, takes due steps, moves the phase. Call it in every turn. */
void engine_turn(struct engine *engine, int64_t now_ms);
/* Milliseconds until engine_turn is due without any event, -1: never. */
int64_t engine_due_ms(const struct engine *engine, int64_t now_ms);

#endif
