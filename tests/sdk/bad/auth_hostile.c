/* Loads, but whatever it says of itself is meant for the terminal, not for who reads it. Its
 * component is refused, and quoted for that. */
#include "bad.h"

static const spore_auth_ops empty = { .struct_size = sizeof empty };

BAD_COMPONENT("x\x1b[2J\n\"", &empty);
SPORE_PLUGIN("auth_\x1b[31m", "1.0\r", "", "MIT", "", &component);
