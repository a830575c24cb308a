/* Fits this host, but its constructor traps. */
#include "bad.h"

BAD_CONSTRUCTOR
BAD_COMPONENT("traps", &bad_ops);
SPORE_PLUGIN("auth_traps", "1.0.0", "", "MIT", "", &component);
