/* A component without a name. */
#include "../bad.h"

BAD_COMPONENT("", &bad_ops);
SPORE_PLUGIN("auth_no_name", "1.0.0", "", "MIT", "", &component);
