/* What /proc says: proc_texts.h. */
#include "platform/linux/proc_texts.h"

#include "base/checked.h"
#include "base/units.h"

/* The next word; empty at the end. */
static struct str
next_word(struct str *rest)
{
    struct str word = STR("");
    while (word.n == 0 && rest->n > 0) {
        size_t skipped = 0;
        while (skipped < rest->n &&
               (rest->p[skipped] == ' ' || rest->p[skipped] == '\t'))
            skipped++;
        rest->p += skipped;
        rest->n -= skipped;
        while (word.n < rest->n && rest->p[word.n] != ' ' &&
               rest->p[word.n] != '\t')
            word.n++;
        word.p = rest->p;
        rest->p += word.n;
        rest->n -= word.n;
    }
    return word;
}

/* The rest of the first line that begins with `key`: false, there is none. */
static bool
find_line(struct str text, struct str key, struct str *ret_rest)
{
    while (text.n > 0) {
        struct str line = str_split(&text, '\n');
        if (!str_starts_with(line, key))
            continue;
        *ret_rest = (struct str){ line.p + key.n, line.n - key.n };
        return true;
    }
    return false;
}

int
proc_read_cpu(struct str text, struct cpu_usage *ret_usage, struct error *error)
{
    enum { IDLE = 3, IOWAIT = 4, STEAL = 7, FIELDS_LEAST = 4 };
    struct str rest;
    int64_t total = 0, idle = 0, ticks = 0;
    int n = 0;
    if (!find_line(text, STR("cpu "), &rest))
        return error_set(error, ERR_IO, "/proc/stat says nothing of cpu");
    for (; n <= STEAL; n++) {
        struct str word = next_word(&rest);
        if (word.n == 0)
            break;
        if (str_to_i64(word, &ticks) < 0 || ticks < 0)
            return error_set(error, ERR_IO, "/proc/stat: %.*s ticks",
                             STR_ARG(word));
        total = i64_add_capped(total, ticks);
        if (n == IDLE || n == IOWAIT)
            idle = i64_add_capped(idle, ticks);
    }
    if (n < FIELDS_LEAST)
        return error_set(error, ERR_IO, "/proc/stat: only %d times", n);
    *ret_usage = (struct cpu_usage){ .busy = total - idle, .total = total };
    return 0;
}

int
proc_read_number(struct str text, const char *key, int64_t *ret_number,
                 struct error *error)
{
    struct str rest, name = str_from(key);
    if (!find_line(text, name, &rest) || rest.n == 0 || rest.p[0] != ':')
        return error_set(error, ERR_IO, "the system says nothing of %s", key);
    rest.p++;
    rest.n--;
    struct str word = next_word(&rest);
    if (str_to_i64(word, ret_number) < 0 || *ret_number < 0)
        return error_set(error, ERR_IO, "%s is %.*s", key, STR_ARG(word));
    if (str_is(next_word(&rest), "kB") &&
        __builtin_mul_overflow(*ret_number, (int64_t)KIB, ret_number))
        return error_set(error, ERR_IO, "%s is %.*s KiB", key, STR_ARG(word));
    return 0;
}

static int
add_interface(struct str numbers, struct network_usage *usage)
{
    enum { RECEIVED = 0, SENT = 8 };
    int64_t counts[SENT + 1];
    for (int i = 0; i <= SENT; i++)
        if (str_to_i64(next_word(&numbers), &counts[i]) < 0 || counts[i] < 0)
            return -1;
    usage->received_bytes =
        i64_add_capped(usage->received_bytes, counts[RECEIVED]);
    usage->sent_bytes = i64_add_capped(usage->sent_bytes, counts[SENT]);
    return 0;
}

int
proc_read_network(struct str text, struct network_usage *ret_usage,
                  struct error *error)
{
    int n_rows = 0;
    *ret_usage = (struct network_usage){ .received_bytes = 0 };
    while (text.n > 0) {
        struct str line = str_split(&text, '\n');
        ptrdiff_t colon = str_find(line, ':');
        if (colon < 0)
            continue; /* the heading */
        struct str name = str_trim((struct str){ line.p, (size_t)colon });
        struct str numbers = { line.p + colon + 1, line.n - (size_t)colon - 1 };
        n_rows++;
        if (!str_is(name, "lo") && add_interface(numbers, ret_usage) < 0)
            return error_set(error, ERR_IO, "/proc/net/dev: counts of %.*s",
                             STR_ARG(name));
    }
    if (n_rows == 0)
        return error_set(error, ERR_IO, "/proc/net/dev knows no interface");
    return 0;
}
