/* Errors as the clients of a path expect them: OpenAI's object under /v1 and
 * /sdapi, Anthropic's under /v1/messages, llama.cpp's elsewhere. */
#ifndef GATEWAY_DIALECT_H
#define GATEWAY_DIALECT_H

#include "base/strbuf.h"

enum error_dialect { ERRORS_OPENAI, ERRORS_ANTHROPIC, ERRORS_LLAMA };

enum error_dialect error_dialect_of(struct str path);
/* The object as JSON text. `code` is a wire name of base/error.h. */
void error_dialect_write(enum error_dialect dialect, int status,
                         const char *code, const char *message,
                         struct strbuf *out);
/* The same as an event of a stream that has begun. */
void error_dialect_write_event(enum error_dialect dialect, int status,
                               const char *code, const char *message,
                               struct strbuf *out);

#endif
