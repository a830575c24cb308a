/* schema - the whole configuration's JSON Schema (draft 7, which editors know best), made from the
 * tables of options: ours, and those of every plugin that was found. It takes every file that some
 * start takes, so it asks for nothing that a flag or a variable may bring. [main] */
#ifndef CORE_SCHEMA_H
#define CORE_SCHEMA_H

#include <stdio.h>

struct catalogue;

/* `roles`: ROLE_SERVER, ROLE_LOCAL or both; then the keys that only a client has tell which a file
 * is. */
void schema_write(unsigned roles, const struct catalogue *catalogue, FILE *out);

#endif
