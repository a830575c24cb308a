/* crash - what the process writes when a fault ends it: the log lines that still wait, and a line
 * that names the signal, the thread, the plugin whose code ran, its version and call, where in its
 * file that was, and the innermost frames of the stack. A fault in a thread that a plugin has
 * started is attributed by the addresses on the stack. Then the signal takes its default action, so
 * the exit status is that of the fault. No core file is written, since it would hold the
 * secrets. */
#ifndef CORE_CRASH_H
#define CORE_CRASH_H

/* Handles the fault signals (thread/fault) from now on. [main] */
void crash_catch(void);
/* Does so again for signals whose handler a plugin has replaced meanwhile, except by that of a
 * language runtime: a handler that only returns would repeat the fault for ever. Names the plugin
 * in the log. [any] */
void crash_catch_again(void);

#endif
