/* Rules for heads (RFC 9112 sections 3, 6 and 7; RFC 9110 7.2).
 *
 * One principle: a head that another program on the way could understand
 * differently is refused, also where the RFC would let a server repair it. */
#include "http/rules.h"

int
rules_refuse(struct reader *reader, int status, const char *message)
{
    if (reader->refusal == 0) {
        reader->refusal = status;
        reader->message = message;
    }
    return -1;
}

struct framing_fields {
    struct str length;
    size_t n_lengths;
    size_t n_codings; /* in all Transfer-Encoding fields */
    size_t n_chunked;
    bool is_chunked_last;
    bool has_identity;
    size_t n_hosts;
    struct str host;
};

static void
note_codings(struct framing_fields *seen, struct str list)
{
    while (list.p != NULL) {
        struct str coding = str_trim(str_split(&list, ','));
        seen->n_codings++;
        seen->is_chunked_last = str_eq_nocase(coding, STR("chunked"));
        seen->n_chunked += seen->is_chunked_last;
        seen->has_identity |= str_eq_nocase(coding, STR("identity"));
    }
}

static void
note_connection(struct reader *reader, struct str list)
{
    while (list.p != NULL) {
        struct str option = str_trim(str_split(&list, ','));
        if (str_eq_nocase(option, STR("close")))
            reader->is_keep_alive = false;
        else if (reader->minor_version == 0 &&
                 str_eq_nocase(option, STR("keep-alive")))
            reader->is_keep_alive = true;
    }
}

static struct framing_fields
find_fields(struct reader *reader)
{
    struct framing_fields seen = { 0 };
    bool has_close = false;
    reader->is_keep_alive = reader->minor_version > 0;
    for (size_t i = 0; i < reader->n_fields; i++) {
        struct http_header *field = &reader->fields[i];
        switch (field->name.n) {
        case 4:
            if (str_eq_nocase(field->name, STR("host"))) {
                seen.n_hosts++;
                seen.host = field->value;
            }
            break;
        case 10:
            if (str_eq_nocase(field->name, STR("connection"))) {
                note_connection(reader, field->value);
                has_close |= http_headers_has_token(
                    (struct http_headers){ field, 1 }, "connection", "close");
            }
            break;
        case 14:
            if (str_eq_nocase(field->name, STR("content-length"))) {
                seen.n_lengths++;
                seen.length = field->value;
            }
            break;
        case 17:
            if (str_eq_nocase(field->name, STR("transfer-encoding")))
                note_codings(&seen, field->value);
            break;
        default: break;
        }
    }
    reader->is_keep_alive &= !has_close;
    return seen;
}

/* Digits alone: no sign, no list, no space inside. */
static int
check_length(struct reader *reader, struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return rules_refuse(reader, 400,
                                "Content-Length must be a decimal number");
    int64_t length;
    if (text.n == 0 || str_to_i64(text, &length) != 0)
        return rules_refuse(reader, 400,
                            "Content-Length must be a decimal number");
    reader->content_length = length;
    reader->framing = length == 0 ? FRAMING_NONE : FRAMING_COUNTED;
    return 0;
}

static int
check_framing(struct reader *reader, const struct framing_fields *seen)
{
    if (seen->n_lengths > 1)
        return rules_refuse(reader, 400, "more than one Content-Length");
    if (seen->n_lengths > 0 && seen->n_codings > 0)
        return rules_refuse(reader, 400,
                            "both Content-Length and Transfer-Encoding");
    if (seen->n_lengths == 1)
        return check_length(reader, seen->length);
    if (seen->n_codings == 0)
        return 0;
    if (reader->minor_version == 0)
        return rules_refuse(reader, 400,
                            "Transfer-Encoding in an HTTP/1.0 message");
    if (seen->has_identity || seen->n_chunked > 1 ||
        (seen->n_chunked == 1 && !seen->is_chunked_last))
        return rules_refuse(reader, 400,
                            "chunked must be the last transfer coding, once");
    if (seen->n_chunked == 0 || seen->n_codings > 1)
        return rules_refuse(reader, 501,
                            "the only known transfer coding is chunked");
    reader->content_length = -1;
    reader->framing = FRAMING_CHUNKED;
    return 0;
}

static bool
is_host_byte(char c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
        (c >= 'A' && c <= 'Z'))
        return true;
    return c != '\0' && strchr("-._~%!$&'()*+;=", c) != NULL;
}

static bool
is_port(struct str port) /* ":" and up to five digits, or nothing */
{
    if (port.n == 0)
        return true;
    if (port.p[0] != ':' || port.n > 6)
        return false;
    for (size_t i = 1; i < port.n; i++)
        if (port.p[i] < '0' || port.p[i] > '9')
            return false;
    return true;
}

static bool
is_host(struct str host)
{
    size_t at = 0;
    if (host.n > 0 && host.p[0] == '[') {
        for (at = 1; at < host.n && host.p[at] != ']'; at++)
            if (!is_host_byte(host.p[at]) && host.p[at] != ':')
                return false;
        if (at == host.n || at == 1)
            return false;
        at++;
    } else {
        while (at < host.n && is_host_byte(host.p[at]))
            at++;
        if (at == 0)
            return false;
    }
    return is_port((struct str){ host.p + at, host.n - at });
}

static int
check_host(struct reader *reader, const struct framing_fields *seen)
{
    if (seen->n_hosts > 1)
        return rules_refuse(reader, 400, "more than one Host");
    if (seen->n_hosts == 0)
        return reader->minor_version == 0
                   ? 0
                   : rules_refuse(reader, 400, "Host is missing");
    if (!is_host(seen->host))
        return rules_refuse(reader, 400,
                            "Host must be a name or an address, and a port");
    return 0;
}

/* `http://host/path`: what is left is the path; the host must be the one
 * that Host names, so that nobody can ask two. */
static int
cut_absolute_form(struct reader *reader, struct str host)
{
    struct str target = reader->target;
    size_t scheme = 0;
    if (target.n >= 7 &&
        str_eq_nocase((struct str){ target.p, 7 }, STR("http://")))
        scheme = 7;
    else if (target.n >= 8 &&
             str_eq_nocase((struct str){ target.p, 8 }, STR("https://")))
        scheme = 8;
    if (scheme == 0)
        return rules_refuse(reader, 400, "the request target is no path");
    size_t end = scheme;
    while (end < target.n && target.p[end] != '/' && target.p[end] != '?')
        end++;
    struct str authority = { target.p + scheme, end - scheme };
    if (host.p == NULL || !str_eq_nocase(authority, host))
        return rules_refuse(reader, 400,
                            "the host of the target differs from Host");
    if (end < target.n && target.p[end] == '/') {
        reader->target = (struct str){ target.p + end, target.n - end };
        return 0;
    }
    /* No path: a slash takes the place of the authority's last byte. */
    char *slash = reader->bytes + (target.p - reader->bytes) + end - 1;
    *slash = '/';
    reader->target = (struct str){ slash, target.n - end + 1 };
    return 0;
}

static int
check_target(struct reader *reader, struct str host)
{
    struct str target = reader->target;
    if (str_is(reader->method, "CONNECT"))
        return rules_refuse(reader, 501, "this server is no tunnel");
    if (str_find(target, '#') >= 0)
        return rules_refuse(reader, 400, "the request target holds a fragment");
    if (str_is(target, "*"))
        return str_is(reader->method, "OPTIONS")
                   ? 0
                   : rules_refuse(reader, 400, "* is for OPTIONS only");
    if (target.n > 0 && target.p[0] == '/')
        return 0;
    return cut_absolute_form(reader, host);
}

/* One space between the three parts of the request line, no other byte;
 * before it nothing but empty lines. */
static int
check_request_line(struct reader *reader)
{
    for (const char *at = reader->bytes; at < reader->method.p; at += 2)
        if (at[0] != '\r' || at[1] != '\n')
            return rules_refuse(reader, 400, "the request line is malformed");
    const char *target_end = reader->target.p + reader->target.n;
    size_t n_rest = reader->n - (size_t)(target_end - reader->bytes);
    struct str rest = { target_end, n_rest };
    if (reader->method.p + reader->method.n + 1 != reader->target.p ||
        !str_starts_with(rest, STR(" HTTP/1.")) || rest.n < 11 ||
        rest.p[9] != '\r')
        return rules_refuse(reader, 400, "the request line is malformed");
    return 0;
}

int
rules_check_request(struct reader *reader)
{
    if (reader->parser.http_major != 1 || reader->minor_version > 1)
        return rules_refuse(
            reader, 505, "only versions 1.0 and 1.1 of HTTP are spoken here");
    if (check_request_line(reader) != 0)
        return -1;
    struct framing_fields seen = find_fields(reader);
    reader->content_length = 0;
    reader->framing = FRAMING_NONE;
    if (check_framing(reader, &seen) != 0 || check_host(reader, &seen) != 0)
        return -1;
    return check_target(reader, seen.host);
}

int
rules_check_response(struct reader *reader)
{
    if (reader->parser.http_major != 1 || reader->minor_version > 1)
        return rules_refuse(reader, 502, "an HTTP version that is not 1.x");
    if (reader->status < 100 || reader->status > 599)
        return rules_refuse(reader, 502, "a status that is not 100 to 599");
    struct framing_fields seen = find_fields(reader);
    reader->content_length = -1;
    reader->framing = FRAMING_UNTIL_CLOSE;
    if (check_framing(reader, &seen) != 0)
        return -1;
    if (reader->framing == FRAMING_UNTIL_CLOSE)
        reader->is_keep_alive = false;
    return 0;
}
