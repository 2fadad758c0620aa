/* What a client asked, checked against its row before a handler sees it. */
#include "api/call.h"

#include <string.h>

enum { QUERY_VALUE_BYTES = 1024 };

static const struct query_param *
find_param(const struct api_row *row, struct str name)
{
    for (const struct query_param *p = row->query; p != NULL && p->name != NULL;
         p++)
        if (str_is(name, p->name))
            return p;
    return NULL;
}

static bool
is_bool_text(struct str text)
{
    return str_is(text, "1") || str_is(text, "0") || str_is(text, "true") ||
           str_is(text, "false");
}

static bool
is_choice(struct str text, const char *const *choices)
{
    for (size_t i = 0; choices[i] != NULL; i++)
        if (str_is(text, choices[i]))
            return true;
    return false;
}

static void
check_int(const struct query_param *param, struct str value,
          struct field_problems *problems)
{
    int64_t number = 0;
    if (str_to_i64(value, &number) < 0 || number < param->min ||
        number > param->max)
        problem_add(problems, str_from(param->name),
                    "must be a whole number from %lld to %lld, not \"%.*s\"",
                    (long long)param->min, (long long)param->max,
                    STR_ARG(value));
}

static void
check_choice(const struct query_param *param, struct str value,
             struct field_problems *problems)
{
    if (is_choice(value, param->choices))
        return;
    char list[160] = "";
    size_t n = 0;
    for (size_t i = 0; param->choices[i] != NULL && n < sizeof list; i++) {
        int wrote = snprintf(list + n, sizeof list - n, "%s%s",
                             i == 0 ? "" : ", ", param->choices[i]);
        n += wrote < 0 ? 0 : (size_t)wrote;
    }
    problem_add(problems, str_from(param->name),
                "must be one of %s, not \"%.*s\"", list, STR_ARG(value));
}

static void
check_param(const struct query_param *param, struct str value,
            struct field_problems *problems)
{
    switch (param->type) {
    case QUERY_TEXT:
        if (!str_is_utf8(value) || memchr(value.p, 0, value.n) != NULL)
            problem_add(problems, str_from(param->name),
                        "must be UTF-8 text without NUL");
        else if ((int64_t)value.n < param->min || (int64_t)value.n > param->max)
            problem_add(problems, str_from(param->name),
                        "must have %lld to %lld bytes", (long long)param->min,
                        (long long)param->max);
        break;
    case QUERY_INT: check_int(param, value, problems); break;
    case QUERY_BOOL:
        if (!is_bool_text(value))
            problem_add(problems, str_from(param->name),
                        "must be 0, 1, true or false, not \"%.*s\"",
                        STR_ARG(value));
        break;
    case QUERY_CHOICE: check_choice(param, value, problems); break;
    }
}

bool
call_check_query(struct call *call)
{
    struct field_problems problems = { .n = 0 };
    struct str rest = call->query;
    while (rest.n > 0) {
        struct str pair = str_split(&rest, '&');
        if (pair.n == 0)
            continue;
        struct str name = str_split(&pair, '=');
        const struct query_param *param = find_param(call->row, name);
        char value[QUERY_VALUE_BYTES];
        ptrdiff_t n = -1;
        if (param == NULL) {
            problem_add(&problems, name, "is not a query parameter of %s %s",
                        call->row->method, call->row->pattern);
            continue;
        }
        n = http_query_get(call->query, param->name, value, sizeof value);
        if (n < 0)
            problem_add(&problems, name,
                        "is badly percent-encoded or longer than %d bytes",
                        QUERY_VALUE_BYTES);
        else
            check_param(param, (struct str){ value, (size_t)n }, &problems);
    }
    if (problems.n == 0)
        return true;
    struct error error = { .code = ERR_INVALID };
    snprintf(error.message, sizeof error.message, "the query parameter %s %s",
             problems.at[0].field, problems.at[0].message);
    reply_problems(call, &problems, &error);
    return false;
}

struct str
query_text(struct call *call, const char *name)
{
    char value[QUERY_VALUE_BYTES];
    if (!call_is_open(call))
        return STR("");
    ptrdiff_t n = http_query_get(call->query, name, value, sizeof value);
    if (n <= 0)
        return STR("");
    const char *copy =
        arena_str(&call->arena, (struct str){ value, (size_t)n });
    return copy == NULL ? STR("") : (struct str){ copy, (size_t)n };
}

int64_t
query_int(struct call *call, const char *name, int64_t otherwise)
{
    int64_t value = otherwise;
    return str_to_i64(query_text(call, name), &value) < 0 ? otherwise : value;
}

bool
query_bool(struct call *call, const char *name, bool otherwise)
{
    struct str text = query_text(call, name);
    if (text.n == 0)
        return otherwise;
    return str_is(text, "1") || str_is(text, "true");
}

struct str
input_text(const struct call *call, const char *name)
{
    struct str text = STR("");
    if (call->input != NULL)
        json_as_text(json_get(call->input, name), &text);
    return text;
}

static bool
parse_body(struct call *call)
{
    struct str body = strbuf_view(&call->body);
    struct error error = { .code = ERR_OK };
    if (!str_is_utf8(body)) {
        reply_errorf(call, ERR_BAD_REQUEST, "the body is not valid UTF-8");
        return false;
    }
    call->doc = json_parse(body, &error);
    if (call->doc == NULL) {
        bool is_memory = error.code == ERR_NO_MEMORY;
        reply_errorf(call, is_memory ? ERR_NO_MEMORY : ERR_BAD_REQUEST,
                     "the body is not JSON: %s", error.message);
        return false;
    }
    call->input = json_root(call->doc);
    if (json_type(call->input) == JSON_OBJECT)
        return true;
    reply_errorf(call, ERR_BAD_REQUEST,
                 "the body must be a JSON object, not %s",
                 json_type_name(json_type(call->input)));
    return false;
}

bool
call_check_body(struct call *call)
{
    const struct api_row *row = call->row;
    const struct schema *schema =
        row->input == NULL ? &schema_empty : row->input;
    bool is_optional =
        row->input == NULL || (row->flags & ROW_BODY_OPTIONAL) != 0;
    if (call->body.n == 0) {
        if (!is_optional)
            reply_errorf(call, ERR_BAD_REQUEST,
                         "%s %s needs a JSON object as its body", row->method,
                         row->pattern);
        return is_optional;
    }
    if (!parse_body(call))
        return false;
    if ((row->flags & ROW_CORE_CHECKS) != 0)
        return true;
    struct field_problems problems = { .n = 0 };
    if (schema_check(schema, call->input, &problems))
        return true;
    struct error error = { .code = ERR_INVALID };
    snprintf(error.message, sizeof error.message, "%s: %s",
             problems.at[0].field, problems.at[0].message);
    reply_problems(call, &problems, &error);
    return false;
}
