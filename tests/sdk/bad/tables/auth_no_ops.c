/* No table of functions. */
#include "../bad.h"

BAD_COMPONENT("no_ops", NULL);
SPORE_PLUGIN("auth_no_ops", "1.0.0", "", "MIT", "", &component);
