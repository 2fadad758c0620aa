/* Shared by the files that print the OpenAPI document. */
#ifndef API_OPENAPI_INTERNAL_H
#define API_OPENAPI_INTERNAL_H

#include "api/handlers.h"

const char *openapi_authority_name(enum authority needs);
/* The gateway's paths: members of `paths`. */
void openapi_write_inference(struct json_writer *out);
/* The parameters of a row of ours that the gateway serves when they are
 * there: ?model= of GET /metrics. */
void openapi_write_shared(const struct api_row *row, struct json_writer *out);
/* What the gateway's paths need (api.c). `path` may be a row's pattern. */
enum authority inference_authority(struct str method, struct str path);

#endif
