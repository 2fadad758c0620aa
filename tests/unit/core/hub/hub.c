/* What the hubs' answers become: plans and lists from answers as they are
 * recorded, errors from refusals, and nothing from hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rig.h"

#define N(array) (sizeof(array) / sizeof *(array))
#define STR_INIT(literal)              \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }
#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define SHA1   "89abcdef0123456789abcdef0123456789abcdef"
#define SHA256 \
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define UPPER "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
#define INFO  "{\"id\":\"org/name\",\"sha\":\"" COMMIT "\",\"gated\":false}"
#define FILE_OF(path, size)                                   \
    "{\"type\":\"file\",\"path\":\"" path "\",\"size\":" size \
    ",\"oid\":\"" SHA1 "\"}"
#define LFS_OF(path, size)                                                 \
    "{\"type\":\"file\",\"path\":\"" path "\",\"size\":" size              \
    ",\"oid\":\"" SHA1 "\",\"lfs\":{\"oid\":\"" SHA256 "\",\"size\":" size \
    ",\"pointerSize\":135}}"

static struct rig rig;

static int
set_up(void **state)
{
    (void)state;
    rig_open(&rig, NULL);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static void
expect_error(enum error_code code, const char *words)
{
    if (rig.error.code != code || strstr(rig.error.message, words) == NULL)
        fail_msg("%d \"%s\" instead of %d \"%s\"", (int)rig.error.code,
                 rig.error.message, (int)code, words);
}

static void
expect_text(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no %s in %s", part, text);
}

static const struct hub_request named = { .model_id = STR_INIT("org/name") };

/* ---- Hugging Face: plans ---- */

static void
test_plan(void **state)
{
    (void)state;
    const struct answer script[] = {
        { 200, INFO, { NULL } },
        { 200,
          "[{\"type\":\"directory\",\"path\":\"sub\",\"size\":0,\"oid\":\"x\"}"
          "," LFS_OF("sub/m-Q4_K_M.gguf", "7") "]",
          { "Link", "<" HUGGINGFACE "/api/models/org/name/tree/x?cursor=a%3D>; "
                    "rel=\"next\"" } },
        { 200, "[" FILE_OF("config.json", "12") "]", { NULL } },
    };
    const struct hub_request files = {
        .model_id = STR_INIT("org/name"),
        .revision = STR_INIT("refs/pr/1"),
        .files = (const struct str[]){ STR_INIT("config.json"),
                                       STR_INIT("sub/m-Q4_K_M.gguf") },
        .n_files = 2,
    };
    assert_true(rig_resolve(&rig, &files, script, N(script)));
    assert_string_equal(rig.urls[0],
                        HUGGINGFACE "/api/models/org/name/revision/refs/pr/1");
    assert_string_equal(rig.urls[1], HUGGINGFACE
                        "/api/models/org/name/tree/" COMMIT "?recursive=1");
    assert_string_equal(rig.urls[2],
                        HUGGINGFACE "/api/models/org/name/tree/x?cursor=a%3D");
    assert_string_equal(rig.bearers[2], "hf_stored");
    const struct hub_plan *plan = rig.plan;
    assert_string_equal(plan->revision, COMMIT);
    assert_string_equal(plan->ref, "refs/pr/1");
    assert_int_equal(plan->n_files, 2);
    const struct hub_file *model = &plan->files[0], *config = &plan->files[1];
    assert_string_equal(model->path, "sub/m-Q4_K_M.gguf");
    assert_string_equal(model->url, HUGGINGFACE "/org/name/resolve/" COMMIT
                                                "/sub/m-Q4_K_M.gguf");
    assert_string_equal(model->sha256, SHA256);
    assert_string_equal(model->etag, SHA256);
    assert_int_equal(model->size_bytes, 7);
    /* Of what git keeps itself the hub has no SHA-256. */
    assert_string_equal(config->sha256, "");
    assert_string_equal(config->etag, SHA1);
}

/* What may not be a file, a digest or a size is none. */
static void
test_hostile_listing(void **state)
{
    (void)state;
    const struct answer script[] = {
        { 200, INFO, { NULL } },
        { 200,
          "[" LFS_OF("../up.gguf", "1") "," LFS_OF("/abs.gguf", "1") "," LFS_OF(
              "a\\\\b.gguf",
              "1") "," LFS_OF(".git/x.gguf",
                              "1") ","
                                   "7,null,{\"type\":\"file\"},{\"type\":"
                                   "\"file\",\"path\":7},"
                                   "{\"type\":\"file\",\"path\":\"m.gguf\","
                                   "\"size\":-5,"
                                   "\"oid\":\"../../"
                                   "x\",\"lfs\":{\"oid\":\"" SHA1
                                   "\",\"size\":-1}}]",
          { NULL } },
    };
    assert_true(rig_resolve(&rig, &named, script, N(script)));
    assert_int_equal(rig.plan->n_files, 1);
    assert_string_equal(rig.plan->files[0].path, "m.gguf");
    assert_string_equal(rig.plan->files[0].sha256, "");
    assert_string_equal(rig.plan->files[0].etag, "");
    assert_int_equal(rig.plan->files[0].size_bytes, -1);
}

/* The token would go along to a next page elsewhere. */
static void
test_next_page_elsewhere(void **state)
{
    (void)state;
    static const char *const pages[] = {
        "<https://elsewhere.test/x>; rel=\"next\"",
        "<" HUGGINGFACE ".elsewhere.test/x>; rel=\"next\"",
        "<" HUGGINGFACE "@elsewhere.test/x>; rel=\"next\"",
        "<" HUGGINGFACE ":8443/x>; rel=\"next\"",
        "<http://hub.test/x>; rel=\"next\"",
    };
    for (size_t i = 0; i < N(pages); i++) {
        const struct answer script[] = { { 200, INFO, { NULL } },
                                         { 200, "[]", { "Link", pages[i] } } };
        assert_false(rig_resolve(&rig, &named, script, N(script)));
        expect_error(ERR_BAD_GATEWAY, "next page is elsewhere");
    }
}

static void
test_pages_without_end(void **state)
{
    (void)state;
    struct answer script[52] = { { 200, INFO, { NULL } } };
    for (size_t i = 1; i < N(script); i++)
        script[i] = (struct answer){
            200, "[]", { "Link", "<" HUGGINGFACE "/again>; rel=\"next\"" }
        };
    assert_false(rig_resolve(&rig, &named, script, N(script)));
    expect_error(ERR_BAD_GATEWAY, "no end of pages");
}

static void
test_gated(void **state)
{
    (void)state;
    const struct answer listing[] = {
        { 200, "{\"sha\":\"" COMMIT "\",\"gated\":\"auto\"}", { NULL } },
        { 200, "[" LFS_OF("m.gguf", "1") "]", { NULL } },
    };
    const struct {
        struct answer knock;
        enum error_code code;
        const char *words;
    } rows[] = {
        { { 302, "", { NULL } }, ERR_OK, "" },
        { { 200, "", { NULL } }, ERR_OK, "" },
        { { 401, "", { "X-Error-Code", "GatedRepo" } },
          ERR_UNAUTHORIZED,
          "accept its terms at " HUGGINGFACE "/org/name, then give" },
        { { 403, "", { "X-Error-Code", "GatedRepo" } },
          ERR_FORBIDDEN,
          "this token has no access" },
        { { 0, "", { NULL } }, ERR_TIMEOUT, "no bytes" },
    };
    for (size_t i = 0; i < N(rows); i++) {
        const struct answer script[] = { listing[0], listing[1],
                                         rows[i].knock };
        rig_resolve(&rig, &named, script, N(script));
        if (rows[i].code == ERR_OK)
            assert_non_null(rig.plan);
        else
            expect_error(rows[i].code, rows[i].words);
        assert_string_equal(rig.urls[2],
                            HUGGINGFACE "/org/name/resolve/" COMMIT "/m.gguf");
    }
}

static void
test_choice(void **state)
{
    (void)state;
    const struct {
        const char *tree, *variant;
        size_t n_files; /* 0: an error that names the variants */
        const char *first;
    } rows[] = {
        { LFS_OF("a-Q8_0.gguf", "1"), "", 1, "a-Q8_0.gguf" },
        { LFS_OF("a-Q8_0.gguf", "1") "," LFS_OF("a-Q4_K_M.gguf", "1"), "", 1,
          "a-Q4_K_M.gguf" },
        { LFS_OF("a-Q8_0.gguf", "1") "," LFS_OF("a-Q6_K.gguf", "1"), "q6_k", 1,
          "a-Q6_K.gguf" },
        { LFS_OF("a-Q8_0.gguf", "1") "," LFS_OF("a-Q6_K.gguf", "1"), "", 0,
          "Q8_0, Q6_K" },
        { LFS_OF("a-Q8_0.gguf", "1") "," LFS_OF("a-Q6_K.gguf", "1"), "Q4_0", 0,
          "no variant \"Q4_0\"; it has Q8_0, Q6_K" },
        { LFS_OF("Q8_0/a-00001-of-00002.gguf", "1") "," LFS_OF(
              "Q8_0/a-00002-of-00002.gguf",
              "1") "," LFS_OF("mmproj-F32.gguf",
                              "1") "," LFS_OF("mmproj-F16.gguf", "1"),
          "", 3, "Q8_0/a-00001-of-00002.gguf" },
        { LFS_OF("a.Q4_K_M.gguf", "1") "," LFS_OF("b.Q4_K_M.gguf", "1"), "", 0,
          "several models of variant Q4_K_M: choose one by `variant` (or its "
          "files by `files`): a.Q4_K_M, b.Q4_K_M" },
        { LFS_OF("a.Q4_K_M.gguf", "1") "," LFS_OF(
              "b.Q4_K_M.gguf", "1") "," LFS_OF("c.Q8_0.gguf", "1"),
          "q4_k_m", 0,
          "q4_k_m: choose one by `variant` (or its files by "
          "`files`): a.Q4_K_M, b.Q4_K_M" },
        { LFS_OF("x/a.Q8_0.gguf", "1") "," LFS_OF("x/b.Q8_0.gguf", "1"),
          "b.q8_0", 1, "x/b.Q8_0.gguf" },
        { LFS_OF("x/a.Q8_0.gguf", "1") "," LFS_OF("x/b.Q8_0.gguf", "1"),
          "x/a.Q8_0.gguf", 1, "x/a.Q8_0.gguf" },
        { LFS_OF("a.Q8_0.gguf", "1") "," LFS_OF("b.Q8_0.gguf", "1"), "Q4_0", 0,
          "it has a.Q8_0, b.Q8_0" },
        { LFS_OF("one.gguf", "1") "," LFS_OF("two.gguf", "1"), "two", 1,
          "two.gguf" },
        { LFS_OF("b-Q8_0.gguf", "1") "," LFS_OF("Q8_0.gguf", "1"), "Q8_0", 1,
          "Q8_0.gguf" },
        { LFS_OF("a-Q8_0.gguf", "1") "," LFS_OF(
              "a-Q8_0-00001-of-00002.gguf",
              "1") "," LFS_OF("a-Q8_0-00002-of-00002.gguf", "1"),
          "a-Q8_0-00001-of-00002", 2, "a-Q8_0-00001-of-00002.gguf" },
        { LFS_OF("a-Q8_0-00001-of-00002.gguf", "1") "," LFS_OF(
              "a-Q8_0-00002-of-00002.gguf", "1") "," LFS_OF("b-Q8_0.gguf", "1"),
          "a-Q8_0-00002-of-00002.gguf", 2, "a-Q8_0-00001-of-00002.gguf" },
        { LFS_OF("a-Q8_0-00001-of-00002.gguf", "1") "," LFS_OF(
              "a-Q8_0-00002-of-00002.gguf", "1") "," LFS_OF("a-Q8_0.gguf", "1"),
          "a-Q8_0", 1, "a-Q8_0.gguf" },
        { LFS_OF("model.safetensors", "1") "," LFS_OF(
              "pytorch_model.bin",
              "1") "," FILE_OF("config.json", "1") "," FILE_OF("film.mp4", "1"),
          "", 2, "model.safetensors" },
        { LFS_OF("pytorch_model.bin", "1") "," FILE_OF("config.json", "1"), "",
          2, "pytorch_model.bin" },
    };
    for (size_t i = 0; i < N(rows); i++) {
        char tree[4096];
        snprintf(tree, sizeof tree, "[%s]", rows[i].tree);
        const struct answer script[] = { { 200, INFO, { NULL } },
                                         { 200, tree, { NULL } } };
        const struct hub_request request = { .model_id = STR("org/name"),
                                             .variant =
                                                 str_from(rows[i].variant) };
        bool is_good = rig_resolve(&rig, &request, script, N(script));
        if (rows[i].n_files == 0) {
            assert_false(is_good);
            assert_string_equal(rig.error.field, "variant");
            expect_error(ERR_INVALID, rows[i].first);
            continue;
        }
        assert_true(is_good);
        assert_int_equal(rig.plan->n_files, rows[i].n_files);
        assert_string_equal(rig.plan->files[0].path, rows[i].first);
    }
}

/* A file of the hub under a name of the user's: still the hub's, with its
 * token and its digest. */
static void
test_own_name(void **state)
{
    (void)state;
    static const struct answer script[] = {
        { 200, INFO, { NULL } },
        { 200,
          "[" LFS_OF("a.gguf", "7") "," LFS_OF("b.gguf", "8") "]",
          { NULL } }
    };
    struct hub_request request = { .source = HUB_URL,
                                   .url = STR(HUGGINGFACE
                                              "/org/name/blob/main/b.gguf"),
                                   .filename = STR("mine.gguf") };
    assert_true(rig_resolve(&rig, &request, script, N(script)));
    assert_int_equal(rig.plan->source, HUB_HUGGINGFACE);
    assert_true(rig.plan->is_renamed);
    assert_string_equal(rig.plan->token, "hf_stored");
    assert_int_equal(rig.plan->n_files, 1);
    assert_string_equal(rig.plan->files[0].path, "mine.gguf");
    assert_string_equal(rig.plan->files[0].sha256, SHA256);
    assert_string_equal(rig.plan->files[0].url,
                        HUGGINGFACE "/org/name/resolve/" COMMIT "/b.gguf");
    /* Several files cannot have one name. */
    static const struct str both[] = { STR_INIT("a.gguf"), STR_INIT("b.gguf") };
    const struct hub_request two = { .model_id = STR("org/name"),
                                     .files = both,
                                     .n_files = 2,
                                     .filename = STR("mine.gguf") };
    assert_false(rig_resolve(&rig, &two, script, N(script)));
    assert_string_equal(rig.error.field, "filename");
    /* A page is no file of the hub, nor is what lies elsewhere. */
    static const char *const plain[] = {
        HUGGINGFACE "/org/name", HUGGINGFACE "/name.gguf",
        "https://else.test/o/n/resolve/main/b.gguf"
    };
    for (size_t i = 0; i < N(plain); i++) {
        request.url = str_from(plain[i]);
        assert_true(rig_resolve(&rig, &request, NULL, 0));
        assert_int_equal(rig.plan->source, HUB_URL);
        assert_string_equal(rig.plan->token, "");
    }
    request.filename = STR("../mine.gguf");
    assert_false(rig_resolve(&rig, &request, NULL, 0));
    assert_string_equal(rig.error.field, "filename");
}

/* Models without organisation, however they are named. */
static void
test_one_name(void **state)
{
    (void)state;
    static const struct answer script[] = {
        { 200, INFO, { NULL } },
        { 200, "[" LFS_OF("m.gguf", "7") "]", { NULL } }
    };
    static const struct hub_request requests[] = {
        { .model_id = STR_INIT("gpt2") },
        { .source = HUB_URL, .url = STR_INIT("https://huggingface.co/gpt2") },
        { .source = HUB_URL, .url = STR_INIT(HUGGINGFACE "/gpt2/tree/main") },
        { .source = HUB_URL,
          .url = STR_INIT(HUGGINGFACE "/gpt2/resolve/main/m.gguf") },
    };
    for (size_t i = 0; i < N(requests); i++) {
        assert_true(rig_resolve(&rig, &requests[i], script, N(script)));
        assert_string_equal(rig.urls[0],
                            HUGGINGFACE "/api/models/gpt2/revision/main");
        assert_string_equal(rig.plan->model_id, "gpt2");
        assert_string_equal(rig.plan->files[0].url,
                            HUGGINGFACE "/gpt2/resolve/" COMMIT "/m.gguf");
    }
    assert_true(rig_files(&rig, &requests[0], script, N(script)));
    expect_text(rig.data, "\"model_id\":\"gpt2\"");
    static const char *const plain[] = {
        HUGGINGFACE "/m.gguf", HUGGINGFACE "/gpt2",
        HUGGINGFACE "/datasets/squad/resolve/main/m.gguf"
    };
    for (size_t i = 0; i < N(plain); i++) {
        const struct hub_request request = { .source = HUB_URL,
                                             .url = str_from(plain[i]) };
        assert_true(rig_resolve(&rig, &request, NULL, 0));
        assert_int_equal(rig.plan->source, HUB_URL);
    }
}

/* ---- Hugging Face: refusals ---- */

static void
test_refusals(void **state)
{
    (void)state;
    const struct {
        struct answer answer;
        enum error_code code;
        const char *words;
    } rows[] = {
        { { 401, "", { "X-Error-Code", "RepoNotFound" } },
          ERR_UNAUTHORIZED,
          "org/name does not exist on the hub or is private" },
        { { 404, "", { "X-Error-Code", "RepoNotFound" } },
          ERR_NOT_FOUND,
          "does not see it" },
        { { 404, "", { "X-Error-Code", "RevisionNotFound" } },
          ERR_NOT_FOUND,
          "org/name has no revision main" },
        { { 404, "", { "X-Error-Code", "EntryNotFound" } },
          ERR_NOT_FOUND,
          "no such file" },
        { { 401, "{\"error\":\"Invalid credentials\"}", { NULL } },
          ERR_UNAUTHORIZED,
          "the hub refuses the token: Invalid credentials" },
        { { 401, "{\"error\":\"no such token: hf_stored\"}", { NULL } },
          ERR_UNAUTHORIZED,
          "no such token: ***" },
        { { 403, "", { "X-Error-Message", "Not from your country" } },
          ERR_FORBIDDEN,
          "Not from your country" },
        { { 429, "", { "Retry-After", "12" } },
          ERR_TOO_MANY_REQUESTS,
          "wait 12 s" },
        { { 429, "", { "RateLimit", "\"api\";r=0;t=55" } },
          ERR_TOO_MANY_REQUESTS,
          "wait 55 s" },
        { { 429, "", { NULL } }, ERR_TOO_MANY_REQUESTS, "too many requests" },
        { { 503, "<html>", { NULL } }, ERR_UNAVAILABLE, "answers 503" },
        { { 418, "", { NULL } }, ERR_BAD_GATEWAY, "answers 418" },
        { { 0, "", { NULL } }, ERR_TIMEOUT, "no bytes" },
        { { 200, "<html>login</html>", { NULL } }, ERR_BAD_GATEWAY, "no JSON" },
        { { 200, "[]", { NULL } }, ERR_BAD_GATEWAY, "`sha`" },
        { { 200, "{\"sha\":\"../x\"}", { NULL } }, ERR_BAD_GATEWAY, "`sha`" },
    };
    for (size_t i = 0; i < N(rows); i++) {
        assert_false(rig_resolve(&rig, &named, &rows[i].answer, 1));
        expect_error(rows[i].code, rows[i].words);
        assert_null(strstr(rig.error.message, "hf_stored"));
    }
    const struct answer script[] = { { 200, INFO, { NULL } },
                                     { 200, "{}", { NULL } } };
    assert_false(rig_resolve(&rig, &named, script, 2));
    expect_error(ERR_BAD_GATEWAY, "list of files is no list");
}

static void
test_ids(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      "one--x", "/",     "a/",    "/b",     "a/b/c", "../b",
        "a/..",  "a/b..c", "a/b--", "a/.b",  "-a/b",   "_a/b",  "a/b?c",
        "a/b#c", "a/b%2f", "a b/c", "a/b\n", "a\\b/c", "a/b@c", "\xc3\xa4/b",
    };
    for (size_t i = 0; i < N(bad); i++) {
        const struct hub_request request = { .model_id = str_from(bad[i]) };
        assert_false(rig_resolve(&rig, &request, NULL, 0));
        assert_int_equal(rig.error.code, ERR_INVALID);
        assert_string_equal(rig.error.field, "model_id");
    }
    char longer[2 + 97 + 1] = "a/";
    memset(longer + 2, 'x', 97);
    longer[2 + 97] = '\0';
    const struct hub_request long_one = { .model_id = str_from(longer) };
    assert_false(rig_resolve(&rig, &long_one, NULL, 0));
    assert_string_equal(rig.error.field, "model_id");
    static const char *const revisions[] = { "../x", "a//b", "/", "a\\b" };
    for (size_t i = 0; i < N(revisions); i++) {
        const struct hub_request request = { .model_id = STR("a/b"),
                                             .revision =
                                                 str_from(revisions[i]) };
        assert_false(rig_resolve(&rig, &request, NULL, 0));
        assert_string_equal(rig.error.field, "revision");
    }
}

static void
test_organizations(void **state)
{
    (void)state;
    const struct answer found = {
        200,
        "[{\"id\":\"org/a\"},{\"id\":\"organ/b\"},{\"id\":\"c\"}]",
        { NULL }
    };
    const struct answer listing[] = {
        { 200, INFO, { NULL } },
        { 200, "[" LFS_OF("a.gguf", "1") "]", { NULL } }
    };
    const struct hub_search search = { .gated = -1, .limit = 20 };
    const struct hub_request other = { .model_id = STR("organ/b") };
    struct rig one;
    rig_open(&one, "Org");
    assert_true(rig_search(&one, &search, &found, 1));
    expect_text(one.data, "\"org/a\"");
    assert_null(strstr(one.data, "organ/b"));
    assert_true(rig_resolve(&one, &named, listing, 2));
    assert_false(rig_resolve(&one, &other, NULL, 0));
    assert_non_null(strstr(one.error.message, "huggingface.organizations"));
    /* One without an organisation is of none that is allowed. */
    const struct hub_request alone = { .model_id = STR("Org") };
    assert_false(rig_resolve(&one, &alone, NULL, 0));
    assert_non_null(strstr(one.error.message, "huggingface.organizations"));
    rig_close(&one);
}

/* ---- Hugging Face: searching ---- */

static void
test_search(void **state)
{
    (void)state;
    const struct answer answer = {
        200,
        "[{\"id\":\"org/"
        "a\",\"downloads\":5,\"gated\":\"manual\",\"tags\":[\"x\"],"
        "\"safetensors\":{\"parameters\":{\"BF16\":80,\"U32\":8,\"odd\":1}}},"
        "{\"id\":\"org/b\",\"gated\":false,\"gguf\":{\"totalFileSize\":5000}},"
        "{\"id\":\"org/c\"},{},7]",
        { "Link",
          "<https://any.test/x?limit=5&cursor=ab%3D%26c>; rel=\"next\"" }
    };
    const struct hub_search all = { .text = STR("a&b c"),
                                    .author = STR("org"),
                                    .sort = STR("updated"),
                                    .gated = -1,
                                    .limit = 5 };
    assert_true(rig_search(&rig, &all, &answer, 1));
    expect_text(rig.urls[0], HUGGINGFACE
                "/api/models?limit=5&sort=lastModified&direction=-1");
    expect_text(rig.urls[0], "&search=a%26b%20c&author=org");
    expect_text(rig.data, "\"size_bytes\":192");
    expect_text(rig.data, "\"size_bytes\":5000");
    expect_text(rig.data, "\"size_bytes\":null");
    expect_text(rig.data, "\"next_cursor\":\"ab=&c\"");
    const struct hub_search small = { .max_size_bytes = 4999,
                                      .gated = 0,
                                      .limit = 5 };
    assert_true(rig_search(&rig, &small, &answer, 1));
    assert_null(strstr(rig.data, "org/a"));
    assert_null(strstr(rig.data, "org/b"));
    expect_text(rig.data, "org/c"); /* of unknown size */
    const struct answer odd = { 200, "{}", { NULL } };
    assert_false(rig_search(&rig, &all, &odd, 1));
    expect_error(ERR_BAD_GATEWAY, "no list");
}

/* ---- Civitai ---- */

#define ART_FILE(id, name, more)                   \
    "{\"id\":" id ",\"name\":\"" name              \
    "\",\"sizeKB\":2.5,\"downloadUrl\":\"" CIVITAI \
    "/api/download/models/7\",\"hashes\":{\"SHA256\":\"" UPPER "\"}," more "}"
#define ART_VERSION(files)                                                     \
    "{\"id\":7,\"modelId\":3,\"name\":\"v1\",\"model\":{\"name\":\"Paper\","   \
    "\"type\":\"LoCon\"},\"trainedWords\":[\"cut\",5],\"images\":[{\"type\":"  \
    "\"video\",\"url\":\"https://i.test/v\"},{\"url\":\"https://i.test/p\"}]," \
    "\"files\":[" files "]}"

static const char several[] = ART_VERSION(
    ART_FILE("1", "train.zip", "\"type\":\"Training Data\"") "," ART_FILE(
        "2", "a.ckpt",
        "\"type\":\"Model\",\"metadata\""
        ":{\"format\":\"PickleTensor\","
        "\"size\":\"pruned\",\"fp\":"
        "\"fp16\"}") "," ART_FILE("3", "a.safetensors",
                                  "\"type\":\"Model\",\"primary\":true,"
                                  "\"metadata\":{\"format\":"
                                  "\"SafeTensor\",\"size\":\"full\",\"fp\":"
                                  "\"fp32\"}") "," ART_FILE("4", "a.vae.pt",
                                                            "\"type\":"
                                                            "\"VAE\""));

static void
test_art_choice(void **state)
{
    (void)state;
    const struct answer answer = { 200, several, { NULL } };
    const struct {
        struct hub_request request;
        const char *name;
    } rows[] = {
        { { .version_id = STR_INIT("7") }, "a.safetensors" },
        { { .version_id = STR_INIT("7"), .file_id = STR_INIT("4") },
          "a.vae.pt" },
        { { .version_id = STR_INIT("7"), .type = STR_INIT("VAE") },
          "a.vae.pt" },
        { { .version_id = STR_INIT("7"), .format = STR_INIT("pickletensor") },
          "a.ckpt" },
        { { .model_id =
                STR_INIT(CIVITAI "/api/download/models/7?size=pruned") },
          "a.ckpt" },
        { { .model_id =
                STR_INIT(CIVITAI "/models/3/x?modelVersionId=7&fp=fp16#y") },
          "a.ckpt" },
        { { .model_id =
                STR_INIT("https://civitai.com/models/3?type=Training%20Data&"
                         "modelVersionId=7") },
          "train.zip" },
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct hub_request request = rows[i].request;
        request.source = HUB_CIVITAI;
        assert_true(rig_resolve(&rig, &request, &answer, 1));
        assert_string_equal(rig.urls[0], CIVITAI "/api/v1/model-versions/7");
        assert_string_equal(rig.bearers[0], "art_stored");
        assert_string_equal(rig.plan->files[0].path, rows[i].name);
        assert_string_equal(rig.plan->files[0].sha256, SHA256);
        assert_string_equal(rig.plan->model_id, "3");
        assert_string_equal(rig.plan->revision, "7");
        assert_string_equal(rig.plan->kind, "lora");
        assert_string_equal(rig.plan->display_name, "Paper");
        assert_string_equal(rig.plan->preview_url, "https://i.test/p");
        expect_text(rig.plan->sidecar, "\"modelId\":3");
    }
}

static void
test_art_hostile(void **state)
{
    (void)state;
    const struct {
        const char *body;
        enum error_code code;
        const char *words;
    } rows[] = {
        { ART_VERSION(ART_FILE("1", "../up.safetensors", "\"a\":1")),
          ERR_INVALID, "" },
        { ART_VERSION(ART_FILE("1", "", "\"a\":1")), ERR_INVALID, "" },
        { "{\"id\":7,\"files\":[{\"name\":\"a\",\"downloadUrl\":\"" CIVITAI
          ".elsewhere.test/x\"}]}",
          ERR_BAD_GATEWAY, "elsewhere" },
        { "{\"id\":7,\"files\":[{\"name\":\"a\",\"downloadUrl\":\"" CIVITAI
          "@elsewhere.test/x\"}]}",
          ERR_BAD_GATEWAY, "elsewhere" },
        { "{\"id\":7,\"files\":[{\"name\":\"a\"}]}", ERR_BAD_GATEWAY,
          "elsewhere" },
        { "{\"id\":7,\"files\":[]}", ERR_NOT_FOUND, "no file" },
        { "{\"id\":\"7\",\"files\":[]}", ERR_BAD_GATEWAY, "`id`" },
        { "{\"id\":7,\"files\":{}}", ERR_BAD_GATEWAY, "`files`" },
        { "[]", ERR_BAD_GATEWAY, "`id`" },
    };
    const struct hub_request request = { .source = HUB_CIVITAI,
                                         .version_id = STR("7") };
    for (size_t i = 0; i < N(rows); i++) {
        const struct answer answer = { 200, rows[i].body, { NULL } };
        assert_false(rig_resolve(&rig, &request, &answer, 1));
        expect_error(rows[i].code, rows[i].words);
    }
}

/* A model is asked for its newest version. */
static void
test_art_model(void **state)
{
    (void)state;
    const struct answer script[] = {
        { 200,
          "{\"id\":3,\"modelVersions\":[{\"id\":7},{\"id\":6}]}",
          { NULL } },
        { 200, several, { NULL } },
    };
    const struct answer empty = { 200, "{\"modelVersions\":[]}", { NULL } };
    const struct hub_request request = { .source = HUB_CIVITAI,
                                         .model_id = STR("3") };
    assert_true(rig_resolve(&rig, &request, script, 2));
    assert_string_equal(rig.urls[0], CIVITAI "/api/v1/models/3");
    assert_string_equal(rig.urls[1], CIVITAI "/api/v1/model-versions/7");
    assert_true(rig_files(&rig, &request, script, 2));
    expect_text(rig.data, "\"trigger_words\":[\"cut\"]");
    expect_text(rig.data, "\"file_id\":\"3\"");
    expect_text(rig.data, "\"size\":2560");
    assert_false(rig_resolve(&rig, &request, &empty, 1));
    expect_error(ERR_BAD_GATEWAY, "`modelVersions`");
    const char *const bad[] = { "3x", "-3", "", "https://civitai.com/user/3",
                                "https://civitai.com.evil.test/models/3" };
    for (size_t i = 0; i < N(bad); i++) {
        const struct hub_request wrong = { .source = HUB_CIVITAI,
                                           .model_id = str_from(bad[i]) };
        assert_false(rig_resolve(&rig, &wrong, NULL, 0));
        assert_string_equal(rig.error.field, "model_id");
    }
}

static void
test_art_refusals(void **state)
{
    (void)state;
    const struct {
        struct answer answer;
        enum error_code code;
        const char *words;
    } rows[] = {
        { { 401,
            "{\"error\":\"Unauthorized\",\"message\":\"log in\"}",
            { NULL } },
          ERR_UNAUTHORIZED,
          "CIVITAI_API_KEY): log in" },
        { { 403, "{\"message\":\"Early Access until Friday\"}", { NULL } },
          ERR_FORBIDDEN,
          "Early Access until Friday" },
        { { 404, "{\"error\":\"No model\"}", { NULL } },
          ERR_NOT_FOUND,
          "No model" },
        { { 410, "", { NULL } }, ERR_NOT_FOUND, "archive" },
        { { 429, "", { "Retry-After", "3" } },
          ERR_TOO_MANY_REQUESTS,
          "wait 3 s" },
        { { 500, "<html>", { NULL } }, ERR_UNAVAILABLE, "answers 500" },
        { { 302, "", { NULL } }, ERR_BAD_GATEWAY, "answers 302" },
    };
    const struct hub_search search = { .source = HUB_CIVITAI,
                                       .gated = -1,
                                       .limit = 1 };
    for (size_t i = 0; i < N(rows); i++) {
        assert_false(rig_search(&rig, &search, &rows[i].answer, 1));
        expect_error(rows[i].code, rows[i].words);
    }
}

static void
test_art_hash(void **state)
{
    (void)state;
    const struct answer answer = { 200, several, { NULL } };
    const char *const bad[] = { "", "abc", "xyzxyzxy", SHA1, "../../../" };
    assert_true(rig_find_hash(&rig, UPPER, &answer, 1));
    assert_string_equal(rig.urls[0],
                        CIVITAI "/api/v1/model-versions/by-hash/" SHA256);
    for (size_t i = 0; i < N(bad); i++) {
        assert_false(rig_find_hash(&rig, bad[i], NULL, 0));
        assert_string_equal(rig.error.field, "hash");
    }
}

/* ---- small questions ---- */

static void
test_tokens(void **state)
{
    (void)state;
    const struct answer owner = { 200, "{\"name\":\"me\"}", { NULL } };
    const struct answer artist = { 200, "{\"username\":\"me\"}", { NULL } };
    const struct answer odd = { 200, "{\"name\":7}", { NULL } };
    assert_true(rig_check_token(&rig, HUB_HUGGINGFACE, "", &owner, 1));
    assert_string_equal(rig.urls[0], HUGGINGFACE "/api/whoami-v2");
    assert_string_equal(rig.bearers[0], "hf_stored");
    expect_text(rig.data, "\"name\":\"me\"");
    assert_true(rig_check_token(&rig, HUB_CIVITAI, "art_given", &artist, 1));
    assert_string_equal(rig.urls[0], CIVITAI "/api/v1/me");
    assert_string_equal(rig.bearers[0], "art_given");
    assert_null(strstr(rig.data, "art_given"));
    assert_false(rig_check_token(&rig, HUB_HUGGINGFACE, "", &odd, 1));
    expect_error(ERR_BAD_GATEWAY, "`name`");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plan, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_listing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_next_page_elsewhere, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_pages_without_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_gated, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_choice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_own_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ids, set_up, tear_down),
        cmocka_unit_test(test_organizations),
        cmocka_unit_test_setup_teardown(test_search, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_art_choice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_art_hostile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_art_model, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_art_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_art_hash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tokens, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("hub", tests, NULL, NULL);
}
