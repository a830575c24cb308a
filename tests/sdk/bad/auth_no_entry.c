/* A note without an entry point. */
#include "bad.h"

BAD_NOTE("auth_no_entry");
