/* complaint - why the process does not start, or ends: on standard error, in the form of the log.
 *
 *   error: the watchdog cannot start                               for a terminal
 *   {"time":...,"level":"error","event":"failed","error":"the watchdog cannot start"}
 *
 * In the journal each line has a priority. The form is that of log_set_format. [main] */
#ifndef CORE_COMPLAINT_H
#define CORE_COMPLAINT_H

#include <stdbool.h>

struct diag;
struct json;

/* Writes one error; the text has no newline. Returns false, for use in a return statement. */
bool complain(const char *error);
/* The same with the place of the value that is at fault: a file, a flag or a variable. NULL: it has
 * no place. */
bool complain_at(const struct json *value, const char *error);
/* Writes all mistakes of a configuration. `command`: the subcommand, if its command line is wrong;
 * else NULL. */
void complain_of_mistakes(const struct diag *diag, const char *command);

#endif
