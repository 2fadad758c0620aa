/* Where a model comes from, and finding it by that: what was pulled as
 * ORG/NAME:VARIANT@REVISION, or by a URL, is run by the same words. */
#include <stdlib.h>

#include "core/library/library_internal.h"
#include "formats/model_name.h"

enum { REVISION_BYTES_MIN = 7 }; /* fewer digits name no commit */

/* ---- of what was found ---- */

/* "org/repo/more" -> "org/repo"; what has no more is no repository. */
static struct str
first_two(struct str path)
{
    size_t n_slashes = 0;
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] == '/' && ++n_slashes == 2)
            return (struct str){ path.p, i };
    return STR("");
}

static struct str
repository_of(const struct found_file *file)
{
    struct str path = str_from(file->path);
    switch (file->root->source) {
    case MODEL_SOURCE_HUGGINGFACE: return str_from(file->repository);
    case MODEL_SOURCE_OLLAMA: return str_from(file->label);
    case MODEL_SOURCE_LMSTUDIO: {
        size_t n_root = strlen(file->root->resolved);
        if (!path_is_below(file->path, file->root->resolved) ||
            path.n <= n_root + 1)
            return STR("");
        struct str below = { path.p + n_root + 1, path.n - n_root - 1 };
        struct str two = first_two(below);
        return two.n == 0 && file->is_folder ? below : two;
    }
    case MODEL_SOURCE_FOLDER:
    case MODEL_SOURCE_LLAMA_CPP:
    case MODEL_SOURCE_COMFYUI:
    case MODEL_SOURCE_DOWNLOADS:
    case MODEL_SOURCE_COUNT: break;
    }
    return STR("");
}

/* `text`, and the revision behind it when it is not the one in use. */
static char *
with_revision(struct str text, const char *revision)
{
    struct strbuf whole = STRBUF_INIT(LIMIT_PATH_BYTES * 2);
    strbuf_add_str(&whole, text);
    if (revision[0] != '\0')
        strbuf_addf(&whole, "@%s", revision);
    if (!strbuf_failed(&whole))
        return strbuf_detach(&whole, NULL);
    strbuf_release(&whole);
    return NULL;
}

int
origin_add(struct text_list *origins, const struct found_file *file)
{
    struct str repository = repository_of(file);
    if (repository.n == 0)
        return 0;
    char *origin = with_revision(repository, file->revision);
    int result = origin == NULL ? -1 : 0;
    if (result == 0 && !text_list_has(origins, str_from(origin)))
        result = text_list_add(origins, str_from(origin));
    free(origin);
    return result;
}

int
origin_set(struct model *model, const struct found_file *file)
{
    char *label = with_revision(str_from(file->label), file->revision);
    int result =
        label == NULL ? -1 : model_set_text(&model->label, str_from(label));
    free(label);
    if (result == 0)
        result = origin_add(&model->origins, file);
    for (size_t i = 0; result == 0 && i < file->other_origins.n; i++) {
        struct str other = str_from(file->other_origins.at[i]);
        if (!text_list_has(&model->origins, other))
            result = text_list_add(&model->origins, other);
    }
    return result;
}

/* ---- finding ---- */

struct wish {
    struct str repository, variant, revision;
};

static struct str
cut_at_last(struct str *text, char separator)
{
    for (size_t i = text->n; i-- > 0;) {
        if (text->p[i] == '/')
            break;
        if (text->p[i] != separator)
            continue;
        struct str tail = { text->p + i + 1, text->n - i - 1 };
        text->n = i;
        return tail;
    }
    return STR("");
}

/* Origins hold no query: it may be secret. */
static struct str
before_query(struct str url)
{
    ptrdiff_t at = str_find(url, '?');
    return at < 0 ? url : (struct str){ url.p, (size_t)at };
}

/* A page of the hub: HOST/ORG/NAME[/(resolve|blob|tree)/REVISION[/FILE]]. */
static struct wish
wish_of_page(struct str url)
{
    struct str verb, file, org = url;
    for (int i = 0; i < 3; i++) /* "https:", "", host */
        (void)str_split(&url, '/');
    org.p = url.p;
    (void)str_split(&url, '/');
    struct str name = str_split(&url, '/');
    if (name.n == 0)
        return (struct wish){ .repository = STR("") };
    struct wish wish = { .repository = { org.p,
                                         (size_t)(name.p + name.n - org.p) } };
    verb = str_split(&url, '/');
    wish.revision = verb.n == 0 ? STR("") : str_split(&url, '/');
    for (file = url; url.p != NULL;)
        file = str_split(&url, '/');
    wish.variant = file;
    return wish;
}

/* Behind "ORG/NAME:", a path. */
static struct str
cut_file(struct str *text)
{
    struct str name = *text;
    (void)str_split(&name, '/');
    ptrdiff_t at = str_find(name, ':');
    if (at < 0)
        return STR("");
    text->n = (size_t)(name.p + at - text->p);
    return (struct str){ name.p + at + 1, name.n - (size_t)at - 1 };
}

/* ORG/NAME[:VARIANT][@REVISION], as `hearth pull` takes it. A revision may
 * hold slashes, and a variant that is named by its file. */
static struct wish
wish_of(struct str name)
{
    if (str_contains(name, STR("://")))
        return wish_of_page(before_query(name));
    struct wish wish = { .repository = str_split(&name, '@') };
    wish.revision = name.p == NULL ? STR("") : name;
    wish.variant = cut_at_last(&wish.repository, ':');
    if (wish.variant.n == 0)
        wish.variant = cut_file(&wish.repository);
    return wish;
}

/* The name of a file without folders, part number and ending. */
static struct str
file_stem(struct str path)
{
    struct str name = path;
    while (path.p != NULL)
        name = str_split(&path, '/');
    return str_ends_with_nocase(name, STR(".gguf")) ? model_shard_of(name).stem
                                                    : name;
}

static bool
is_variant(const struct model *model, struct str variant)
{
    return str_eq_nocase(model_name_variant(str_from(model->path)), variant) ||
           str_eq_nocase(str_from(model->quantization), variant) ||
           str_eq_nocase(file_stem(str_from(model->path)), file_stem(variant));
}

/* The reference of a found revision, or its commit, or the front of that. */
static bool
is_revision(const struct model *model, struct str found, struct str wanted)
{
    const char *snapshot = strstr(model->path, "/snapshots/");
    if (wanted.n == 0 || str_eq(found, wanted))
        return true;
    if (found.n == 0 && str_is(wanted, "main"))
        return true;
    if (snapshot == NULL || wanted.n < REVISION_BYTES_MIN)
        return false;
    return str_starts_with(str_from(snapshot + strlen("/snapshots/")), wanted);
}

/* 0: it is not what is meant; the higher the better. Of several the revision
 * in use goes first, then what the hub would choose for us. */
static int
suits(const struct model *model, struct str origin, const struct wish *wish)
{
    struct str repository = str_split(&origin, '@');
    struct str revision = origin.p == NULL ? STR("") : origin;
    struct str tag = STR("");
    if (model->source == MODEL_SOURCE_OLLAMA)
        tag = cut_at_last(&repository, ':');
    if (!str_eq_nocase(repository, wish->repository) ||
        !is_revision(model, revision, wish->revision))
        return 0;
    if (wish->variant.n > 0 && !str_eq_nocase(tag, wish->variant) &&
        !is_variant(model, wish->variant))
        return 0;
    bool is_usual =
        tag.n > 0 ? str_is(tag, "latest") : is_variant(model, STR("Q4_K_M"));
    return 1 + (revision.n == 0 ? 2 : 0) + (is_usual ? 1 : 0);
}

static int
best_of_origins(const struct model *model, const struct wish *wish)
{
    int best = 0;
    for (size_t i = 0; i < model->origins.n; i++) {
        int rank = suits(model, str_from(model->origins.at[i]), wish);
        best = rank > best ? rank : best;
    }
    return best;
}

/* The better one; of equals the one that came last, then the first by name
 * (the order that they are looked at in). */
static bool
is_better(int rank, const struct model *model, int best_rank,
          const struct model *best)
{
    if (rank != best_rank)
        return rank > best_rank;
    return best != NULL && model->created_at_ms > best->created_at_ms;
}

struct model *
catalog_find_origin(const struct catalog *catalog, struct str name)
{
    struct model *best = NULL;
    const struct wish wish = wish_of(name);
    if (str_contains(name, STR("://")))
        name = before_query(name); /* as downloads note it */
    int best_rank = 0;             /* does not suit */
    for (size_t i = 0; i < catalog->n; i++) {
        struct model *model = catalog->models[i];
        if (text_list_has(&model->origins, name))
            return model;
        int rank = best_of_origins(model, &wish);
        if (!is_better(rank, model, best_rank, best))
            continue;
        best = model;
        best_rank = rank;
    }
    return best;
}
