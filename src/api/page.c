/* The dashboard: its files, and the shell that every address of it gets. They
 * hold no data: their script asks the API like any other client, so that
 * nothing is shown to who may not see it. */
#include <stdlib.h>
#include <string.h>

#include "api/handlers.h"
#include "api/web_files.h"

/* Where hashed files live: what is not there is no page either. */
#define FILES_PREFIX "/_app/"

bool
page_is_wanted(const struct http_request *request)
{
    struct http_headers headers = request->headers;
    if (str_starts_with(request->path, STR(FILES_PREFIX)))
        return false;
    if (str_is(http_headers_get(headers, "sec-fetch-mode"), "navigate"))
        return true;
    return str_contains(http_headers_get(headers, "accept"), STR("text/html"));
}

/* ---- the shell ---- */

static void
add_escaped(struct strbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"')
            strbuf_add_text(out, "&quot;");
        else if (*text == '&')
            strbuf_add_text(out, "&amp;");
        else if (*text == '<')
            strbuf_add_text(out, "&lt;");
        else
            strbuf_add_byte(out, *text);
    }
}

void
page_send(struct api *api, struct http_exchange *exchange,
          const struct auth_answer *who)
{
    const char *base =
        settings_text(api->options.settings, SETTING_ID_BASE_PATH);
    struct strbuf page = STRBUF_INIT(256 * KIB);
    for (size_t i = 0; i < web_files.n_shell_parts; i++) {
        if (i > 0)
            add_escaped(&page, base);
        strbuf_add_text(&page, web_files.shell_parts[i]);
    }
    struct http_header headers[REPLY_HEADERS_MAX];
    size_t n = reply_headers(who, REPLY_PAGE, headers);
    if (strbuf_failed(&page))
        http_respond(exchange, 503, (struct http_headers){ headers, n }, NULL,
                     STR(""));
    else
        http_respond(exchange, 200, (struct http_headers){ headers, n },
                     "text/html; charset=utf-8", strbuf_view(&page));
    strbuf_release(&page);
}

/* ---- files ---- */

static int
compare_path(const void *key, const void *row)
{
    const struct web_file *file = row;
    return str_compare(*(const struct str *)key, str_from(file->path));
}

const struct web_file *
web_file_find(struct str path)
{
    if (path.n == 0 || web_files.n == 0)
        return NULL;
    return bsearch(&path, web_files.at, web_files.n, sizeof *web_files.at,
                   compare_path);
}

/* `gzip;q=0` refuses it (RFC 9110 12.5.3). */
static bool
takes_gzip(struct http_headers headers)
{
    struct str rest = http_headers_get(headers, "accept-encoding");
    while (rest.n > 0) {
        struct str weight = str_trim(str_split(&rest, ','));
        struct str coding = str_trim(str_split(&weight, ';'));
        if (!str_eq_nocase(coding, STR("gzip")))
            continue;
        double q = 1;
        weight = str_trim(weight);
        if (str_starts_with(weight, STR("q=")))
            (void)str_to_double((struct str){ weight.p + 2, weight.n - 2 }, &q);
        return q > 0;
    }
    return false;
}

/* Weak comparison with each tag of a list (RFC 9110 13.1.2). */
bool
etag_is_known(struct http_headers headers, const char *etag)
{
    struct str rest = http_headers_get(headers, "if-none-match");
    struct str own = str_from(etag), plain = own;
    if (str_starts_with(own, STR("W/")))
        plain = (struct str){ own.p + 2, own.n - 2 };
    while (rest.n > 0) {
        struct str tag = str_trim(str_split(&rest, ','));
        if (str_eq(tag, own) || str_eq(tag, plain) || str_is(tag, "*"))
            return true;
    }
    return false;
}

void
web_file_send(const struct web_file *file, struct http_exchange *exchange,
              const struct auth_answer *who)
{
    struct http_headers asked = http_request(exchange)->headers;
    struct http_header headers[REPLY_HEADERS_MAX + 3];
    bool is_packed = file->packed.n > 0 && takes_gzip(asked);
    size_t n = reply_headers(
        who, file->is_hashed ? REPLY_HASHED_FILE : REPLY_FILE, headers);
    headers[n++] = (struct http_header){ STR("ETag"), str_from(file->etag) };
    if (etag_is_known(asked, file->etag)) {
        http_respond(exchange, 304, (struct http_headers){ headers, n }, NULL,
                     STR(""));
        return;
    }
    if (is_packed)
        headers[n++] =
            (struct http_header){ STR("Content-Encoding"), STR("gzip") };
    http_respond(exchange, 200, (struct http_headers){ headers, n }, file->type,
                 is_packed ? file->packed : file->plain);
}
