/* What a head must satisfy beyond its grammar. */
#ifndef HTTP_RULES_H
#define HTTP_RULES_H

#include "http/reader.h"

/* Decide on the framing of the body and refuse what two readers could read
 * differently: 0, or -1 with reader->refusal and message. */
int rules_check_request(struct reader *reader);
int rules_check_response(struct reader *reader);

/* Says what is wrong and returns -1. `message` is a literal. */
int rules_refuse(struct reader *reader, int status, const char *message);

#endif
