/* lookup - looks up the row of a client in PostgreSQL. These are the functions of a store that
 * plugins/common/store calls. */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "../common/store/store.h"

/* The `backend` of these functions is a struct asker. */
extern const struct store_ops lookup_ops;

#endif
