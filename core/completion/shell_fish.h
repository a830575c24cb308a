/* shell_fish - writes the completion for fish. [main] */
#ifndef CORE_SHELL_FISH_H
#define CORE_SHELL_FISH_H

#include <stdio.h>

#include "completion/offer.h"

void shell_fish_write(const struct offer_command *commands, size_t n, FILE *out);

#endif
