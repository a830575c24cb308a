/* Neither verify nor answer. */
#include "../bad.h"

static const spore_auth_ops empty = { .struct_size = sizeof empty };

BAD_COMPONENT("no_slot", &empty);
SPORE_PLUGIN("auth_no_slot", "1.0.0", "", "MIT", "", &component);
