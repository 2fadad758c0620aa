/* Changes that are one: run as one job, whose savepoint undoes them all. */
#include "store/sqlite/sqlite_internal.h"

struct group {
    struct job job;
    struct list members; /* struct job.node */
};

static struct job *
member_at(struct list *node)
{
    return LIST_ENTRY(node, struct job, node);
}

static int
run_members(struct db *db, struct job *job, struct error *error)
{
    struct group *group = (struct group *)job;
    LIST_FOR(node, &group->members)
    {
        struct job *member = member_at(node);
        if (member->run(db, member, error) < 0)
            return -1;
    }
    return 0;
}

static void
deliver_members(struct job *job, const struct error *error)
{
    struct group *group = (struct group *)job;
    LIST_FOR_SAFE(node, &group->members)
    {
        struct job *member = member_at(node);
        list_remove(node);
        member->has_failed = error != NULL;
        if (error != NULL)
            member->error = *error;
        job_deliver(member);
    }
}

static void
release_members(struct job *job)
{
    struct group *group = (struct group *)job;
    LIST_FOR_SAFE(node, &group->members)
    {
        list_remove(node);
        job_free(member_at(node));
    }
}

struct job *
group_new(void)
{
    struct group *group = job_new(sizeof *group, run_members, NULL, NULL);
    if (group == NULL)
        return NULL;
    list_init(&group->members);
    group->job.deliver = deliver_members;
    group->job.release = release_members;
    return &group->job;
}

void
group_add(struct job *group, struct job *job)
{
    list_push_back(&((struct group *)group)->members, &job->node);
}

void
group_cancel(struct job *group)
{
    error_set(&group->error, ERR_CANCELLED, "none of the changes was made");
    group->has_failed = true;
    job_deliver(group);
}
