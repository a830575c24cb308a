/* stray_exit - ends the process with status 1 and a last log line if a plugin calls exit() or
 * quick_exit(), or ends a thread of the host. Our own code ends the process by returning from main,
 * or with _exit. A plugin's _exit cannot be caught.
 *
 * If a plugin calls fork() and returns to the host in both processes, it is the child that ends in
 * this way, since it would serve the connections of its parent. */
#ifndef CORE_STRAY_EXIT_H
#define CORE_STRAY_EXIT_H

/* Watches for these from now on. Treats every exit() of this process as a plugin's, but not that of
 * a process that it forks. [main] */
void stray_exit_catch(void);
/* Call it when code has been loaded. Then an exit() is caught before the exit handlers that this
 * code has registered run, since they could free what other threads use. Does nothing before
 * stray_exit_catch. [any] */
void stray_exit_catch_first(void);
/* exit() works normally from now on. Call it right before the return from main. [main] */
void stray_exit_allow(void);

#endif
