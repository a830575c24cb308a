/* Two notes for one major version, which is ambiguous. */
#include "bad.h"

BAD_CONSTRUCTOR
BAD_COMPONENT("two_notes", &bad_ops);
BAD_NOTE("auth_one_note");
SPORE_PLUGIN("auth_two_notes", "1.0.0", "", "MIT", "", &component);
