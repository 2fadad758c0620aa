/* Functions whose use is a defect: unbounded, locale-bound, racy or
 * through a shell. Included by the build into every file (-include), so a
 * call does not compile. What to use instead stands in the message. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

/* The declarations must be seen before the names are poisoned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Where they are macros, so that the compiler checks sizes. */
#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat sprintf vsprintf gets strtok atoi atol atof
#pragma GCC poison system popen tmpnam asctime localtime gmtime

/* OpenSSL's headers use the word for parameters, so only calls are refused. */
int rand(void) __attribute__((unavailable("use system_random()")));
/* Declared by a header that base/ may not use, so only calls, too. */
char *mktemp(char *) __attribute__((unavailable("use private_file_make()")));

#endif
