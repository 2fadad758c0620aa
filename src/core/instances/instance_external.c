/* An engine that runs elsewhere: it is asked whether it is there, and nothing
 * else is done to it. */
#include <stdio.h>

#include "core/instances/instances_internal.h"

static int
take_key(struct instance *instance, struct profile *profile,
         struct error *error)
{
    struct json_doc *options =
        json_parse(str_from(profile->options_json), error);
    struct str key = STR("");
    if (options == NULL)
        return -1;
    json_as_text(json_get(json_root(options), "api_key"), &key);
    snprintf(instance->api_key, sizeof instance->api_key, "%.*s", STR_ARG(key));
    json_doc_free(options);
    return 0;
}

int
instance_start_external(struct instance *instance, struct profile *profile,
                        const char *reason, struct error *error)
{
    if (profile->port == 0)
        return error_field(error, "port",
                           "a server that runs already has a port: none is "
                           "named");
    if (take_key(instance, profile, error) != 0)
        return -1;
    instance_begin_run(instance);
    instance_set_address(instance, profile->port);
    uint64_t run = instance->run;
    instance_set_state(instance, INSTANCE_STARTING, NULL, "%s", reason);
    if (instance->run != run || instance->state != INSTANCE_STARTING)
        return 0;
    instance_store(instance, NULL);
    instance_probe_begin(instance);
    return 0;
}
