/* reference - describes everything that can be configured, from the option tables. Each function
 * writes one part of the documents. [main] */
#ifndef CORE_REFERENCE_H
#define CORE_REFERENCE_H

#include <stddef.h>

struct catalogue;
struct document;

/* `roles`: ROLE_SERVER, ROLE_LOCAL or both. */

/* The flags, with their variables and the keys that they set. */
void reference_write_flags(struct document *d, unsigned roles);
/* The sections with their keys, and the keys of a plugin instance. */
void reference_write_keys(struct document *d, unsigned roles);
/* The plugins with their options. `file`: only the components of FILE.so; NULL: all. Returns the
 * number of components that it wrote. */
size_t reference_write_plugins(struct document *d, unsigned roles,
                               const struct catalogue *catalogue, const char *file);
/* The core's own metrics. */
void reference_write_metrics(struct document *d);
/* The reasons for which a server refuses connections. */
void reference_write_reasons(struct document *d);
/* The types of options. */
void reference_write_types(struct document *d);

#endif
