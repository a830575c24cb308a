/* shell_zsh - writes the completion for zsh. [main] */
#ifndef CORE_SHELL_ZSH_H
#define CORE_SHELL_ZSH_H

#include <stdio.h>

#include "completion/offer.h"

void shell_zsh_write(const struct offer_command *commands, size_t n, FILE *out);

#endif
