/* Moving, deleting, asking. */
#include "fixture.h"

/* ---- changing ---- */

static void
on_moved(void *ctx, const struct model *model,
         const struct library_moved *moved, const struct error *error)
{
    struct fixture *f = ctx;
    (void)model;
    f->n_calls++;
    f->error = error == NULL ? (struct error){ .code = ERR_OK } : *error;
    snprintf(f->old_path, sizeof f->old_path, "%s", moved->old_path);
    f->n_moved_names = moved->moved.n;
    f->n_relinked = moved->relinked.n;
    f->n_left = moved->left.n;
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

/* The archive on another file system; or the test is skipped. */
static void
put_archive_elsewhere(struct fixture *f, char dir[64])
{
    struct stat here, there;
    snprintf(dir, 64, "/dev/shm/hearth-archive-XXXXXX");
    if (mkdtemp(dir) == NULL)
        skip();
    assert_int_equal(stat(f->dir, &here), 0);
    assert_int_equal(stat(dir, &there), 0);
    if (here.st_dev == there.st_dev) {
        rmdir(dir);
        skip();
    }
    f->options.archive_dir = str_from(dir);
    assert_int_equal(library_configure(f->library, &f->options, &f->error), 1);
    scan(f);
}

static void
test_moving_to_another_disk(void **state)
{
    struct fixture *f = *state;
    char dir[64], path[200], id[ID_BYTES];
    put(f, "models/vae/v.safetensors", "1");
    put(f, "models/vae/v.preview.png", "png");
    put(f, "models/vae/huge.safetensors", "1");
    assert_int_equal(
        truncate(at(f, "models/vae/huge.safetensors"), (off_t)1 << 42), 0);
    put(f, "models/folder/config.json", "{\"model_type\":\"llama\"}");
    put(f, "models/folder/model.safetensors", "55555");
    put_archive_elsewhere(f, dir);
    copy_id(f, "folder", id);
    assert_int_equal(move_model(f, "folder", MODEL_ARCHIVE), ERR_OK);
    scan(f);
    assert_string_equal(find(f, "folder")->id, id);
    assert_int_equal(find(f, "folder")->category, MODEL_ARCHIVE);
    assert_false(is_there(f, "models/folder"));
    copy_id(f, "v", id);
    assert_int_equal(move_model(f, "v", MODEL_ARCHIVE), ERR_OK);
    scan(f);
    snprintf(path, sizeof path, "%s/vae/v.safetensors", dir);
    assert_string_equal(find(f, "v")->path, path);
    assert_string_equal(find(f, "v")->id, id);
    snprintf(path, sizeof path, "%s/vae/v.preview.png", dir);
    assert_string_equal(find(f, "v")->preview_path, path);
    assert_false(is_there(f, "models/vae/v.safetensors"));
    assert_int_equal(move_model(f, "huge", MODEL_ARCHIVE), ERR_NO_SPACE);
    assert_non_null(strstr(f->error.message, "4398046511104 are needed"));
    assert_true(is_there(f, "models/vae/huge.safetensors"));
    assert_int_equal(move_model(f, "v", MODEL_ACTIVE), ERR_OK);
    assert_true(is_there(f, "models/vae/v.preview.png"));
    remove_tree(dir);
}

/* Their names, and what would be freed. */
static char told[2000];
static int64_t told_bytes;

static void
on_deleted(void *ctx, const struct library_files *files,
           const struct error *error)
{
    struct fixture *f = ctx;
    size_t n = 0;
    f->n_calls++;
    f->error = error == NULL ? (struct error){ .code = ERR_OK } : *error;
    told[0] = '\0';
    for (size_t i = 0; files != NULL && i < files->n; i++)
        n += (size_t)snprintf(told + n, sizeof told - n, "%s%s",
                              i == 0 ? "" : " ",
                              files->paths[i] + strlen(f->dir) + 1);
    told_bytes = files == NULL ? -1 : files->size_bytes;
    loop_stop(&f->loop);
}

static enum error_code
try_to_delete(struct fixture *f, const char *name, bool is_dry)
{
    f->n_calls = 0;
    library_delete(f->library, find(f, name)->id, is_dry, on_deleted, f);
    while (f->n_calls == 0)
        loop_run(&f->loop);
    return f->error.code;
}

static void
delete_model(struct fixture *f, const char *name, bool is_dry)
{
    assert_int_equal(try_to_delete(f, name, is_dry), ERR_OK);
}

/* Between the scan and now, the folder became a link. */
static void
test_no_link_leads_deleting_elsewhere(void **state)
{
    struct fixture *f = *state;
    put(f, "models/vae/v.safetensors", "1");
    scan(f);
    move(f, "models/vae", "outside");
    put_link(f, "../outside", "models/vae");
    assert_int_equal(try_to_delete(f, "v", false), ERR_INVALID);
    assert_int_equal(move_model(f, "v", MODEL_ARCHIVE), ERR_INVALID);
    assert_true(is_there(f, "outside/v.safetensors"));
}

static void
test_what_deleting_would_do(void **state)
{
    struct fixture *f = *state;
    put(f, "models/big-00001-of-00002.gguf", "1");
    put(f, "models/big-00002-of-00002.gguf", "22");
    put(f, "models/loras/a.safetensors", "333");
    put(f, "models/loras/a.metadata.json", "{}");
    put(f, "models/loras/ab.safetensors", "4444");
    put(f, "models/folder/config.json", "{\"model_type\":\"llama\"}");
    put(f, "models/folder/model.safetensors", "55555");
    scan(f);
    delete_model(f, "big-00001-of-00002", true);
    assert_string_equal(told, "models/big-00001-of-00002.gguf "
                              "models/big-00002-of-00002.gguf");
    assert_int_equal(told_bytes, 3);
    delete_model(f, "a", true);
    assert_string_equal(told, "models/loras/a.safetensors "
                              "models/loras/a.metadata.json");
    assert_int_equal(told_bytes, 5);
    delete_model(f, "folder", true);
    assert_non_null(strstr(told, "models/folder/config.json"));
    assert_non_null(strstr(told, "models/folder/model.safetensors"));
    assert_int_equal(told_bytes, 5 + 22);
    assert_names(f, "a ab big-00001-of-00002 folder");
    delete_model(f, "folder", false);
    delete_model(f, "a", false);
    assert_false(is_there(f, "models/folder"));
    assert_false(is_there(f, "models/loras/a.metadata.json"));
    assert_true(is_there(f, "models/loras/ab.safetensors"));
    assert_names(f, "ab big-00001-of-00002");
}

#define SNAPSHOTS "hub/models--org--repo/snapshots/"

/* A projector goes with the last model that it belongs to. */
static void
test_deleting_with_a_projector(void **state)
{
    struct fixture *f = *state;
    put(f, "models/gemma-4b-q4.gguf", "1");
    put(f, "models/gemma-4b-q8.gguf", "22");
    put(f, "models/mmproj-gemma-4b-f16.gguf", "333");
    scan(f);
    delete_model(f, "gemma-4b-q4", false);
    assert_string_equal(told, "models/gemma-4b-q4.gguf");
    delete_model(f, "gemma-4b-q8", false);
    assert_string_equal(told, "models/gemma-4b-q8.gguf "
                              "models/mmproj-gemma-4b-f16.gguf");
    assert_int_equal(told_bytes, 5);
    assert_false(is_there(f, "models/mmproj-gemma-4b-f16.gguf"));
}

/* A folder goes with its files, and with nothing of another model's. */
static void
test_deleting_a_folder_keeps_other_models(void **state)
{
    struct fixture *f = *state;
    put(f, "models/both/config.json", "{\"model_type\":\"llama\"}");
    put(f, "models/both/model.safetensors", "1");
    put(f, "models/both/same.gguf", "22");
    put(f, "models/both/deep/inner/config.json", "{\"model_type\":\"bert\"}");
    put(f, "models/both/deep/inner/model.safetensors", "333");
    put(f, "models/both/deep/notes.txt", "4444");
    put(f, "models/kept/precious.txt", "kept");
    put_link(f, "../kept", "models/both/linked");
    scan(f);
    assert_names(f, "both inner same");
    delete_model(f, "both", false);
    assert_int_equal(told_bytes, 22 + 1 + 4);
    assert_names(f, "inner same");
    assert_true(is_there(f, "models/both/same.gguf"));
    assert_true(is_there(f, "models/both/deep/inner/config.json"));
    assert_false(is_there(f, "models/both/config.json"));
    assert_true(is_there(f, "models/kept/precious.txt"));
    delete_model(f, "inner", false);
    assert_false(is_there(f, "models/both/deep/inner"));
}

/* All names of a file go; bytes that another program has stay its. */
static void
test_deleting_a_file_of_several_names(void **state)
{
    struct fixture *f = *state;
    char from[800];
    put(f, "models/a.gguf", "333");
    snprintf(from, sizeof from, "%s", at(f, "models/a.gguf"));
    assert_int_equal(link(from, at(f, "models/b.gguf")), 0);
    put_link(f, "a.gguf", "models/c.gguf");
    put(f, "ollama/blobs/sha256-" DIGEST, "4444");
    put(f, "ollama/manifests/registry.ollama.ai/library/whale/7b",
        "{\"layers\":[" LAYER("model", DIGEST) "]}");
    snprintf(from, sizeof from, "%s", at(f, "ollama/blobs/sha256-" DIGEST));
    assert_int_equal(link(from, at(f, "models/whale.gguf")), 0);
    scan(f);
    assert_names(f, "a whale");
    delete_model(f, "a", true);
    assert_int_equal(told_bytes, 3);
    delete_model(f, "a", false);
    assert_false(is_there(f, "models/b.gguf"));
    delete_model(f, "whale", false);
    assert_string_equal(told, "models/whale.gguf");
    assert_int_equal(told_bytes, 0);
    scan(f);
    assert_names(f, "whale:7b");
}

/* A blob stays as long as another revision has it. */
static void
test_deleting_from_the_hubs_cache(void **state)
{
    struct fixture *f = *state;
    put(f, "hub/models--org--repo/refs/main", "new");
    put(f, "hub/models--org--repo/blobs/b1", "333");
    put(f, "hub/models--org--repo/blobs/b2", "4444");
    put_link(f, "../../blobs/b1", SNAPSHOTS "new/shared.gguf");
    put_link(f, "../../blobs/b1", SNAPSHOTS "old/shared.gguf");
    put_link(f, "../../blobs/b2", SNAPSHOTS "new/own.gguf");
    scan(f);
    delete_model(f, "own", true);
    assert_string_equal(told, SNAPSHOTS "new/own.gguf "
                                        "hub/models--org--repo/blobs/b2");
    assert_int_equal(told_bytes, 4);
    delete_model(f, "own", false);
    delete_model(f, "shared", false);
    assert_string_equal(told, SNAPSHOTS "new/shared.gguf");
    assert_int_equal(told_bytes, 0);
    assert_true(is_there(f, "hub/models--org--repo/blobs/b1"));
    assert_true(is_there(f, SNAPSHOTS "old/shared.gguf"));
    assert_false(is_there(f, "hub/models--org--repo/blobs/b2"));
}

/* The blobs of a whole folder, too. */
static void
test_deleting_a_folder_of_the_hubs_cache(void **state)
{
    struct fixture *f = *state;
    put(f, "hub/models--org--repo/refs/main", "new");
    put(f, "hub/models--org--repo/blobs/b1", "{\"model_type\":\"llama\"}");
    put(f, "hub/models--org--repo/blobs/b2", "4444");
    put(f, "hub/models--org--repo/blobs/b3", "55555");
    put_link(f, "../../blobs/b1", SNAPSHOTS "new/config.json");
    put_link(f, "../../blobs/b2", SNAPSHOTS "new/model.safetensors");
    put_link(f, "../../blobs/b3", SNAPSHOTS "new/tokenizer.json");
    put_link(f, "../../blobs/b3", SNAPSHOTS "old/tokenizer.json");
    scan(f);
    assert_int_equal(library_count(f->library), 1);
    char name[200];
    snprintf(name, sizeof name, "%s", library_at(f->library, 0)->name);
    delete_model(f, name, true);
    assert_int_equal(told_bytes, 22 + 4);
    delete_model(f, name, false);
    assert_false(is_there(f, SNAPSHOTS "new"));
    assert_false(is_there(f, "hub/models--org--repo/blobs/b1"));
    assert_false(is_there(f, "hub/models--org--repo/blobs/b2"));
    assert_true(is_there(f, SNAPSHOTS "old/tokenizer.json"));
    assert_names(f, "");
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
    delete_model(f, "goes:x", false);
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
assert_link(struct fixture *f, const char *name, const char *target)
{
    char text[800];
    ssize_t n = readlink(at(f, name), text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_string_equal(text, at(f, target));
}

static void
test_second_names_go_along_or_follow(void **state)
{
    struct fixture *f = *state;
    char from[800];
    put(f, "models/vae/v.safetensors", "1");
    put(f, "models/vae/other.safetensors", "22");
    snprintf(from, sizeof from, "%s", at(f, "models/vae/v.safetensors"));
    assert_int_equal(link(from, at(f, "models/a.safetensors")), 0);
    put_link(f, "vae/v.safetensors", "models/link.safetensors");
    scan(f);
    assert_string_equal(find(f, "a")->path, at(f, "models/a.safetensors"));
    assert_int_equal(find(f, "a")->other_paths.n, 2);
    assert_int_equal(move_model(f, "a", MODEL_ARCHIVE), ERR_OK);
    assert_int_equal(f->n_moved_names, 1);
    assert_int_equal(f->n_relinked, 1);
    assert_int_equal(f->n_left, 0);
    assert_true(is_there(f, "models/archive/a.safetensors"));
    assert_true(is_there(f, "models/archive/vae/v.safetensors"));
    assert_false(is_there(f, "models/vae/v.safetensors"));
    assert_link(f, "models/link.safetensors", "models/archive/a.safetensors");
    scan(f); /* no second name brings it back */
    assert_int_equal(find(f, "a")->category, MODEL_ARCHIVE);
    assert_int_equal(find(f, "a")->other_paths.n, 2);
    assert_int_equal(move_model(f, "a", MODEL_ACTIVE), ERR_OK);
    assert_link(f, "models/link.safetensors", "models/a.safetensors");
    assert_true(is_there(f, "models/vae/v.safetensors"));
    assert_false(is_there(f, "models/archive/vae/v.safetensors"));
    scan(f);
    assert_int_equal(find(f, "a")->category, MODEL_ACTIVE);

    /* One that is in the way brings everything back. */
    put(f, "models/archive/vae/v.safetensors", "in the way");
    assert_int_equal(move_model(f, "a", MODEL_ARCHIVE), ERR_CONFLICT);
    assert_true(is_there(f, "models/a.safetensors"));
    assert_true(is_there(f, "models/vae/v.safetensors"));
    assert_link(f, "models/link.safetensors", "models/a.safetensors");
}

static void
test_hard_links_stay_on_their_disk(void **state)
{
    struct fixture *f = *state;
    char dir[64], from[800];
    put(f, "models/vae/v.safetensors", "1");
    snprintf(from, sizeof from, "%s", at(f, "models/vae/v.safetensors"));
    assert_int_equal(link(from, at(f, "models/w.safetensors")), 0);
    put_archive_elsewhere(f, dir);
    scan(f);
    assert_int_equal(move_model(f, "v", MODEL_ARCHIVE), ERR_OK);
    assert_int_equal(f->n_moved_names, 0);
    assert_int_equal(f->n_left, 1);
    assert_true(is_there(f, "models/w.safetensors"));
    remove_tree(dir);
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
        TEST(test_moving_to_another_disk),
        TEST(test_what_deleting_would_do),
        TEST(test_deleting_with_a_projector),
        TEST(test_deleting_a_folder_keeps_other_models),
        TEST(test_deleting_a_file_of_several_names),
        TEST(test_deleting_from_the_hubs_cache),
        TEST(test_deleting_a_folder_of_the_hubs_cache),
        TEST(test_no_link_leads_deleting_elsewhere),
        TEST(test_deleting_of_ollamas),
        TEST(test_no_link_leads_a_move_elsewhere),
        TEST(test_second_names_go_along_or_follow),
        TEST(test_hard_links_stay_on_their_disk),
        TEST(test_other_programs_stores_are_not_moved),
        TEST(test_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
