#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The request under way; answers never come inside of fetch_text(). */
static struct rig *asking;
static bool is_pending;
static struct fetch_text_request pending;

struct fetch *
fetch_text(struct fetcher *fetcher, const struct fetch_text_request *request)
{
    struct rig *rig = asking;
    assert_null(fetcher);
    assert_false(is_pending);
    assert_true(rig->n_asked < 64);
    snprintf(rig->urls[rig->n_asked], sizeof rig->urls[0], "%s", request->url);
    snprintf(rig->bearers[rig->n_asked++], sizeof rig->bearers[0], "%s",
             request->bearer == NULL ? "" : request->bearer);
    pending = *request;
    is_pending = true;
    return (struct fetch *)rig;
}

int
fetch_check_url(struct fetcher *fetcher, const char *url, struct error *error)
{
    assert_null(fetcher);
    if (strncmp(url, "https://", 8) == 0)
        return 0;
    return error_set(error, ERR_FORBIDDEN, "only https");
}

static void
give(const struct answer *answer)
{
    struct fetch_header headers[4];
    struct fetch_text_request request = pending;
    struct error error;
    is_pending = false;
    if (answer->status == 0) {
        error_set(&error, ERR_TIMEOUT, "no bytes for 20 s");
        request.on_done(request.ctx, NULL, &error);
        return;
    }
    struct fetch_head head = { .status = answer->status,
                               .headers = headers,
                               .content_length =
                                   (int64_t)strlen(answer->body) };
    while (head.n_headers < 4 && answer->headers[head.n_headers * 2] != NULL) {
        const char *const *pair = &answer->headers[head.n_headers * 2];
        headers[head.n_headers++] =
            (struct fetch_header){ str_from(pair[0]), str_from(pair[1]), 0 };
    }
    const struct fetch_answer whole = { answer->status, &head,
                                        str_from(answer->body) };
    request.on_done(request.ctx, &whole, NULL);
}

void
rig_open(struct rig *rig, const char *organization)
{
    struct error error;
    const char *organizations[] = { organization };
    *rig = (struct rig){ .n_asked = 0 };
    const struct hub_options options = {
        .huggingface_endpoint = HUGGINGFACE "/",
        .huggingface_token = "hf_stored",
        .civitai_endpoint = CIVITAI,
        .civitai_token = "art_stored",
        .organizations = organizations,
        .n_organizations = organization == NULL ? 0 : 1,
    };
    assert_int_equal(hub_new(&options, &rig->hub, &error), 0);
}

static void
forget(struct rig *rig)
{
    hub_plan_free(rig->plan);
    free(rig->data);
    rig->plan = NULL;
    rig->data = NULL;
}

void
rig_close(struct rig *rig)
{
    forget(rig);
    hub_free(rig->hub);
}

static void
begin(struct rig *rig, const struct answer *script, size_t n)
{
    forget(rig);
    rig->script = script;
    rig->n_script = n;
    rig->n_asked = rig->n_done = 0;
    rig->error = (struct error){ .code = ERR_OK };
    asking = rig;
}

/* Answers what is asked until nothing is; `rc` of the question. */
static bool
finish(struct rig *rig, int rc)
{
    for (size_t i = 0; is_pending; i++) {
        assert_true(i < rig->n_script);
        give(&rig->script[i]);
    }
    assert_int_equal(rig->n_done, rc == 0 ? 1 : 0);
    assert_int_equal(rig->n_asked, rig->n_script);
    return rig->error.code == ERR_OK;
}

static void
on_plan(void *ctx, const struct hub_plan *plan, const struct error *error)
{
    struct rig *rig = ctx;
    rig->n_done++;
    assert_true((plan == NULL) == (error != NULL));
    if (error != NULL)
        rig->error = *error;
    else
        assert_non_null(rig->plan = hub_plan_copy(plan));
}

static void
on_data(void *ctx, const struct strbuf *data, const struct error *error)
{
    struct rig *rig = ctx;
    rig->n_done++;
    assert_true((data == NULL) == (error != NULL));
    if (error != NULL)
        rig->error = *error;
    else
        assert_non_null(rig->data = str_dup(strbuf_view(data)));
}

bool
rig_resolve(struct rig *rig, const struct hub_request *request,
            const struct answer *script, size_t n)
{
    begin(rig, script, n);
    return finish(rig,
                  hub_resolve(rig->hub, request, on_plan, rig, &rig->error));
}

bool
rig_files(struct rig *rig, const struct hub_request *request,
          const struct answer *script, size_t n)
{
    begin(rig, script, n);
    return finish(rig, hub_files(rig->hub, request, on_data, rig, &rig->error));
}

bool
rig_search(struct rig *rig, const struct hub_search *search,
           const struct answer *script, size_t n)
{
    begin(rig, script, n);
    return finish(rig, hub_search(rig->hub, search, on_data, rig, &rig->error));
}

bool
rig_find_hash(struct rig *rig, const char *hash, const struct answer *script,
              size_t n)
{
    begin(rig, script, n);
    return finish(rig, hub_find_hash(rig->hub, str_from(hash), on_data, rig,
                                     &rig->error));
}

bool
rig_check_token(struct rig *rig, enum hub_source source, const char *token,
                const struct answer *script, size_t n)
{
    begin(rig, script, n);
    return finish(rig, hub_check_token(rig->hub, source, str_from(token),
                                       on_data, rig, &rig->error));
}
