/* Which model it is, and what other programs' stores look like to the
 * library. */
#include "fixture.h"

/* ---- identity ---- */

static void
test_only_what_changed_is_read(void **state)
{
    struct fixture *f = *state;
    put(f, "models/a.gguf", "1");
    put(f, "models/b.gguf", "22");
    assert_int_equal(scan(f).n_read, 2);
    assert_int_equal(scan(f).n_read, 0);
    put(f, "models/b.gguf", "333");
    assert_int_equal(scan(f).n_read, 1);
    close_all(f);
    open_all(f);
    assert_names(f, "a b");
    assert_int_equal(scan(f).n_read, 0); /* the store knows them */
}

static void
test_ids_follow_names_that_are_swapped(void **state)
{
    struct fixture *f = *state;
    char a[ID_BYTES], b[ID_BYTES];
    put(f, "models/a.gguf", "1");
    put(f, "models/b.gguf", "22");
    scan(f);
    copy_id(f, "a", a);
    copy_id(f, "b", b);
    move(f, "models/a.gguf", "models/x.gguf");
    move(f, "models/b.gguf", "models/a.gguf");
    move(f, "models/x.gguf", "models/b.gguf");
    scan(f);
    assert_string_equal(find(f, "a")->id, b);
    assert_string_equal(find(f, "b")->id, a);
}

static void
test_an_id_waits_for_a_file_that_is_gone(void **state)
{
    struct fixture *f = *state;
    char a[ID_BYTES], moved[ID_BYTES];
    put(f, "models/a.gguf", "1");
    put(f, "models/m.gguf", "22");
    scan(f);
    copy_id(f, "a", a);
    copy_id(f, "m", moved);
    assert_int_equal(unlink(at(f, "models/a.gguf")), 0);
    assert_int_equal(mkdir(at(f, "away"), 0700), 0);
    move(f, "models/m.gguf", "away/m.gguf");
    scan(f);
    assert_names(f, "");
    close_all(f);
    open_all(f);
    put(f, "models/a.gguf", "4444");
    move(f, "away/m.gguf", "models/other.gguf");
    scan(f);
    assert_string_equal(find(f, "a")->id, a);
    assert_string_equal(find(f, "other")->id, moved);
}

static void
test_a_copy_of_what_is_gone_is_it(void **state)
{
    struct fixture *f = *state;
    char id[ID_BYTES];
    put(f, "models/a.gguf", "GGUF and a head of its own");
    put(f, "models/b.gguf", "no head at all");
    scan(f);
    copy_id(f, "a", id);
    assert_non_null(strstr(find(f, "b")->error, "no GGUF file"));
    put(f, "models/copy.gguf", "GGUF and a head of its own");
    scan(f);
    assert_string_not_equal(find(f, "copy")->id, id); /* a is there, too */
    assert_int_equal(unlink(at(f, "models/a.gguf")), 0);
    assert_int_equal(unlink(at(f, "models/b.gguf")), 0);
    assert_int_equal(unlink(at(f, "models/copy.gguf")), 0);
    put(f, "models/deep/else.gguf", "GGUF and a head of its own");
    put(f, "models/deep/other.gguf", "no head at all");
    copy_id(f, "copy", id); /* the last that was seen with this head */
    scan(f);
    assert_names(f, "else other");
    assert_string_equal(find(f, "else")->id, id);
}

/* The head says nothing (it is no GGUF file); the names of both stores are
 * the digest. */
static void
test_a_digest_knows_a_file_again(void **state)
{
    struct fixture *f = *state;
    char id[ID_BYTES];
    put(f, "hub/models--org--repo/blobs/" DIGEST, "1");
    put_link(f, "../../blobs/" DIGEST,
             "hub/models--org--repo/snapshots/x/m.gguf");
    scan(f);
    copy_id(f, "m", id);
    remove_tree(at(f, "hub"));
    scan(f);
    assert_names(f, "");
    put(f, "ollama/blobs/sha256-" DIGEST, "1");
    put(f, "ollama/manifests/registry.ollama.ai/library/whale/7b",
        "{\"layers\":[" LAYER("model", DIGEST) "]}");
    scan(f);
    assert_string_equal(find(f, "whale:7b")->id, id);
}

static void
test_guesses_from_a_name_are_marked(void **state)
{
    struct fixture *f = *state;
    put(f, "models/Qwen2.5-7B-Instruct-Q4_K_M.gguf", "damaged");
    put(f, "models/nothing.gguf", "damaged");
    scan(f);
    const struct model *model = find(f, "Qwen2.5-7B-Instruct-Q4_K_M");
    assert_string_equal(model->quantization, "Q4_K_M");
    assert_string_equal(model->architecture, "Qwen");
    assert_int_equal(model->n_parameters, 7000000000);
    assert_int_equal(model->guessed.n, 3);
    assert_true(text_list_has(&model->guessed, STR("quantization")));
    assert_int_equal(find(f, "nothing")->guessed.n, 0);
}

static void
test_hard_links_are_one_file(void **state)
{
    struct fixture *f = *state;
    char from[800];
    put(f, "models/a.gguf", "1");
    snprintf(from, sizeof from, "%s", at(f, "models/a.gguf"));
    assert_int_equal(link(from, at(f, "models/z.gguf")), 0);
    scan(f);
    assert_names(f, "a");
    assert_int_equal(find(f, "a")->other_paths.n, 1);
    assert_string_equal(find(f, "a")->other_paths.at[0],
                        at(f, "models/z.gguf"));
    char id[ID_BYTES];
    copy_id(f, "a", id);
    assert_int_equal(unlink(at(f, "models/a.gguf")), 0);
    scan(f);
    assert_string_equal(find(f, "z")->id, id);
}

static void
test_what_an_unreadable_folder_had_stays(void **state)
{
    struct fixture *f = *state;
    char id[ID_BYTES];
    put(f, "models/a.gguf", "1");
    scan(f);
    copy_id(f, "a", id);
    move(f, "models", "unplugged");
    scan(f);
    assert_string_equal(find(f, "a")->id, id);
    move(f, "unplugged", "models");
    assert_int_equal(unlink(at(f, "models/a.gguf")), 0);
    scan(f);
    assert_names(f, "");
}

/* ---- other programs' stores ---- */

static void
test_the_hubs_cache(void **state)
{
    struct fixture *f = *state;
    put(f, "hub/models--org--repo/refs/main", "new");
    put(f, "hub/models--org--repo/blobs/b1", "1");
    put(f, "hub/models--org--repo/blobs/" DIGEST, "2");
    put(f, "hub/models--org--repo/blobs/b3.incomplete", "3");
    put_link(f, "../../blobs/b1",
             "hub/models--org--repo/snapshots/old/before.gguf");
    put_link(f, "../../../blobs/" DIGEST,
             "hub/models--org--repo/snapshots/new/sub/now.gguf");
    put(f, "hub/models--other--repo/snapshots/x/now.gguf", "44");
    put(f, "hub/datasets--org--set/snapshots/x/data.gguf", "5");
    scan(f);
    assert_names(f, "before@old repo/now sub/now");
    const struct model *model = find(f, "sub/now");
    assert_int_equal(model->source, MODEL_SOURCE_HUGGINGFACE);
    assert_string_equal(model->sha256, DIGEST);
    assert_string_equal(model->autov2, "0123456789");
    assert_string_equal(find(f, "repo/now")->sha256, "");
    assert_true(library_holds(f->library, model->path));
}

static void
assert_found(struct fixture *f, const char *by, const char *path)
{
    const struct model *model = library_find(f->library, str_from(by));
    if (model == NULL)
        fail_msg("nothing is called %s", by);
    else
        assert_string_equal(model->path, at(f, path));
}

/* What was pulled as ORG/NAME:VARIANT@REVISION goes by that. */
static void
test_models_go_by_what_they_were_pulled_as(void **state)
{
    struct fixture *f = *state;
#define REPO "hub/models--Org--repo-GGUF/"
    put(f, REPO "refs/main", "aaaaaaaaaaaaaaaa");
    put(f, REPO "refs/v1", "bbbbbbbbbbbbbbbb");
    put(f, REPO "blobs/b1", "1");
    put(f, REPO "blobs/b2", "22");
    put(f, REPO "blobs/b3", "333");
    put(f, REPO "blobs/b4", "4444");
    put(f, REPO "blobs/b5", "55555");
    put_link(f, "../../blobs/b1",
             REPO "snapshots/aaaaaaaaaaaaaaaa/m-Q8_0.gguf");
    put_link(f, "../../blobs/b2",
             REPO "snapshots/aaaaaaaaaaaaaaaa/m-Q4_K_M.gguf");
    put_link(f, "../../blobs/b3",
             REPO "snapshots/bbbbbbbbbbbbbbbb/m-Q8_0.gguf");
    /* The same bytes as the one in use: one model of two revisions. */
    put_link(f, "../../blobs/b2",
             REPO "snapshots/bbbbbbbbbbbbbbbb/m-Q4_K_M.gguf");
    put_link(f, "../../blobs/b4",
             REPO "snapshots/cccccccccccccccc/m-Q8_0.gguf");
    put_link(f, "../../blobs/b5",
             REPO "snapshots/cccccccccccccccc/config.json");
    scan(f);
    assert_names(f, "m-Q4_K_M m-Q8_0 m-Q8_0@cccccccccccc m-Q8_0@v1");
#define IN_USE REPO "snapshots/aaaaaaaaaaaaaaaa/"
#define OLD    REPO "snapshots/bbbbbbbbbbbbbbbb/"
#define OLDER  REPO "snapshots/cccccccccccccccc/"
    assert_found(f, "Org/repo-GGUF", IN_USE "m-Q4_K_M.gguf");
    assert_found(f, "org/REPO-gguf", IN_USE "m-Q4_K_M.gguf");
    assert_found(f, "Org/repo-GGUF:Q8_0", IN_USE "m-Q8_0.gguf");
    assert_found(f, "Org/repo-GGUF:q8_0@main", IN_USE "m-Q8_0.gguf");
    assert_found(f, "Org/repo-GGUF:m-Q8_0", IN_USE "m-Q8_0.gguf");
    assert_found(f, "Org/repo-GGUF:Q8_0@v1", OLD "m-Q8_0.gguf");
    assert_found(f, "Org/repo-GGUF:Q4_K_M@v1", IN_USE "m-Q4_K_M.gguf");
    assert_found(f, "Org/repo-GGUF:Q8_0@bbbbbbbb", OLD "m-Q8_0.gguf");
    assert_found(f, "Org/repo-GGUF@cccccccccccccccc", OLDER "m-Q8_0.gguf");
    assert_found(f, "https://hub/Org/repo-GGUF", IN_USE "m-Q4_K_M.gguf");
    assert_found(f, "https://hub/Org/repo-GGUF/tree/v1",
                 IN_USE "m-Q4_K_M.gguf");
    assert_found(f, "https://hub/Org/repo-GGUF/blob/v1/m-Q8_0.gguf",
                 OLD "m-Q8_0.gguf");
    assert_found(f, "https://hub/Org/repo-GGUF/blob/main/m-Q8_0.gguf?x=1",
                 IN_USE "m-Q8_0.gguf");
    static const char *const none[] = {
        "https://hub/Org/repo-GGUF/blob/main/m-Q2_K.gguf",
        "https://hub/Org",
        "https://hub/Org/",
        "https://",
        "https://hub//",
        "Org/repo",
        "Org/repo-GGUF:Q2_K",
        "Org/repo-GGUF@v2",
        "Org/repo-GGUF@bb",
        "Org/repo-GGUF:Q4_K_M@cccccccc",
        "repo-GGUF",
        "Org",
        "",
        ":Q8_0",
        "@v1",
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (library_find(f->library, str_from(none[i])) != NULL)
            fail_msg("something is called \"%s\"", none[i]);
}

/* Where no store tells, a download does; it outlasts scans, moves and the
 * daemon. */
static void
test_downloads_tell_where_models_come_from(void **state)
{
    struct fixture *f = *state;
    put(f, "models/a.gguf", "1");
    scan(f);
    const struct model *model =
        library_find_path(f->library, at(f, "models/a.gguf"));
    assert_non_null(model);
    library_add_origin(f->library, model->id, STR("org/a"));
    library_add_origin(f->library, model->id, STR("https://host/x/a.gguf"));
    library_add_origin(f->library, model->id, STR("org/a"));
    assert_int_equal(model->origins.n, 2);
    char from[800];
    snprintf(from, sizeof from, "%s", at(f, "models/a.gguf"));
    assert_int_equal(rename(from, at(f, "models/b.gguf")), 0);
    scan(f);
    assert_found(f, "https://host/x/a.gguf", "models/b.gguf");
    assert_found(f, "https://host/x/a.gguf?download=true", "models/b.gguf");
    close_all(f);
    open_all(f);
    assert_found(f, "org/a", "models/b.gguf");
    scan(f);
    assert_found(f, "org/a@main", "models/b.gguf");
    assert_null(library_find_path(f->library, from));
}

/* A file that comes while a scan runs is known when the call-back of the scan
 * comes that was asked for after it. */
static void
on_first_scan(void *ctx)
{
    struct fixture *f = ctx;
    put(f, "models/late.gguf", "1");
}

static void
test_a_scan_that_is_asked_for_while_one_runs(void **state)
{
    struct fixture *f = *state;
    library_scan(f->library, on_first_scan, f);
    library_scan(f->library, stop, f);
    loop_run(&f->loop);
    assert_names(f, "late");
}

#define MANIFEST(type)                                                      \
    "{\"layers\":[{\"mediaType\":\"application/vnd.ollama.image."           \
    "license\",\"digest\":\"sha256:00\"},{\"mediaType\":"                   \
    "\"application/vnd.ollama.image." type "\",\"digest\":\"sha256:" DIGEST \
    "\"}]}"

static void
test_ollamas_store(void **state)
{
    struct fixture *f = *state;
    put(f, "ollama/blobs/sha256-" DIGEST, "1");
    put(f, "ollama/manifests/registry.ollama.ai/library/whale/7b",
        MANIFEST("model"));
    put(f, "ollama/manifests/registry.ollama.ai/someone/whale/mine",
        MANIFEST("model"));
    put(f, "ollama/manifests/registry.ollama.ai/library/adapter/7b",
        MANIFEST("adapter"));
    put(f, "ollama/manifests/registry.ollama.ai/library/broken/7b", "{");
    scan(f);
    /* The same blob is the same model; the first label names it. */
    assert_names(f, "whale:mine");
    assert_found(f, "whale:7b", "ollama/blobs/sha256-" DIGEST);
    assert_found(f, "someone/whale", "ollama/blobs/sha256-" DIGEST);
    const struct model *model = find(f, "whale:mine");
    assert_string_equal(model->sha256, DIGEST);
    assert_string_equal(model->path, at(f, "ollama/blobs/sha256-" DIGEST));
    assert_int_equal(model->format, MODEL_FORMAT_GGUF);
}

static void
test_a_projector_of_ollamas(void **state)
{
    struct fixture *f = *state;
    put(f, "ollama/blobs/sha256-" DIGEST, "1");
    put(f, "ollama/blobs/sha256-" OTHER, "22");
    put(f, "ollama/manifests/hf.co/org/sees/Q4_K_M",
        "{\"layers\":[" LAYER("model", DIGEST) "," LAYER("projector",
                                                         OTHER) "]}");
    scan(f);
    const struct model *model = find(f, "sees:Q4_K_M");
    assert_string_equal(model->label, "hf.co/org/sees:Q4_K_M");
    assert_string_equal(model->mmproj_path,
                        at(f, "ollama/blobs/sha256-" OTHER));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_only_what_changed_is_read),
        TEST(test_ids_follow_names_that_are_swapped),
        TEST(test_an_id_waits_for_a_file_that_is_gone),
        TEST(test_a_copy_of_what_is_gone_is_it),
        TEST(test_a_digest_knows_a_file_again),
        TEST(test_guesses_from_a_name_are_marked),
        TEST(test_hard_links_are_one_file),
        TEST(test_what_an_unreadable_folder_had_stays),
        TEST(test_the_hubs_cache),
        TEST(test_models_go_by_what_they_were_pulled_as),
        TEST(test_a_scan_that_is_asked_for_while_one_runs),
        TEST(test_downloads_tell_where_models_come_from),
        TEST(test_ollamas_store),
        TEST(test_a_projector_of_ollamas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
