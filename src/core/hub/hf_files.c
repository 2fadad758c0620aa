/* Which files of a repository are wanted.
 *
 * Named files win. Else, where there are GGUF files, one variant of them (a
 * model in one quantization; the parts of a split one together) with a
 * projector, if there is one; a repository with one variant needs no choice,
 * and of several Q4_K_M is taken. A variant is called by its quantization;
 * where two models have the same, by the file. Else everything that an engine
 * reads: weights of one kind (safetensors before .bin), and the small files
 * around them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "core/hub/hub_internal.h"
#include "formats/model_name.h"

enum { VARIANTS_MAX = 1000 };

static bool
ends(const struct hub_file *file, const char *ending)
{
    return str_ends_with(str_from(file->path), str_from(ending));
}

static bool
is_gguf(const struct hub_file *file)
{
    return ends(file, ".gguf");
}

static bool
is_projector(const struct hub_file *file)
{
    return is_gguf(file) && model_name_is_projector(str_from(file->path));
}

static struct str
quantization_of(const struct hub_file *file)
{
    return model_name_variant(str_from(file->path));
}

/* ---- plans ---- */

static struct hub_plan *
make_plan(struct hub_job *job, const bool *is_wanted, struct str variant,
          struct error *error)
{
    struct hub_file *files = calloc(job->n_files + 1, sizeof *files);
    size_t n = 0;
    for (size_t i = 0; files != NULL && i < job->n_files; i++)
        if (is_wanted[i])
            files[n++] = job->files[i];
    const struct hub_plan plan = {
        .source = HUB_HUGGINGFACE,
        .model_id = (char *)(uintptr_t)job->id,
        .revision = (char *)(uintptr_t)job->commit,
        .ref = (char *)(uintptr_t)job->revision,
        .variant = (char *)(uintptr_t)hub_str(job, variant),
        .display_name = (char *)(uintptr_t)job->id,
        .token = (char *)(uintptr_t)job->token,
        .files = files,
        .n_files = n,
    };
    struct hub_plan *copy = files == NULL ? NULL : hub_plan_copy(&plan);
    free(files);
    if (copy == NULL)
        error_set(error, ERR_NO_MEMORY, "out of memory");
    return copy;
}

static int
want_named(const struct hub_job *job, bool *is_wanted, struct error *error)
{
    const struct hub_request *r = &job->request;
    for (size_t i = 0; i < r->n_files; i++) {
        size_t j = 0;
        while (j < job->n_files &&
               !str_eq(r->files[i], str_from(job->files[j].path)))
            j++;
        if (j == job->n_files)
            return error_set(error, ERR_NOT_FOUND, "%s has no file \"%.*s\"",
                             job->id,
                             (int)(r->files[i].n > 200 ? 200 : r->files[i].n),
                             r->files[i].p);
        is_wanted[j] = true;
    }
    return 0;
}

/* ---- variants of GGUF ---- */

/* One model in one quantization: a file, or the parts of a split one. */
struct variant {
    struct str quantization; /* "Q4_K_M"; or "" */
    struct str stem;         /* its path without part number and ending */
    unsigned n_parts;        /* 0: it is not split */
    struct str path;         /* of its first file, without ending */
    struct str name;         /* the quantization, if no other has it */
};
struct variants {
    struct variant at[VARIANTS_MAX];
    size_t n;
};

static struct str
without_gguf(struct str path)
{
    const struct str ending = STR(".gguf");
    if (str_ends_with(path, ending))
        path.n -= ending.n;
    return path;
}

static struct str
stem_of(struct str path, unsigned *ret_n_parts)
{
    struct str name = path, rest = path;
    while (rest.p != NULL)
        name = str_split(&rest, '/');
    struct model_shard shard = model_shard_of(name);
    *ret_n_parts = shard.count;
    return (struct str){ path.p,
                         (size_t)(shard.stem.p + shard.stem.n - path.p) };
}

static bool
is_of(const struct hub_file *file, const struct variant *variant)
{
    unsigned n_parts;
    if (!is_gguf(file) || is_projector(file))
        return false;
    struct str stem = stem_of(str_from(file->path), &n_parts);
    return n_parts == variant->n_parts && str_eq(stem, variant->stem);
}

/* "a.Q4_K_M" where another is a Q4_K_M too, and where none says what it is;
 * of one that is there whole and in parts, the parts by the first. */
static void
give_name(const struct variants *variants, struct variant *variant)
{
    size_t n_same = 0, n_stems = 0;
    for (size_t i = 0; i < variants->n; i++) {
        const struct variant *other = &variants->at[i];
        n_same += str_eq_nocase(variant->quantization, other->quantization);
        n_stems += str_eq(variant->stem, other->stem);
    }
    if (n_same == 1 && (variant->quantization.n > 0 || variants->n == 1))
        variant->name = variant->quantization;
    else
        variant->name = n_stems == 1 ? variant->stem : variant->path;
}

/* In the job's arena; NULL when out of memory. */
static struct variants *
collect(struct hub_job *job)
{
    struct variants *variants = arena_alloc(&job->arena, sizeof *variants);
    if (variants == NULL)
        return NULL;
    variants->n = 0;
    for (size_t i = 0; i < job->n_files; i++) {
        const struct hub_file *file = &job->files[i];
        size_t j = 0;
        if (!is_gguf(file) || is_projector(file))
            continue;
        while (j < variants->n && !is_of(file, &variants->at[j]))
            j++;
        if (j < variants->n || variants->n == VARIANTS_MAX)
            continue;
        struct variant *fresh = &variants->at[variants->n++];
        fresh->quantization = quantization_of(file);
        fresh->stem = stem_of(str_from(file->path), &fresh->n_parts);
        fresh->path = without_gguf(str_from(file->path));
    }
    for (size_t i = 0; i < variants->n; i++)
        give_name(variants, &variants->at[i]);
    return variants;
}

/* Whether somebody may mean it by that: its name, its quantization, the path
 * of a file of it with or without the ending, the file's name alone. */
static bool
is_meant(const struct variant *variant, struct str name)
{
    unsigned n_parts;
    if (str_ends_with(name, STR(".gguf")) &&
        str_eq(stem_of(name, &n_parts), variant->stem))
        return n_parts == variant->n_parts;
    struct str bare = without_gguf(name), file = variant->stem, rest = file;
    while (rest.p != NULL)
        file = str_split(&rest, '/');
    return str_eq_nocase(variant->quantization, name) ||
           str_eq_nocase(variant->stem, bare) ||
           str_eq_nocase(variant->path, bare) || str_eq_nocase(file, bare);
}

/* How many are meant: the one of that very name, or all that it may be;
 * `ret_variant` is the last of them. */
static size_t
find_variant(const struct variants *variants, struct str name,
             const struct variant **ret_variant)
{
    size_t n = 0;
    for (size_t i = 0; i < variants->n; i++) {
        const struct variant *variant = &variants->at[i];
        if (!is_meant(variant, name))
            continue;
        *ret_variant = variant;
        n++;
        if (str_eq_nocase(variant->name, name))
            return 1;
    }
    return n;
}

/* The names of those that are meant; of all by the empty one. */
static void
name_variants(const struct variants *variants, struct str meant, char *ret,
              size_t size)
{
    size_t n = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < variants->n && n < size; i++) {
        struct str name = variants->at[i].name;
        if (meant.n > 0 && !is_meant(&variants->at[i], meant))
            continue;
        int more = snprintf(ret + n, size - n, "%s%.*s", n == 0 ? "" : ", ",
                            name.n == 0 ? 7 : (int)name.n,
                            name.n == 0 ? "(other)" : name.p);
        n += more > 0 ? (size_t)more : 0;
    }
}

static const struct variant *
choose(const struct hub_job *job, const struct variants *variants,
       struct error *error)
{
    struct str wanted = job->request.variant;
    struct str usual = wanted.n > 0 ? wanted : STR("Q4_K_M");
    const struct variant *found = &variants->at[0];
    char names[300];
    if (wanted.n == 0 && variants->n == 1)
        return found;
    size_t n = find_variant(variants, usual, &found);
    if (n == 1)
        return found;
    name_variants(variants, n > 1 ? usual : STR(""), names, sizeof names);
    int most = (int)(usual.n > 80 ? 80 : usual.n);
    if (n > 1)
        error_field(error, "variant",
                    "%s has several models of variant %.*s: choose one by "
                    "`variant` (or its files by `files`): %s",
                    job->id, most, usual.p, names);
    else if (wanted.n > 0)
        error_field(error, "variant", "%s has no variant \"%.*s\"; it has %s",
                    job->id, most, usual.p, names);
    else
        error_field(error, "variant", "%s has several variants: %s", job->id,
                    names);
    return NULL;
}

/* A projector of 16 bits if there are several. */
static void
want_projector(const struct hub_job *job, bool *is_wanted)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < job->n_files; i++) {
        if (!is_projector(&job->files[i]))
            continue;
        struct str kind = quantization_of(&job->files[i]);
        if (best == SIZE_MAX || str_eq_nocase(kind, STR("F16")))
            best = i;
    }
    if (best != SIZE_MAX)
        is_wanted[best] = true;
}

static int
want_variant(const struct hub_job *job, const struct variants *variants,
             bool *is_wanted, struct str *ret_variant, struct error *error)
{
    const struct variant *chosen = choose(job, variants, error);
    if (chosen == NULL)
        return -1;
    for (size_t i = 0; i < job->n_files; i++)
        is_wanted[i] = is_of(&job->files[i], chosen);
    want_projector(job, is_wanted);
    *ret_variant = chosen->name;
    return 0;
}

/* ---- everything else ---- */

static bool
is_small(const struct hub_file *file)
{
    static const char *const endings[] = { ".json", ".txt",   ".model",
                                           ".py",   ".jinja", ".tiktoken",
                                           ".yaml", ".md" };
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends(file, endings[i]))
            return true;
    return str_is(str_from(file->path), "LICENSE");
}

static void
want_all(const struct hub_job *job, bool *is_wanted)
{
    bool has_safetensors = false;
    for (size_t i = 0; i < job->n_files; i++)
        has_safetensors |= ends(&job->files[i], ".safetensors");
    for (size_t i = 0; i < job->n_files; i++) {
        const struct hub_file *file = &job->files[i];
        bool is_weight =
            ends(file, ".safetensors") || ends(file, ".npz") ||
            (!has_safetensors && (ends(file, ".bin") || ends(file, ".pt") ||
                                  ends(file, ".pth") || ends(file, ".ckpt")));
        is_wanted[i] = is_weight || is_small(file);
    }
}

static int
want(struct hub_job *job, bool *is_wanted, struct str *ret_variant,
     struct error *error)
{
    *ret_variant = STR("");
    if (job->request.n_files > 0)
        return want_named(job, is_wanted, error);
    struct variants *variants = collect(job);
    if (variants == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    if (variants->n > 0)
        return want_variant(job, variants, is_wanted, ret_variant, error);
    if (job->request.variant.n > 0)
        return error_field(error, "variant", "%s has no GGUF files", job->id);
    want_all(job, is_wanted);
    return 0;
}

struct hub_plan *
hf_plan(struct hub_job *job, struct error *error)
{
    struct str variant;
    size_t n = 0;
    bool *is_wanted = calloc(job->n_files + 1, sizeof *is_wanted);
    struct hub_plan *plan = NULL;
    if (is_wanted == NULL)
        error_set(error, ERR_NO_MEMORY, "out of memory");
    else if (want(job, is_wanted, &variant, error) == 0) {
        for (size_t i = 0; i < job->n_files; i++)
            n += is_wanted[i];
        if (n == 0)
            error_set(error, ERR_NOT_FOUND, "%s holds no model files", job->id);
        else
            plan = make_plan(job, is_wanted, variant, error);
    }
    free(is_wanted);
    return plan;
}

/* ---- showing ---- */

static void
write_file(const struct hub_file *file, struct json_writer *out)
{
    json_object_begin(out);
    json_key(out, "path");
    json_text(out, file->path);
    json_key(out, "size");
    if (file->size_bytes < 0)
        json_null(out);
    else
        json_int(out, file->size_bytes);
    json_key(out, "sha256");
    json_text(out, file->sha256[0] == '\0' ? NULL : file->sha256);
    json_object_end(out);
}

static void
write_variant(const struct hub_job *job, const struct variant *variant,
              struct json_writer *out)
{
    int64_t size = 0;
    json_object_begin(out);
    json_key(out, "name");
    json_str(out, variant->name);
    json_key(out, "files");
    json_array_begin(out);
    for (size_t i = 0; i < job->n_files; i++) {
        const struct hub_file *file = &job->files[i];
        if (!is_of(file, variant))
            continue;
        write_file(file, out);
        size =
            i64_add_capped(size, file->size_bytes > 0 ? file->size_bytes : 0);
    }
    json_array_end(out);
    json_key(out, "size_bytes");
    json_int(out, size);
    json_object_end(out);
}

int
hf_write_files(struct hub_job *job, struct json_writer *out,
               struct error *error)
{
    struct variants *variants = collect(job);
    if (variants == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    json_object_begin(out);
    json_key(out, "source");
    json_text(out, "huggingface");
    json_key(out, "model_id");
    json_text(out, job->id);
    json_key(out, "revision");
    json_text(out, job->commit);
    json_key(out, "gated");
    json_bool(out, job->is_gated);
    json_key(out, "variants");
    json_array_begin(out);
    for (size_t i = 0; i < variants->n; i++)
        write_variant(job, &variants->at[i], out);
    json_array_end(out);
    json_key(out, "projectors");
    json_array_begin(out);
    for (size_t i = 0; i < job->n_files; i++)
        if (is_projector(&job->files[i]))
            write_file(&job->files[i], out);
    json_array_end(out);
    json_key(out, "files");
    json_array_begin(out);
    for (size_t i = 0; i < job->n_files; i++)
        write_file(&job->files[i], out);
    json_array_end(out);
    json_object_end(out);
    return 0;
}
