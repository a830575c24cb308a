/* results - prints what a command has done: kick, unban, drain, log-level, reload, upgrade. */
#ifndef CORE_SHOW_RESULTS_H
#define CORE_SHOW_RESULTS_H

#include <stdbool.h>
#include <stdio.h>

struct json;

/* Each prints one answer. False: out of memory. */
bool results_print_kick(const struct json *answer, FILE *out);
bool results_print_unban(const struct json *answer, FILE *out);
bool results_print_drain(const struct json *answer, FILE *out);
bool results_print_log_level(const struct json *answer, FILE *out);
bool results_print_reload(const struct json *answer, FILE *out);
bool results_print_upgrade(const struct json *answer, FILE *out);

#endif
