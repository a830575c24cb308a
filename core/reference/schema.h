/* schema - writes a JSON Schema of the whole configuration, from the option tables of the core and
 * of every plugin in the catalogue. It is of draft 7, which editors support best. It accepts every
 * file that a start could accept, so it does not require what a flag or a variable may provide.
 * [main] */
#ifndef CORE_SCHEMA_H
#define CORE_SCHEMA_H

#include <stdio.h>

struct catalogue;

/* `roles`: ROLE_SERVER, ROLE_LOCAL or both. With both, a file that has a key of a client is checked
 * as a client's, and every other file as a server's. */
void schema_write(unsigned roles, const struct catalogue *catalogue, FILE *out);

#endif
