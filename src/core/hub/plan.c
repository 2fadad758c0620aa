/* Copies of plans: see hub.h. */
#include <stdlib.h>

#include "core/hub/hub.h"

void
hub_plan_free(struct hub_plan *plan)
{
    if (plan == NULL)
        return;
    for (size_t i = 0; i < plan->n_files; i++) {
        free(plan->files[i].path);
        free(plan->files[i].url);
    }
    free(plan->files);
    free(plan->model_id);
    free(plan->revision);
    free(plan->ref);
    free(plan->variant);
    free(plan->display_name);
    free(plan->kind);
    free(plan->token);
    free(plan->sidecar);
    free(plan->preview_url);
    free(plan);
}

static char *
copy(const char *text)
{
    return str_dup(str_from(text == NULL ? "" : text));
}

struct hub_plan *
hub_plan_copy(const struct hub_plan *from)
{
    struct hub_plan *to = calloc(1, sizeof *to);
    if (to == NULL)
        return NULL;
    *to = (struct hub_plan){
        .source = from->source,
        .model_id = copy(from->model_id),
        .revision = copy(from->revision),
        .ref = copy(from->ref),
        .variant = copy(from->variant),
        .display_name = copy(from->display_name),
        .kind = copy(from->kind),
        .token = copy(from->token),
        .sidecar = copy(from->sidecar),
        .preview_url = copy(from->preview_url),
        .is_renamed = from->is_renamed,
        .files = calloc(from->n_files + 1, sizeof *to->files),
    };
    bool is_whole = to->model_id != NULL && to->revision != NULL &&
                    to->ref != NULL && to->variant != NULL &&
                    to->display_name != NULL && to->kind != NULL &&
                    to->token != NULL && to->sidecar != NULL &&
                    to->preview_url != NULL && to->files != NULL;
    for (size_t i = 0; is_whole && i < from->n_files; i++) {
        to->files[i] = from->files[i];
        to->files[i].path = copy(from->files[i].path);
        to->files[i].url = copy(from->files[i].url);
        to->n_files++;
        is_whole = to->files[i].path != NULL && to->files[i].url != NULL;
    }
    if (is_whole)
        return to;
    hub_plan_free(to);
    return NULL;
}
