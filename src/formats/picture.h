/* What a picture is, by its first bytes. A name proves nothing: what is shown
 * as a picture must be one, and of a kind that holds no script. Pure: any
 * thread. */
#ifndef FORMATS_PICTURE_H
#define FORMATS_PICTURE_H

#include "base/str.h"

/* "image/png", ... of the whole bytes or the first 64 of them; NULL: none that
 * we show. Of GIF 89a, JPEG (ITU-T T.81, B.1), PNG (W3C PNG, 5.2), WebP
 * (RFC 9649) and AVIF (ISO/IEC 14496-12, 4.3: the brand). */
const char *picture_type(struct str bytes);
/* All that it may say, NULL at the end. */
extern const char *const picture_types[];

#endif
