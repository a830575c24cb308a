/* words - the command line of a subcommand: what is wrong with it, and a flag's value. [main] */
#ifndef CORE_WORDS_H
#define CORE_WORDS_H

#include <stdbool.h>

/* "error: ...", with one %s for what was found, then which --help says more. False. */
bool words_wrong(const char *command, const char *format, const char *what);
/* What stands behind "=", or the next word, to which *at moves; NULL, and an error, behind the
 * last. */
const char *words_value(const char *command, char ***at, const char *flag);

#endif
