/* Built for an ABI of another major. */
#include "bad.h"

#undef SPORE_ABI_MAJOR
#define SPORE_ABI_MAJOR 2

BAD_CONSTRUCTOR
BAD_COMPONENT("other_major", &bad_ops);
SPORE_PLUGIN("auth_other_major", "2.1.0", "", "MIT", "", &component);
