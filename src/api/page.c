/* The page of a browser. It holds no data: its script asks the API like any
 * other client, so that nothing is shown to who may not see it. */
#include "api/page.h"

#include "api/handlers.h"

bool
page_is_wanted(const struct http_request *request)
{
    struct http_headers headers = request->headers;
    if (str_is(http_headers_get(headers, "sec-fetch-mode"), "navigate"))
        return true;
    return str_contains(http_headers_get(headers, "accept"), STR("text/html"));
}

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
    struct strbuf page = STRBUF_INIT(256 * KIB);
    strbuf_add_text(&page, page_head);
    add_escaped(&page,
                settings_text(api->options.settings, SETTING_ID_BASE_PATH));
    strbuf_add_text(&page, page_tail);
    struct http_header headers[REPLY_HEADERS_MAX];
    size_t n = reply_headers(who, true, headers);
    if (strbuf_failed(&page))
        http_respond(exchange, 503, (struct http_headers){ headers, n }, NULL,
                     STR(""));
    else
        http_respond(exchange, 200, (struct http_headers){ headers, n },
                     "text/html; charset=utf-8", strbuf_view(&page));
    strbuf_release(&page);
}
