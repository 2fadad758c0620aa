/* The page that a browser gets, embedded at build time (page/, made into C
 * by tools/embed-page), cut where the base path goes. */
#ifndef API_PAGE_H
#define API_PAGE_H

extern const char page_policy[]; /* Content-Security-Policy */
extern const char page_head[];
extern const char page_tail[];

#endif
