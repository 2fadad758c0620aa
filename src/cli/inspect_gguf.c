/* hearth inspect for GGUF files. */
#include "base/map.h"
#include "cli/inspect.h"
#include "formats/sd_model.h"

enum { LIST_MAX = 256 }; /* longer arrays are told by type and length */

struct tensors {
    struct inspect_types types;
    struct sd_scan scan;
};

static int
on_tensor(void *ctx, const struct gguf_tensor *tensor)
{
    struct tensors *tensors = ctx;
    const struct ggml_type_row *row = ggml_type_find(tensor->type);
    char number[INSPECT_TYPE_BYTES];
    snprintf(number, sizeof number, "type %u", tensor->type);
    inspect_count_type(&tensors->types,
                       str_from(row == NULL ? number : row->name),
                       tensor->n_bytes);
    sd_scan_see_gguf(&tensors->scan, tensor);
    return 0;
}

/* ---- the facts ---- */

static struct str
text_at(const struct gguf_info *info, const char *key)
{
    struct str text = STR("");
    gguf_as_text(gguf_get(info, key), &text);
    return text;
}

static void
report_quantization(struct report *report, const struct gguf_info *info)
{
    const struct ggml_type_row *row = ggml_type_find(info->most_bytes_type);
    uint64_t ftype;
    const char *name = NULL;
    if (gguf_as_u64(gguf_get(info, "general.file_type"), &ftype))
        name = llama_ftype_name(ftype);
    bool is_from_tensors = name == NULL;
    if (is_from_tensors && row != NULL && info->n_tensors > 0)
        name = row->name;
    report_text(report, "quantization",
                is_from_tensors ? "most tensors" : "quantization",
                str_from(name));
    report_bool(report, "is_quantization_from_tensors", NULL, is_from_tensors);
}

static void
report_architecture(struct report *report, const struct gguf_info *info)
{
    static const struct {
        const char *name, *key, *label;
    } rows[] = {
        { "context_length", "context_length", "context length" },
        { "block_count", "n_layers", "layers" },
        { "attention.head_count", "n_heads", "heads" },
        { "attention.head_count_kv", "n_kv_heads", "kv heads" },
        { "embedding_length", "embedding_length", "embedding" },
    };
    const struct gguf_value *words = gguf_get(info, "tokenizer.ggml.tokens");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t n = 0;
        if (!gguf_as_u64(gguf_get_arch(info, rows[i].name), &n))
            n = 0;
        report_count(report, rows[i].key, rows[i].label, n);
    }
    uint64_t n_words = 0;
    if (!gguf_as_u64(gguf_get_arch(info, "vocab_size"), &n_words))
        n_words = words == NULL ? 0 : words->n_items;
    report_count(report, "vocabulary", "vocabulary", n_words);
    report_bool(report, "has_template", "chat template",
                gguf_get(info, "tokenizer.chat_template") != NULL);
}

static int
report_tags(struct report *report, const struct gguf_info *info)
{
    const struct gguf_value *value = gguf_get(info, "general.tags");
    struct text_list tags = { NULL, 0 };
    int rc = 0;
    size_t n =
        value == NULL || value->texts == NULL ? 0 : (size_t)value->n_items;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = text_list_add(&tags, value->texts[i]);
    report_words(report, "tags", "tags", &tags);
    text_list_release(&tags);
    return rc;
}

/* Of image models. Some say what they are, some only have tensors. */
static void
report_kind(struct report *report, const struct gguf_info *info,
            const struct tensors *tensors)
{
    struct sd_model model = sd_model_of_architecture(gguf_architecture(info));
    if (model.kind == MODEL_KIND_UNKNOWN)
        model = sd_scan_result(&tensors->scan, NULL);
    bool is_image = model.base_model[0] != '\0';
    report_text(report, "kind", "kind",
                is_image ? str_from(model_kind_names[model.kind]) : STR(""));
    report_text(report, "base_model", "base model", str_from(model.base_model));
}

/* ---- the metadata, as JSON ---- */

static void
add_number(struct report *report, const struct gguf_value *value)
{
    switch (value->type) {
    case GGUF_VALUE_I8:
    case GGUF_VALUE_I16:
    case GGUF_VALUE_I32:
    case GGUF_VALUE_I64: json_int(&report->json, value->i); break;
    case GGUF_VALUE_F32:
    case GGUF_VALUE_F64: json_real(&report->json, value->real); break;
    case GGUF_VALUE_BOOL: json_bool(&report->json, value->u != 0); break;
    default: report_u64(report, value->u);
    }
}

static void
add_array(struct report *report, const struct gguf_value *value)
{
    static const char *const names[] = {
        [GGUF_VALUE_U8] = "u8",     [GGUF_VALUE_I8] = "i8",
        [GGUF_VALUE_U16] = "u16",   [GGUF_VALUE_I16] = "i16",
        [GGUF_VALUE_U32] = "u32",   [GGUF_VALUE_I32] = "i32",
        [GGUF_VALUE_F32] = "f32",   [GGUF_VALUE_BOOL] = "bool",
        [GGUF_VALUE_TEXT] = "text", [GGUF_VALUE_ARRAY] = "array",
        [GGUF_VALUE_U64] = "u64",   [GGUF_VALUE_I64] = "i64",
        [GGUF_VALUE_F64] = "f64",
    };
    if (value->numbers != NULL && value->n_items <= LIST_MAX) {
        json_array_begin(&report->json);
        for (size_t i = 0; i < value->n_numbers; i++)
            if (value->item_type == GGUF_VALUE_BOOL)
                json_bool(&report->json, value->numbers[i] != 0);
            else
                json_real(&report->json, value->numbers[i]);
        json_array_end(&report->json);
        return;
    }
    if (value->texts != NULL) {
        json_array_begin(&report->json);
        for (size_t i = 0; i < value->n_items; i++)
            json_str(&report->json, value->texts[i]);
        json_array_end(&report->json);
        return;
    }
    json_object_begin(&report->json);
    json_key(&report->json, "array_of");
    json_text(&report->json, names[value->item_type]);
    json_key(&report->json, "n_items");
    report_u64(report, value->n_items);
    json_object_end(&report->json);
}

static void
add_value(struct report *report, const struct gguf_value *value)
{
    if (value->type == GGUF_VALUE_TEXT)
        inspect_json_text(report, value->text, value->n_bytes);
    else if (value->type == GGUF_VALUE_ARRAY)
        add_array(report, value);
    else
        add_number(report, value);
    report_flush(report);
}

/* The first of equal names counts. -1: out of memory. */
static int
add_keys(struct report *report, const struct gguf_info *info, struct map *seen)
{
    for (size_t i = 0; i < info->n_kept; i++) {
        const struct gguf_key *key = &info->keys[i];
        if (map_get(seen, key->name) != NULL)
            continue;
        if (map_put(seen, key->name, report) < 0)
            return -1;
        json_key_str(&report->json, key->name);
        add_value(report, &key->value);
    }
    return 0;
}

static void
report_metadata(struct report *report, const struct gguf_info *info)
{
    struct map seen;
    if (!report->is_json)
        return;
    map_init(&seen);
    json_key(&report->json, "metadata");
    json_object_begin(&report->json);
    if (add_keys(report, info, &seen) < 0)
        report->out.state = STRBUF_NO_MEMORY;
    json_object_end(&report->json);
    map_release(&seen);
}

/* ---- the whole ---- */

static int
report_gguf(const struct inspected *file, const struct gguf_info *info,
            const struct tensors *tensors)
{
    struct report report;
    inspect_begin(&report, file, "gguf");
    report_count(&report, "version", "version", info->version);
    report_bool(&report, "is_big_endian",
                info->is_big_endian ? "big-endian" : NULL, info->is_big_endian);
    report_text(&report, "architecture", "architecture",
                gguf_architecture(info));
    report_text(&report, "name", "name", text_at(info, "general.name"));
    report_text(&report, "type", "type", text_at(info, "general.type"));
    report_text(&report, "license", "license",
                text_at(info, "general.license"));
    if (report_tags(&report, info) < 0)
        report.out.state = STRBUF_NO_MEMORY;
    report_kind(&report, info, tensors);
    report_quantization(&report, info);
    report_count(&report, "n_parameters", "parameters", info->n_parameters);
    report_architecture(&report, info);
    report_count(&report, "n_keys", "keys", info->n_keys);
    report_count(&report, "n_tensors", "tensors", info->n_tensors);
    report_bytes(&report, "tensor_bytes", NULL, info->tensor_bytes);
    report_count(&report, "data_offset", NULL, info->data_offset);
    inspect_report_types(&report, &tensors->types);
    report_metadata(&report, info);
    return report_end(&report);
}

int
inspect_gguf(const struct inspected *file)
{
    struct tensors tensors = { .types = { .n = 0 } };
    const struct gguf_visitor visitor = { on_tensor, &tensors };
    struct gguf_info info;
    struct error error;
    if (gguf_read(&file->source, &visitor, &info, &error) < 0)
        return inspect_failed(file, &error);
    int rc = report_gguf(file, &info, &tensors);
    gguf_info_release(&info);
    return rc;
}
