/* print - prints what an auth chain has said (admin_trial_write), for people. [main] */
#ifndef CORE_PRINT_H
#define CORE_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The exit status if the client would be refused: as that of `spore local`. */
enum { EXIT_REFUSED = 3 };

/* Prints the answer, a JSON object: as it is, or as tables on `out`. An error goes to standard
 * error. Returns the exit status. */
int print_answer(const char *text, size_t len, bool as_json, FILE *out);

#endif
