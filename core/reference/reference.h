/* reference - all that can be configured, told from the tables: the parts of a README and of manual
 * pages. [main] */
#ifndef CORE_REFERENCE_H
#define CORE_REFERENCE_H

#include <stddef.h>

struct catalogue;
struct document;

/* `roles`: ROLE_SERVER, ROLE_LOCAL or both. */

/* Flags, with their variables and the keys that they set. */
void reference_write_flags(struct document *d, unsigned roles);
/* Sections and their keys, and the keys of an instance. */
void reference_write_keys(struct document *d, unsigned roles);
/* Plugins and their options. `file`: only the components of FILE.so; NULL: all. Returns how many
 * components it wrote. */
size_t reference_write_plugins(struct document *d, unsigned roles,
                               const struct catalogue *catalogue, const char *file);
/* The core's own metrics. */
void reference_write_metrics(struct document *d);
/* The types that options have. */
void reference_write_types(struct document *d);

#endif
