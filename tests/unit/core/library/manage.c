/* Moving, deleting, asking. */
#include "fixture.h"

/* ---- changing ---- */

static void
on_moved(void *ctx, const struct model *model, const char *old_path,
         const struct error *error)
{
    struct fixture *f = ctx;
    (void)model;
    f->n_calls++;
    f->error = error == NULL ? (struct error){ .code = ERR_OK } : *error;
    snprintf(f->old_path, sizeof f->old_path, "%s", old_path);
    loop_stop(&f->loop);
}

static enum error_code
move_model(struct fixture *f, const char *name, enum model_category category)
{
    f->n_calls = 0;
    library_move(f->library, find(f, name)->id, category, on_moved, f);
    while (f->n_calls == 0)
        loop_run(&f->loop);
    return f->error.code;
}

static void
test_a_move_that_fails_is_undone(void **state)
{
    struct fixture *f = *state;
    put(f, "models/vae/v.safetensors", "1");
    put(f, "models/vae/v.civitai.info", "{}");
    put(f, "models/archive/vae/v.civitai.info", "in the way");
    scan(f);
    assert_int_equal(move_model(f, "v", MODEL_ARCHIVE), ERR_CONFLICT);
    assert_non_null(strstr(f->error.message, "v.civitai.info"));
    assert_true(is_there(f, "models/vae/v.safetensors"));
    assert_false(is_there(f, "models/archive/vae/v.safetensors"));
    assert_int_equal(find(f, "v")->category, MODEL_ACTIVE);
    assert_int_equal(unlink(at(f, "models/archive/vae/v.civitai.info")), 0);
    assert_int_equal(move_model(f, "v", MODEL_ARCHIVE), ERR_OK);
    assert_true(is_there(f, "models/archive/vae/v.civitai.info"));
    assert_string_equal(find(f, "v")->path,
                        at(f, "models/archive/vae/v.safetensors"));
    assert_int_equal(move_model(f, "v", MODEL_ARCHIVE), ERR_CONFLICT);
}

static void
on_deleted(void *ctx, const struct library_files *files,
           const struct error *error)
{
    struct fixture *f = ctx;
    (void)files;
    f->n_calls++;
    f->error = error == NULL ? (struct error){ .code = ERR_OK } : *error;
    loop_stop(&f->loop);
}

/* What another model needs stays, be that model ever so broken. */
static void
test_deleting_of_ollamas(void **state)
{
    struct fixture *f = *state;
    put(f, "ollama/blobs/sha256-" DIGEST, "1");
    put(f, "ollama/blobs/sha256-" OTHER, "22");
    put(f, "ollama/blobs/sha256-" THIRD, "333");
    put(f, "ollama/manifests/hf.co/org/goes/x",
        "{\"config\":{\"digest\":\"sha256:" THIRD "\"},\"layers\":[" LAYER(
            "model", DIGEST) "," LAYER("license", OTHER) "]}");
    put(f, "ollama/manifests/registry.ollama.ai/library/stays/x",
        "{ sha256:" OTHER);
    scan(f);
    f->n_calls = 0;
    library_delete(f->library, find(f, "goes:x")->id, false, on_deleted, f);
    while (f->n_calls == 0)
        loop_run(&f->loop);
    assert_int_equal(f->error.code, ERR_OK);
    assert_false(is_there(f, "ollama/manifests/hf.co/org/goes/x"));
    assert_false(is_there(f, "ollama/blobs/sha256-" DIGEST));
    assert_false(is_there(f, "ollama/blobs/sha256-" THIRD));
    assert_true(is_there(f, "ollama/blobs/sha256-" OTHER));
}

static void
test_no_link_leads_a_move_elsewhere(void **state)
{
    struct fixture *f = *state;
    put(f, "models/vae/v.safetensors", "1");
    scan(f);
    assert_int_equal(mkdir(at(f, "outside"), 0700), 0);
    put_link(f, "../../outside", "models/archive/vae");
    assert_int_equal(move_model(f, "v", MODEL_ARCHIVE), ERR_INVALID);
    assert_true(is_there(f, "models/vae/v.safetensors"));
    assert_false(is_there(f, "outside/v.safetensors"));
}

static void
test_other_programs_stores_are_not_moved(void **state)
{
    struct fixture *f = *state;
    put(f, "hub/models--org--repo/snapshots/x/m.gguf", "44");
    scan(f);
    assert_int_equal(move_model(f, "m", MODEL_ARCHIVE), ERR_INVALID);
    assert_true(is_there(f, "hub/models--org--repo/snapshots/x/m.gguf"));
}

static void
test_questions(void **state)
{
    struct fixture *f = *state;
    put(f, "models/loras/big.safetensors", "333");
    put(f, "models/loras/small.safetensors", "1");
    put(f, "models/llm.gguf", "22");
    scan(f);
    struct library_query query = { .text = STR("BIG style"),
                                   .kind = -1,
                                   .source = -1,
                                   .category = -1,
                                   .favourite = -1 };
    const struct model **models;
    size_t n;
    assert_int_equal(library_select(f->library, &query, &models, &n), 0);
    assert_int_equal(n, 0); /* every word has to be there */
    free(models);
    query.text = STR("LORAS");
    query.sort = STR("size_bytes");
    query.is_descending = true;
    assert_int_equal(library_select(f->library, &query, &models, &n), 0);
    assert_int_equal(n, 2);
    assert_string_equal(models[0]->name, "big");
    assert_string_equal(models[1]->name, "small");
    free(models);
    query = (struct library_query){ .kind = MODEL_KIND_LORA,
                                    .source = MODEL_SOURCE_OLLAMA,
                                    .category = -1,
                                    .favourite = -1 };
    assert_int_equal(library_select(f->library, &query, &models, &n), 0);
    assert_int_equal(n, 0);
    free(models);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_move_that_fails_is_undone),
        TEST(test_deleting_of_ollamas),
        TEST(test_no_link_leads_a_move_elsewhere),
        TEST(test_other_programs_stores_are_not_moved),
        TEST(test_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
