/* The build links it with -z execstack: loading it would make the stacks executable. */
#include "bad.h"

BAD_CONSTRUCTOR
BAD_COMPONENT("exec_stack", &bad_ops);
SPORE_PLUGIN("auth_exec_stack", "1.0.0", "", "MIT", "", &component);
