/* hearth inspect for safetensors files. */
#include "cli/inspect.h"
#include "formats/sd_model.h"

static struct str
first_of(const struct json *metadata, const char *key, const char *other_key)
{
    struct str text = STR("");
    if (!json_as_text(json_get(metadata, key), &text))
        json_as_text(json_get(metadata, other_key), &text);
    return text;
}

static void
report_types(struct report *report, const struct safetensors_info *info)
{
    struct inspect_types types = { .n = 0 };
    for (size_t i = 0; i < info->n_tensors; i++)
        inspect_count_type(&types, info->tensors[i].type,
                           info->tensors[i].n_bytes);
    inspect_report_types(report, &types);
}

static void
report_metadata(struct report *report, const struct json *metadata)
{
    struct json_iter it;
    struct str text;
    if (!report->is_json)
        return;
    json_key(&report->json, "metadata");
    json_object_begin(&report->json);
    for (json_iter_init(&it, metadata); json_iter_next(&it);) {
        if (it.key.n > INSPECT_TEXT_MAX || !json_as_text(it.value, &text))
            continue;
        json_key_str(&report->json, it.key);
        inspect_json_text(report, text, text.n);
    }
    json_object_end(&report->json);
}

static int
report_safetensors(const struct inspected *file,
                   const struct safetensors_info *info,
                   const struct sd_words *words)
{
    struct report report;
    struct sd_model model = sd_model_of_safetensors(info);
    const struct json *metadata = info->metadata;
    inspect_begin(&report, file, "safetensors");
    report_text(&report, "kind", "kind",
                str_from(model_kind_names[model.kind]));
    report_text(&report, "base_model", "base model",
                str_from(model.base_model));
    report_text(&report, "name", "name",
                first_of(metadata, "modelspec.title", "ss_output_name"));
    report_text(
        &report, "architecture", "architecture",
        first_of(metadata, "modelspec.architecture", "ss_base_model_version"));
    report_text(&report, "license", "license",
                first_of(metadata, "modelspec.license", "license"));
    report_text(&report, "quantization", "most tensors", info->main_type);
    report_words(&report, "trigger_words", "trigger words", &words->triggers);
    report_words(&report, "tags", "tags", &words->tags);
    report_count(&report, "n_parameters", "parameters", info->n_parameters);
    report_count(&report, "n_tensors", "tensors", info->n_tensors);
    report_bytes(&report, "tensor_bytes", NULL, info->data_bytes);
    report_count(&report, "data_offset", NULL, info->head_bytes);
    report_types(&report, info);
    report_metadata(&report, metadata);
    return report_end(&report);
}

int
inspect_safetensors(const struct inspected *file)
{
    struct safetensors_info info;
    struct sd_words words;
    struct error error;
    int rc;
    if (safetensors_read(&file->source, &info, &error) < 0)
        return inspect_failed(file, &error);
    if (sd_words_read(&words, info.metadata) < 0) {
        rc = cli_fail(CLI_FAILED, "out of memory");
    } else {
        rc = report_safetensors(file, &info, &words);
        sd_words_release(&words);
    }
    safetensors_info_release(&info);
    return rc;
}
