/* value_secret - a secret: in the configuration itself, or in a file, an environment variable, a
 * credential of systemd, or what a command prints. [main] */
#ifndef CORE_VALUE_SECRET_H
#define CORE_VALUE_SECRET_H

#include <spore/option.h>

#include "option/scope.h"

/* Reads "text", {"file": PATH}, {"env": NAME}, {"credential": NAME} or {"command": [PROGRAM, ...]},
 * and waits up to ten seconds for a command. A secret in the text is marked, so that no excerpt
 * shows it. Logs a warning about bytes that are often there by mistake, about a secret that is the
 * name of a file, and about a short one, unless the row has SPORE_OPTF_NAME. No warning shows the
 * secret. False after adding the mistake to the diag; the message does not show the value. */
bool value_read_secret(const struct option_scope *scope, const spore_option *row,
                       const struct json *node, spore_str *out);

#endif
