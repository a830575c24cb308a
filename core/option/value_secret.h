/* value_secret - a secret: in the configuration itself, in a file, or in an environment variable.
 * [main] */
#ifndef CORE_VALUE_SECRET_H
#define CORE_VALUE_SECRET_H

#include <spore/option.h>

#include "option/scope.h"

/* Reads "text", {"file": PATH} or {"env": NAME}. A secret in the text is marked, so that no excerpt
 * shows it. False after adding the mistake to the diag; the message does not show the value. */
bool value_read_secret(const struct option_scope *scope, const struct json *node, spore_str *out);

#endif
