/* JSON or form: see finder.h. */
#include "gateway/finder.h"

#include "formats/json.h"

int
finder_init(struct finder *finder, struct str content_type, struct error *error)
{
    struct str form = STR("multipart/");
    finder->is_form =
        content_type.n >= form.n &&
        str_eq_nocase((struct str){ content_type.p, form.n }, form);
    if (finder->is_form)
        return multipart_scanner_init(&finder->scanner.form, content_type,
                                      error);
    model_scanner_init(&finder->scanner.json);
    return 0;
}

void
finder_release(struct finder *finder)
{
    if (finder->is_form)
        multipart_scanner_release(&finder->scanner.form);
    else
        model_scanner_release(&finder->scanner.json);
}

enum model_scan
finder_feed(struct finder *finder, struct str bytes)
{
    if (finder->is_form)
        return multipart_scanner_feed(&finder->scanner.form, bytes);
    return model_scanner_feed(&finder->scanner.json, bytes);
}

void
finder_error(const struct finder *finder, struct error *error)
{
    if (finder->is_form)
        multipart_scanner_error(&finder->scanner.form, error);
    else
        model_scanner_error(&finder->scanner.json, error);
}

int
finder_name(const struct finder *finder, struct strbuf *out)
{
    if (!finder->is_form)
        return model_scanner_name(&finder->scanner.json, out);
    strbuf_add_str(out, multipart_scanner_name(&finder->scanner.form));
    return strbuf_failed(out) ? -1 : 0;
}

void
finder_range(const struct finder *finder, uint64_t *ret_begin,
             uint64_t *ret_end)
{
    if (finder->is_form) {
        *ret_begin = finder->scanner.form.model.begin;
        *ret_end = finder->scanner.form.model.end;
    } else {
        *ret_begin = model_scanner_begin(&finder->scanner.json);
        *ret_end = model_scanner_end(&finder->scanner.json);
    }
}

void
finder_replacement(const struct finder *finder, struct str name,
                   struct strbuf *out)
{
    if (finder->is_form) {
        strbuf_add_str(out, name);
        return;
    }
    struct json_writer w;
    json_writer_init(&w, out);
    json_str(&w, name);
}

bool
finder_streams(const struct finder *finder)
{
    return finder->is_form ? multipart_scanner_streams(&finder->scanner.form)
                           : model_scanner_streams(&finder->scanner.json);
}

bool
finder_knows_stream(const struct finder *finder)
{
    return finder->is_form ? finder->scanner.form.stream.is_whole
                           : model_scanner_knows_stream(&finder->scanner.json);
}
