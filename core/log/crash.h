/* crash - what the process writes when a fault ends it: the log lines that still wait, and a line
 * that names the signal, the thread and the plugin whose code ran. Then the signal takes its
 * default action, so the exit status is that of the fault. No core file is written, since it would
 * hold the secrets. */
#ifndef CORE_CRASH_H
#define CORE_CRASH_H

/* Handles the fault signals (thread/fault) from now on. [main] */
void crash_catch(void);

#endif
