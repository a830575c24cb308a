/* Its code holds an absolute address, so loading it would make the code writable for a while. */
#include "bad.h"

__asm__(".text\n.balign 8\n.quad .\n");

BAD_CONSTRUCTOR
BAD_COMPONENT("text_relocations", &bad_ops);
SPORE_PLUGIN("auth_text_relocations", "1.0.0", "", "MIT", "", &component);
