/* Needs a newer host than this one. */
#define SPORE_MIN_MINOR 77
#include "bad.h"

BAD_CONSTRUCTOR
BAD_COMPONENT("too_new", &bad_ops);
SPORE_PLUGIN("auth_too_new", "1.2.3", "", "MIT", "", &component);
