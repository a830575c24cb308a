/* call - runs a function on a loop's thread and waits for it. For start, stop and the like, from a
 * thread that may block; never from one loop to another. [main] */
#ifndef CORE_CALL_H
#define CORE_CALL_H

struct loop;

/* The loop must be running. */
void loop_call(struct loop *loop, void (*fn)(void *arg), void *arg);

/* The index of the loop that loop_call waits for just now, or -1. [any] */
int loop_call_pending(void);

/* Returns once all that earlier calls left to the end of their turn (frees, say) has been done. */
void loop_settle(struct loop *loop);

#endif
