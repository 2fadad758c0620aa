/* FIELD=VALUE: see profile_fields.h. */
#include "cli/profile_fields.h"

#include "records/profile.h"

/* One that can be given a value. */
static const struct field *
field_of(struct str name)
{
    const struct field *field = profile_field_find(name);
    return field != NULL && (field->flags & FIELD_READ_ONLY) == 0 ? field
                                                                  : NULL;
}

static int
refuse(const struct field *field, struct str value, const char *expected)
{
    return cli_fail(CLI_USAGE, "%s: \"%.*s\" is not %s", field->name,
                    STR_ARG(value), expected);
}

static int
write_parsed(const struct field *field, struct str value, enum json_type type,
             const char *expected, struct json_writer *out)
{
    struct error error;
    struct json_doc *doc = json_parse(value, &error);
    bool fits = doc != NULL && json_type(json_root(doc)) == type;
    if (fits)
        json_value(out, json_root(doc));
    json_doc_free(doc);
    return fits ? CLI_OK : refuse(field, value, expected);
}

static int
write_bool(const struct field *field, struct str value, struct json_writer *out)
{
    bool is_true = str_is(value, "true") || str_is(value, "yes");
    if (!is_true && !str_is(value, "false") && !str_is(value, "no"))
        return refuse(field, value, "true or false");
    json_bool(out, is_true);
    return CLI_OK;
}

static int
write_field(const struct field *field, struct str value,
            struct json_writer *out)
{
    int64_t number;
    switch (field->type) {
    case FIELD_INT:
    case FIELD_INT64:
        if (value.n == 0) {
            json_null(out);
            return CLI_OK;
        }
        if (str_to_i64(value, &number) != 0)
            return refuse(field, value, "a number");
        json_int(out, number);
        return CLI_OK;
    case FIELD_BOOL: return write_bool(field, value, out);
    case FIELD_TEXT_LIST:
        json_array_begin(out);
        while (value.n > 0) {
            struct str item = str_trim(str_split(&value, ','));
            if (item.n > 0)
                json_str(out, item);
        }
        json_array_end(out);
        return CLI_OK;
    case FIELD_JSON_OBJECT:
        return write_parsed(field, value, JSON_OBJECT, "a JSON object", out);
    case FIELD_JSON_ARRAY:
        return write_parsed(field, value, JSON_ARRAY, "a JSON array", out);
    default: json_str(out, value); return CLI_OK;
    }
}

/* An option's type is its engine's to know: what reads as JSON is that, all
 * else is text. A variable of the environment is always text. */
static void
write_member(const struct field *field, struct str value,
             struct json_writer *out)
{
    struct error error;
    struct json_doc *doc = NULL;
    if ((field->flags & FIELD_SECRET) == 0)
        doc = json_parse(value, &error);
    if (doc != NULL)
        json_value(out, json_root(doc));
    else
        json_str(out, value);
    json_doc_free(doc);
}

/* Cuts "field.member=value"; the member is "" without a dot. */
static int
cut(const char *word, struct str *ret_field, struct str *ret_member,
    struct str *ret_value)
{
    *ret_field = STR("");
    *ret_value = str_from(word);
    *ret_member = str_split(ret_value, '=');
    if (ret_value->p == NULL || ret_member->n == 0)
        return cli_fail(CLI_USAGE, "\"%s\" is not FIELD=VALUE", word);
    *ret_field = str_split(ret_member, '.');
    return CLI_OK;
}

/* All words of one object field ("options.a=1 options.b=2"), at the first
 * of them. */
static int
write_members(const struct field *field, const char *const *words, size_t n,
              struct json_writer *out)
{
    struct str name, member, value;
    json_object_begin(out);
    for (size_t i = 0; i < n; i++) {
        if (cut(words[i], &name, &member, &value) != CLI_OK)
            return CLI_USAGE;
        if (!str_is(name, field->name))
            continue;
        if (member.n == 0)
            return cli_fail(CLI_USAGE, "%s is given whole and in part",
                            field->name);
        json_key_str(out, member);
        write_member(field, value, out);
    }
    json_object_end(out);
    return CLI_OK;
}

enum before { NOT_BEFORE, BEFORE_WHOLE, BEFORE_IN_PART };

/* How the field stood in the words before the i-th. */
static enum before
was_before(const char *const *words, size_t i, struct str field)
{
    struct str name, member, value;
    for (size_t j = 0; j < i; j++)
        if (cut(words[j], &name, &member, &value) == CLI_OK &&
            str_eq(name, field))
            return member.n == 0 ? BEFORE_WHOLE : BEFORE_IN_PART;
    return NOT_BEFORE;
}

static int
unknown_field(struct str name)
{
    cli_fail(CLI_USAGE,
             "a profile has no field \"%.*s\"; it has:", STR_ARG(name));
    for (size_t i = 0; i < n_profile_fields; i++)
        if ((profile_fields[i].flags & FIELD_READ_ONLY) == 0)
            fprintf(stderr, "  %-18s %s\n", profile_fields[i].name,
                    profile_fields[i].help);
    return CLI_USAGE;
}

static int
write_word(const char *const *words, size_t n, size_t i,
           struct json_writer *out)
{
    struct str name, member, value;
    if (cut(words[i], &name, &member, &value) != CLI_OK)
        return CLI_USAGE;
    const struct field *field = field_of(name);
    if (field == NULL || (member.n > 0 && field->type != FIELD_JSON_OBJECT))
        return unknown_field(name);
    enum before before = was_before(words, i, name);
    if (before == BEFORE_IN_PART && member.n > 0)
        return CLI_OK; /* written with the first of them */
    if (before != NOT_BEFORE)
        return cli_fail(CLI_USAGE,
                        member.n > 0 ? "%s is given whole and in part"
                                     : "%s is given twice",
                        field->name);
    json_key(out, field->name);
    return member.n > 0 ? write_members(field, words, n, out)
                        : write_field(field, value, out);
}

int
profile_fields_to_json(const char *name, const char *const *words, size_t n,
                       struct json_writer *out)
{
    json_object_begin(out);
    if (name != NULL) {
        json_key(out, "name");
        json_text(out, name);
    }
    for (size_t i = 0; i < n; i++) {
        int rc = write_word(words, n, i, out);
        if (rc != CLI_OK)
            return rc;
    }
    json_object_end(out);
    return CLI_OK;
}
