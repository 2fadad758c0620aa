/* Metrics as an engine could write them: names and labels lie in the text. */
#include <math.h>
#include <stdlib.h>

#include "formats/prometheus.h"
#include "fuzz.h"

static void
check_inside(struct str part, struct str text)
{
    if (part.n > 0 && (part.p < text.p || part.p + part.n > text.p + text.n))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    /* Exactly as long as it is, so that reading on is seen. */
    char *copy = malloc(n + (n == 0));
    if (copy == NULL)
        abort();
    for (size_t i = 0; i < n; i++)
        copy[i] = (char)data[i];
    struct str text = { copy, n }, rest = text;
    struct prometheus_sample sample;
    while (prometheus_next(&rest, &sample)) {
        check_inside(sample.name, text);
        check_inside(sample.labels, text);
        if (sample.name.n == 0 || !isfinite(sample.value))
            abort();
    }
    free(copy);
    return 0;
}
