/* See picture.h. */
#include "formats/picture.h"

enum { HEAD_BYTES = 64 };

const char *const picture_types[] = { "image/avif", "image/gif",  "image/jpeg",
                                      "image/png",  "image/webp", NULL };

static struct str
part(struct str bytes, size_t from, size_t n)
{
    if (from + n > bytes.n)
        return STR("");
    return (struct str){ bytes.p + from, n };
}

static bool
is_avif_brand(struct str brand)
{
    return str_is(brand, "avif") || str_is(brand, "avis");
}

/* Its first box names a brand, a version, and the brands that it suits. Films
 * begin with such a box, too. */
static bool
is_avif(struct str bytes)
{
    size_t end = 0;
    for (size_t i = 0; i < 4 && i < bytes.n; i++)
        end = end << 8 | (unsigned char)bytes.p[i];
    if (!str_is(part(bytes, 4, 4), "ftyp"))
        return false;
    if (is_avif_brand(part(bytes, 8, 4)))
        return true;
    if (!str_is(part(bytes, 8, 4), "mif1") &&
        !str_is(part(bytes, 8, 4), "msf1"))
        return false;
    for (size_t at = 16; at + 4 <= end && at + 4 <= HEAD_BYTES; at += 4)
        if (is_avif_brand(part(bytes, at, 4)))
            return true;
    return false;
}

const char *
picture_type(struct str bytes)
{
    if (str_starts_with(bytes, STR("\x89PNG\r\n\x1a\n")))
        return "image/png";
    if (str_starts_with(bytes, STR("\xff\xd8\xff")))
        return "image/jpeg";
    if (str_starts_with(bytes, STR("GIF87a")) ||
        str_starts_with(bytes, STR("GIF89a")))
        return "image/gif";
    if (str_starts_with(bytes, STR("RIFF")) &&
        str_is(part(bytes, 8, 4), "WEBP"))
        return "image/webp";
    return is_avif(bytes) ? "image/avif" : NULL;
}
