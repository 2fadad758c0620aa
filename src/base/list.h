/* Intrusive doubly linked list: a `struct list` in each member and one as
 * the head. The list owns nothing. Removing the member one stands on is
 * safe inside LIST_FOR_SAFE only. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *prev;
};

#define LIST_ENTRY(node, type, member) \
    ((type *)(void *)((char *)(node)-offsetof(type, member)))

#define LIST_FOR(node, head) \
    for (struct list *node = (head)->next; node != (head); node = node->next)

#define LIST_FOR_SAFE(node, head)                                     \
    for (struct list *node = (head)->next, *node##_next = node->next; \
         node != (head); node = node##_next, node##_next = node->next)

static inline void
list_init(struct list *head)
{
    head->next = head;
    head->prev = head;
}

static inline bool
list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void
list_insert_after(struct list *at, struct list *node)
{
    node->prev = at;
    node->next = at->next;
    at->next->prev = node;
    at->next = node;
}

static inline void
list_push_front(struct list *head, struct list *node)
{
    list_insert_after(head, node);
}

static inline void
list_push_back(struct list *head, struct list *node)
{
    list_insert_after(head->prev, node);
}

/* The node is left linked to itself: removing twice does no harm. */
static inline void
list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* NULL when empty. */
static inline struct list *
list_first(const struct list *head)
{
    return list_is_empty(head) ? NULL : head->next;
}

static inline size_t
list_count(const struct list *head)
{
    size_t n = 0;
    for (const struct list *node = head->next; node != head; node = node->next)
        n++;
    return n;
}

#endif
