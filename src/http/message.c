/* Header fields, status phrases and query strings: see message.h. */
#include "http/message.h"

/* Names differ in length far more often than not. */
static inline bool
name_eq(struct str a, struct str b)
{
    return a.n == b.n && str_eq_nocase(a, b);
}

struct str
http_headers_get(struct http_headers headers, const char *name)
{
    struct str wanted = str_from(name);
    for (size_t i = 0; i < headers.n; i++)
        if (name_eq(headers.at[i].name, wanted))
            return headers.at[i].value;
    return (struct str){ NULL, 0 };
}

static bool
list_has(struct str list, struct str token)
{
    while (list.p != NULL)
        if (str_eq_nocase(str_trim(str_split(&list, ',')), token))
            return true;
    return false;
}

bool
http_headers_has_token(struct http_headers headers, const char *name,
                       const char *token)
{
    struct str wanted = str_from(name);
    for (size_t i = 0; i < headers.n; i++)
        if (name_eq(headers.at[i].name, wanted) &&
            list_has(headers.at[i].value, str_from(token)))
            return true;
    return false;
}

/* The fields that always are, told apart by their length first: this runs
 * for every field of every request on its way through. */
static bool
is_known_hop_by_hop(struct str name)
{
    switch (name.n) {
    case 2: return str_eq_nocase(name, STR("te"));
    case 7:
        return str_eq_nocase(name, STR("upgrade")) ||
               str_eq_nocase(name, STR("trailer"));
    case 10:
        return str_eq_nocase(name, STR("connection")) ||
               str_eq_nocase(name, STR("keep-alive"));
    case 16: return str_eq_nocase(name, STR("proxy-connection"));
    case 17: return str_eq_nocase(name, STR("transfer-encoding"));
    case 18: return str_eq_nocase(name, STR("proxy-authenticate"));
    case 19: return str_eq_nocase(name, STR("proxy-authorization"));
    default: return false;
    }
}

bool
http_header_is_hop_by_hop(struct http_headers all, struct str name)
{
    if (is_known_hop_by_hop(name))
        return true;
    for (size_t i = 0; i < all.n; i++)
        if (name_eq(all.at[i].name, STR("connection")) &&
            list_has(all.at[i].value, name))
            return true;
    return false;
}

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    { 100, "Continue" },
    { 101, "Switching Protocols" },
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 203, "Non-Authoritative Information" },
    { 204, "No Content" },
    { 205, "Reset Content" },
    { 206, "Partial Content" },
    { 300, "Multiple Choices" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 402, "Payment Required" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 417, "Expectation Failed" },
    { 418, "I'm a teapot" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Content" },
    { 425, "Too Early" },
    { 426, "Upgrade Required" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 499, "Request Cancelled" }, /* by hand, here; no RFC has one */
    { 451, "Unavailable For Legal Reasons" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
    { 507, "Insufficient Storage" },
    { 529, "Site is overloaded" },
};

const char *
http_status_reason(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

ptrdiff_t
http_percent_decode(struct str from, bool is_plus_space, char *buffer,
                    size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < from.n; i++) {
        char c = from.p[i];
        if (c == '%') {
            int high = i + 2 < from.n ? str_hex_digit(from.p[i + 1]) : -1;
            int low = high >= 0 ? str_hex_digit(from.p[i + 2]) : -1;
            if (low < 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && is_plus_space) {
            c = ' ';
        }
        if (n == size || c == '\0')
            return -1;
        buffer[n++] = c;
    }
    return (ptrdiff_t)n;
}

ptrdiff_t
http_query_get(struct str query, const char *name, char *buffer, size_t size)
{
    while (query.p != NULL && query.n > 0) {
        struct str value = str_split(&query, '&');
        struct str key = str_split(&value, '=');
        char plain[128];
        ptrdiff_t n = http_percent_decode(key, true, plain, sizeof plain);
        if (n >= 0 && str_is((struct str){ plain, (size_t)n }, name))
            return http_percent_decode(value, true, buffer, size);
    }
    return -1;
}

bool
http_header_is_clean(const struct http_header *header)
{
    if (header->name.n == 0)
        return false;
    for (size_t i = 0; i < header->name.n; i++)
        if (!http_is_token_byte(header->name.p[i]))
            return false;
    for (size_t i = 0; i < header->value.n; i++) {
        char c = header->value.p[i];
        if (c == '\r' || c == '\n' || c == '\0')
            return false;
    }
    return true;
}

bool
http_is_token_byte(char c)
{
    /* The 32 bytes from each row's start, lowest bit first. */
    static const uint32_t rows[8] = { 0, 0x03FF6CFA, 0xC7FFFFFE, 0x57FFFFFF };
    unsigned byte = (unsigned char)c;
    return rows[byte / 32] >> (byte % 32) & 1;
}

void
http_add_number(struct strbuf *buf, uint64_t number, unsigned base)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    strbuf_add(buf, digits + at, sizeof digits - at);
}
