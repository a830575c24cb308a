/* Loads, but its texts contain control sequences for a terminal. Its component is refused, and the
 * message quotes the texts. */
#include "bad.h"

static const spore_auth_ops empty = { .struct_size = sizeof empty };

BAD_COMPONENT("x\x1b[2J\n\"", &empty);
SPORE_PLUGIN("auth_\x1b[31m", "1.0\r", "", "MIT", "", &component);
