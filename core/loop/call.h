/* call - runs a function on a loop's thread and waits for it. For a thread that may block, at start
 * and stop; never from one loop to another. [main] */
#ifndef CORE_CALL_H
#define CORE_CALL_H

struct loop;

/* Runs fn(arg) on the loop, which must be running, and returns after it. */
void loop_call(struct loop *loop, void (*fn)(void *arg), void *arg);

/* Returns after the loop has finished what earlier calls left to the end of their turn, such as
 * frees. */
void loop_settle(struct loop *loop);

#endif
