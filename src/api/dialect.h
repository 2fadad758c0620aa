/* How an error is told on which path: Hearth's own envelope under /api and
 * on paths that nobody serves, the Anthropic error object under
 * /v1/messages, the OpenAI one on every other inference path (llama.cpp's
 * own endpoints use the same form); the numbers of Engine.IO at the address of
 * the live events. */
#ifndef API_DIALECT_H
#define API_DIALECT_H

#include "base/error.h"
#include "base/strbuf.h"

enum dialect {
    DIALECT_OWN,
    DIALECT_OPENAI,
    DIALECT_ANTHROPIC,
    DIALECT_ENGINE_IO
};

enum dialect dialect_of_path(struct str path);
void dialect_write(enum dialect dialect, int status, const char *code,
                   const char *message, struct strbuf *out);

#endif
