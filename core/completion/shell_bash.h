/* shell_bash - writes the completion for bash. It works with and without bash-completion. [main] */
#ifndef CORE_SHELL_BASH_H
#define CORE_SHELL_BASH_H

#include <stdio.h>

#include "completion/offer.h"

void shell_bash_write(const struct offer_command *commands, size_t n, FILE *out);

#endif
