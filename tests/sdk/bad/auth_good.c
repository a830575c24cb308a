/* A valid plugin. Tests damage copies of it. */
#include "bad.h"

BAD_COMPONENT("good", &bad_ops);
SPORE_PLUGIN("auth_good", "1.0.0", "", "MIT", "", &component);
