/* Judges an answer by the OpenAPI document: JSON Schema 2020-12, the words
 * that the document uses ($ref type enum const properties required
 * additionalProperties items anyOf minimum maximum minLength maxLength). */
#ifndef TESTS_API_OPENAPI_CHECK_H
#define TESTS_API_OPENAPI_CHECK_H

#include "formats/json.h"

enum { COMPLAINT_BYTES = 512 };

/* True when the document has the operation and the answer of that status and
 * type fits; else `complaint` says what does not. The path is a real one or a
 * pattern. A status that the operation does not list falls to `default`. */
bool openapi_fits(const struct json *document, const char *method,
                  const char *path, int status, const char *type,
                  struct str body, char complaint[COMPLAINT_BYTES]);
/* A schema alone. */
bool schema_fits(const struct json *document, const struct json *schema,
                 const struct json *value, const char *where,
                 char complaint[COMPLAINT_BYTES]);

#endif
