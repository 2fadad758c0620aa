/* Sidecars from anywhere: lists keep their bounds, addresses are of the web,
 * and what we write of a version reads as the version did. */
#include <stdlib.h>

#include "formats/sidecar.h"
#include "fuzz.h"

static void
check(bool is_so)
{
    if (!is_so)
        abort();
}

static bool
same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
same_list(const struct text_list *a, const struct text_list *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (!same(a->at[i], b->at[i]))
            return false;
    return a->n == b->n;
}

static void
check_written(struct str text, const struct sidecar *before)
{
    struct error error;
    struct strbuf out = STRBUF_INIT(1 << 24);
    struct json_writer writer;
    struct sidecar again = { .name = NULL };
    struct json_doc *doc = json_parse(text, &error);
    json_writer_init(&writer, &out);
    sidecar_write(json_root(doc), &writer);
    json_doc_free(doc);
    check(!strbuf_failed(&out));
    check(sidecar_read(&again, strbuf_view(&out), &error) == 0);
    check(same(again.name, before->name) &&
          same(again.version, before->version) &&
          same(again.base_model, before->base_model) &&
          same_list(&again.trigger_words, &before->trigger_words) &&
          same_list(&again.image_urls, &before->image_urls) &&
          again.version_id == before->version_id &&
          strcmp(again.sha256, before->sha256) == 0);
    sidecar_release(&again);
    strbuf_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = { (const char *)data, n };
    struct sidecar sidecar = { .name = NULL };
    struct error error = { .code = ERR_OK };
    int64_t model_id, version_id;
    check(civitai_page_read(text, &model_id, &version_id) ==
          (model_id > 0 || version_id > 0));
    if (sidecar_read(&sidecar, text, &error) < 0) {
        check(error.message[0] != '\0');
    } else {
        check(sidecar.tags.n <= SIDECAR_WORDS_MAX &&
              sidecar.trigger_words.n <= SIDECAR_WORDS_MAX &&
              sidecar.image_urls.n <= SIDECAR_WORDS_MAX &&
              sidecar.model_id >= 0 && sidecar.version_id >= 0);
        for (size_t i = 0; i < sidecar.image_urls.n; i++)
            check(strncmp(sidecar.image_urls.at[i], "http", 4) == 0);
        check_written(text, &sidecar);
    }
    sidecar_release(&sidecar);
    return 0;
}
