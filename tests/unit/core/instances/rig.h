/* For tests of the supervisor: a loop, a store in a folder of its own, the
 * engines with one more ("fake", tests/fake_engine), and instances on top,
 * with short intervals. Keepers are this very program. */
#ifndef TEST_INSTANCES_RIG_H
#define TEST_INSTANCES_RIG_H

#include "core/instances/instances.h"
#include "engines/engines.h"
#include "io/timer.h"
#include "store/store.h"

enum { RIG_PROFILES = 4, RIG_STATES = 4096 };

struct rig {
    char data_dir[64];
    bool owns_folder;
    struct loop loop;
    struct events events;
    struct store *store;
    struct engines *engines;
    struct instances *instances;
    struct instances_options options; /* may be changed before rig_open */
    struct subscription subscription;
    struct profile *profiles[RIG_PROFILES];
    int n_profiles;
    char states[RIG_STATES]; /* "starting loading ready " of all of them */
    size_t n_lines;          /* of log events */
    uint64_t next_seq;
    char *awaited_line; /* rig_wait_line */
    bool has_line;
    struct timer tick;
    int64_t deadline_ms;
    bool (*is_enough)(struct rig *rig);
    bool was_enough;
    const char *watched; /* profile id of rig_wait_state */
    enum instance_state watched_state;
    bool is_down;
    bool is_attached;
};

/* Fills options with short intervals; a new folder when `data_dir` is
 * NULL. */
void rig_init(struct rig *rig, const char *data_dir);
void rig_open(struct rig *rig);
/* Shuts the instances down, closes everything; the folder goes with it when
 * it is the rig's own. */
void rig_close(struct rig *rig);
/* As after kill -9 of the daemon, but in this process: nothing is stopped,
 * no row is written. */
void rig_abandon(struct rig *rig);

/* A profile of the fake engine that gets these flags by its environment. */
struct profile *rig_profile(struct rig *rig, const char *name,
                            const char *flags);
/* The same with another restart policy, under the same id. */
void rig_policy(struct rig *rig, struct profile *profile,
                enum restart_policy policy);
void rig_start(struct rig *rig, struct profile *profile);
void rig_view(struct rig *rig, const struct profile *profile,
              struct instance_view *ret_view);

/* Runs the loop until the condition or the time is over. */
bool rig_run(struct rig *rig, bool (*is_enough)(struct rig *rig),
             int64_t max_ms);
bool rig_wait_state(struct rig *rig, const struct profile *profile,
                    enum instance_state state, int64_t max_ms);
bool rig_wait_line(struct rig *rig, const char *text, int64_t max_ms);
void rig_pass(struct rig *rig, int64_t ms);

/* Handles the keeper role; call it first in main(). */
void rig_main(int argc, char **argv);
/* A number out of the engine's GET /stats. */
long rig_stat(const struct instance_view *view, const char *name);
bool rig_process_is_gone(int64_t pid, int64_t max_ms);
int rig_count_fds(void);
/* Children of this process, zombies included. */
int rig_count_children(void);

#endif
