/* serve - what `spore server` and `spore local` have in common: the way from the command line to a
 * runtime, and from there to the exit status. [main] */
#ifndef CORE_SERVE_H
#define CORE_SERVE_H

#include <stdbool.h>
#include <stdint.h>

struct command;
struct config;
struct diag;
struct runtime;

/* Names a file that holds up what follows (process/watchdog). Starts a thread, which watchdog_stop
 * ends before a process forks. */
void serve_watch(void);
/* Loads the configuration of a role, ROLE_*; argv starts after the subcommand's name. Returns a
 * configuration with mistakes, too, if enough of it could be read to load its plugins: serve_end
 * prints its mistakes with those that the plugins find. NULL: the help or the mistakes were
 * printed, and *status_out is the exit status. */
struct config *serve_load(unsigned role, int argc, char **argv, struct diag *diag, int *status_out);
/* The same with a command line that has been read. */
struct config *serve_load_command(unsigned role, const struct command *command, struct diag *diag,
                                  int *status_out);
/* Waits for a process that drains at the configured admin socket to hand over. False: the process
 * cannot start; the reason is on standard error. */
bool serve_may_start(const struct config *config, const struct diag *diag);
/* Answers --check or --print-config once the runtime has started. Returns the exit status. */
int serve_check(struct runtime *runtime);
/* Stops the runtime, prints the mistakes in the diag and releases the config. Returns the exit
 * status: `status`, unless there were mistakes. Does not return if a plugin's thread hangs. */
int serve_end(struct runtime *runtime, struct config *config, struct diag *diag, int status);

#endif
