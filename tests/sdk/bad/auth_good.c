/* Nothing is wrong with it: what is done to its copies makes them bad. */
#include "bad.h"

BAD_COMPONENT("good", &bad_ops);
SPORE_PLUGIN("auth_good", "1.0.0", "", "MIT", "", &component);
