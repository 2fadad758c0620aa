/* GET /api/system/engines: what is known of each engine and what is
 * installed of it. Programs are asked for their version on workers; the
 * answer comes when the last one is known. */
#include "api/handlers.h"
#include "core/instances/installed.h"

enum { TEXT_BYTES = 512 };

struct roll_row {
    struct roll *roll;
    const struct engine_manifest *manifest;
    char path[TEXT_BYTES];
    char version[TEXT_BYTES];
    char problem[ERROR_MESSAGE_MAX];
    bool is_installed;
    bool *lacks; /* by option; NULL: not known */
};

struct roll {
    struct call *call;
    struct roll_row *rows; /* by manifest */
    size_t n;
    size_t n_open; /* not known yet */
};

static void
write_lacks(const struct engine_manifest *manifest, const bool *lacks,
            struct json_writer *out)
{
    json_key(out, "lacks");
    if (lacks == NULL) {
        json_null(out);
        return;
    }
    json_array_begin(out);
    for (size_t i = 0; i < manifest->n_options; i++)
        if (lacks[i])
            json_text(out, manifest->options[i].key);
    json_array_end(out);
}

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
        write_lacks(manifest, row->lacks, out);
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
        struct json_writer *w = reply_begin(call);
        json_array_begin(w);
        for (size_t i = 0; i < roll->n; i++)
            write_row(roll->rows[i].manifest, &roll->rows[i], w);
        json_array_end(w);
        reply_end(call, 200);
    }
    call_unref(call);
}

/* What is known of its flags, for as long as the call lives. */
static bool *
list_lacks(struct roll *roll, const struct engine_manifest *manifest,
           const struct engine_binary *binary)
{
    size_t n = manifest->n_options;
    bool *lacks = binary->flags == NULL
                      ? NULL
                      : arena_alloc(&roll->call->arena, n * sizeof *lacks + 1);
    for (size_t i = 0; lacks != NULL && i < n; i++)
        lacks[i] = engine_lacks_option(binary, &manifest->options[i]);
    return lacks;
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
        row->lacks = list_lacks(row->roll, row->manifest, binary);
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
    *roll = (struct roll){ call_ref(call), rows, n, n + 1 };
    for (size_t i = 0; i < n; i++) {
        rows[i].roll = roll;
        rows[i].lacks = NULL;
        rows[i].manifest = engines_at(engines, i);
        installed_ask(call->api->options.instances, rows[i].manifest, on_known,
                      &rows[i]);
    }
    roll_close_one(roll);
}
