/* Names and header fields from outside: no crash, and a name that passes can
 * do no harm. */
#include <stdlib.h>

#include "formats/file_name.h"
#include "formats/http_fields.h"
#include "formats/model_name.h"
#include "fuzz.h"

static void
check_name(struct str name)
{
    if (file_name_check_path(name, NULL) != 0)
        return;
    struct str rest = name;
    while (rest.p != NULL) {
        struct str part = str_split(&rest, '/');
        if (part.n == 0 || str_is(part, "..") || str_is(part, ".") ||
            memchr(part.p, '\0', part.n) != NULL || part.n > 255)
            abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *copy = malloc(n + 1);
    if (copy == NULL)
        abort();
    if (n > 0)
        memcpy(copy, data, n);
    struct str text = { copy, n };
    struct strbuf out = STRBUF_INIT(1 << 20);
    struct content_range range;
    bool is_weak;
    check_name(text);
    struct model_shard shard = model_shard_of(text);
    if (shard.index > shard.count || shard.stem.n > n)
        abort();
    if (model_name_quantization(text).n > n || model_name_variant(text).n > n)
        abort();
    model_name_parameters(text);
    model_name_family(text);
    if (http_content_range(text, &range) &&
        (range.first < 0 || range.last < range.first ||
         (range.total >= 0 && range.total <= range.last)))
        abort();
    if (http_retry_after(text, 0) > 86400 || http_rate_limit_wait(text) > 86400)
        abort();
    http_link_next(text);
    http_etag(text, &is_weak);
    http_disposition_name(text, &out);
    uri_last_segment(text);
    strbuf_release(&out);
    free(copy);
    return 0;
}
