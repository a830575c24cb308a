/* lookup - looks up the row of a client in PostgreSQL: the functions that plugins/common/store
 * wants of a store, with an asker as their state. */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "../common/store/store.h"

/* They take a struct asker. */
extern const struct store_ops lookup_ops;

#endif
