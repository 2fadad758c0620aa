/* Which files of a repository are wanted.
 *
 * Named files win. Else, where there are GGUF files, one variant of them (a
 * quantization; the parts of a split one together) with a projector, if there
 * is one; a repository with one variant needs no choice, and of several
 * Q4_K_M is taken. Else everything that an engine reads: weights of one kind
 * (safetensors before .bin), and the small files around them. */
#include <stdio.h>
#include <stdlib.h>

#include "core/hub/hub_internal.h"
#include "formats/model_name.h"

enum { VARIANTS_MAX = 64 };

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
variant_of(const struct hub_file *file)
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

struct variants {
    struct str at[VARIANTS_MAX];
    size_t n;
};

static void
collect(const struct hub_job *job, struct variants *variants)
{
    for (size_t i = 0; i < job->n_files; i++) {
        const struct hub_file *file = &job->files[i];
        struct str variant = variant_of(file);
        size_t j = 0;
        if (!is_gguf(file) || is_projector(file))
            continue;
        while (j < variants->n && !str_eq_nocase(variants->at[j], variant))
            j++;
        if (j == variants->n && variants->n < VARIANTS_MAX)
            variants->at[variants->n++] = variant;
    }
}

static bool
find_variant(const struct variants *variants, struct str name,
             struct str *ret_variant)
{
    for (size_t i = 0; i < variants->n; i++)
        if (str_eq_nocase(variants->at[i], name)) {
            *ret_variant = variants->at[i];
            return true;
        }
    return false;
}

static void
name_variants(const struct variants *variants, char *ret, size_t size)
{
    size_t n = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < variants->n && n < size; i++) {
        struct str name = variants->at[i];
        int more = snprintf(ret + n, size - n, "%s%.*s", i == 0 ? "" : ", ",
                            name.n == 0 ? 7 : (int)name.n,
                            name.n == 0 ? "(other)" : name.p);
        n += more > 0 ? (size_t)more : 0;
    }
}

static int
choose(const struct hub_job *job, const struct variants *variants,
       struct str *ret_variant, struct error *error)
{
    struct str wanted = job->request.variant;
    char names[300];
    if (wanted.n > 0 && find_variant(variants, wanted, ret_variant))
        return 0;
    if (wanted.n == 0 && variants->n == 1) {
        *ret_variant = variants->at[0];
        return 0;
    }
    if (wanted.n == 0 && find_variant(variants, STR("Q4_K_M"), ret_variant))
        return 0;
    name_variants(variants, names, sizeof names);
    if (wanted.n > 0)
        return error_field(
            error, "variant", "%s has no variant \"%.*s\"; it has %s", job->id,
            (int)(wanted.n > 40 ? 40 : wanted.n), wanted.p, names);
    return error_field(error, "variant", "%s has several variants: %s", job->id,
                       names);
}

/* A projector of 16 bits if there are several. */
static void
want_projector(const struct hub_job *job, bool *is_wanted)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < job->n_files; i++) {
        if (!is_projector(&job->files[i]))
            continue;
        struct str kind = variant_of(&job->files[i]);
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
    if (choose(job, variants, ret_variant, error) < 0)
        return -1;
    for (size_t i = 0; i < job->n_files; i++)
        is_wanted[i] = is_gguf(&job->files[i]) &&
                       !is_projector(&job->files[i]) &&
                       str_eq_nocase(variant_of(&job->files[i]), *ret_variant);
    want_projector(job, is_wanted);
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
    struct variants variants = { .n = 0 };
    *ret_variant = STR("");
    if (job->request.n_files > 0)
        return want_named(job, is_wanted, error);
    collect(job, &variants);
    if (variants.n > 0)
        return want_variant(job, &variants, is_wanted, ret_variant, error);
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
write_variant(const struct hub_job *job, struct str variant,
              struct json_writer *out)
{
    int64_t size = 0;
    json_object_begin(out);
    json_key(out, "name");
    json_str(out, variant);
    json_key(out, "files");
    json_array_begin(out);
    for (size_t i = 0; i < job->n_files; i++) {
        const struct hub_file *file = &job->files[i];
        if (!is_gguf(file) || is_projector(file) ||
            !str_eq_nocase(variant_of(file), variant))
            continue;
        write_file(file, out);
        size += file->size_bytes > 0 ? file->size_bytes : 0;
    }
    json_array_end(out);
    json_key(out, "size_bytes");
    json_int(out, size);
    json_object_end(out);
}

void
hf_write_files(struct hub_job *job, struct json_writer *out)
{
    struct variants variants = { .n = 0 };
    collect(job, &variants);
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
    for (size_t i = 0; i < variants.n; i++)
        write_variant(job, variants.at[i], out);
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
}
