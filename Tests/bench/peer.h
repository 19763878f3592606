/*
 * peer.h - a thread pool as the benchmark sees it. peer_NAME.c says how one is made, given tasks and ended; one program is linked for each,
 * so that no library is in another's process.
 */
#ifndef PEER_H
#define PEER_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The caller keeps it until it has run: no peer is charged for memory that only the benchmark needs. */
typedef struct task {
    void (*function)(void *argument);
    void *argument;
} task;

typedef struct peer {
    const char *symbol;                         /* a function of its library; NULL: it has none */
    const char *(*version)(void);
    const char *(*refusal)(unsigned workers);   /* why it cannot have so many workers, or NULL; NULL: it can have any number */
    void *(*create)(unsigned workers);          /* NULL: failed */
    int (*submit)(void *pool, const task *task); /* 0, or else it failed */
    int (*submit_batch)(void *pool, const task *tasks, size_t count); /* NULL: it has no such thing */
    void (*destroy)(void *pool);                /* when all tasks have run */

    /* What a producing thread does beside submitting; NULL where it is nothing. */
    void (*enter)(void);   /* before its first submission */
    void (*collect)(void); /* waits until its tasks have run, for a pool that wants their completions collected */
    void (*leave)(void);   /* at its end */
} peer;

extern const peer the_peer;

#ifdef __cplusplus
}
#endif

#endif /* PEER_H */
