/* GET /api/system/engines: what is known of each engine and what is
 * installed of it. Programs are asked for their version on workers; the
 * answer comes when the last one is known. */
#include "api/handlers.h"
#include "core/instances/installed.h"

enum { TEXT_BYTES = 512 };

struct roll_row {
    struct roll *roll;
    char path[TEXT_BYTES];
    char version[TEXT_BYTES];
    char problem[ERROR_MESSAGE_MAX];
    bool is_installed;
};

struct roll {
    struct call *call;
    struct roll_row *rows; /* by manifest */
    size_t n_open;         /* not known yet */
};

static void
write_row(const struct engine_manifest *manifest, const struct roll_row *row,
          struct json_writer *out)
{
    json_object_begin(out);
    member_text(out, "name", manifest->name);
    json_key(out, "manifest");
    engine_to_json(manifest, out);
    json_key(out, "binary");
    if (row->is_installed) {
        json_object_begin(out);
        member_text(out, "path", row->path);
        member_text(out, "version",
                    row->version[0] == '\0' ? NULL : row->version);
        json_object_end(out);
    } else {
        json_null(out);
    }
    member_text(out, "error", row->is_installed ? NULL : row->problem);
    json_object_end(out);
}

static void
roll_close_one(struct roll *roll)
{
    struct call *call = roll->call;
    if (--roll->n_open > 0)
        return;
    if (call_is_open(call)) {
        struct engines *engines = call->api->options.engines;
        struct json_writer *w = reply_begin(call);
        json_array_begin(w);
        for (size_t i = 0; i < engines_count(engines); i++)
            write_row(engines_at(engines, i), &roll->rows[i], w);
        json_array_end(w);
        reply_end(call, 200);
    }
    call_unref(call);
}

static void
on_known(void *ctx, const struct engine_binary *binary,
         const struct error *error)
{
    struct roll_row *row = ctx;
    row->is_installed = binary != NULL;
    if (binary != NULL) {
        snprintf(row->path, sizeof row->path, "%s", binary->path);
        snprintf(row->version, sizeof row->version, "%s",
                 binary->version == NULL ? "" : binary->version);
    } else {
        snprintf(row->problem, sizeof row->problem, "%s", error->message);
    }
    roll_close_one(row->roll);
}

void
system_engines(struct call *call)
{
    struct engines *engines = call->api->options.engines;
    size_t n = engines_count(engines);
    struct roll *roll = arena_alloc(&call->arena, sizeof *roll);
    struct roll_row *rows = arena_alloc(&call->arena, n * sizeof *rows);
    if (roll == NULL || rows == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    /* One more than there are, so that nothing ends inside of the loop. */
    *roll = (struct roll){ call_ref(call), rows, n + 1 };
    for (size_t i = 0; i < n; i++) {
        rows[i].roll = roll;
        installed_ask(call->api->options.instances, engines_at(engines, i),
                      on_known, &rows[i]);
    }
    roll_close_one(roll);
}
