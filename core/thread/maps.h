/* maps - which mapped file an address belongs to, as /proc/self/maps says. Allocates nothing and
 * takes no lock, so the handler of a fault may use it. [any] */
#ifndef CORE_MAPS_H
#define CORE_MAPS_H

#include <stdbool.h>
#include <stdint.h>

enum { MAPS_FILE = 64 };

struct maps_place {
	char file[MAPS_FILE]; /* without its folders, cut to fit */
	uintptr_t offset;     /* the address in the file: from where its first segment is mapped */
};

/* False: the address is not in a mapped file, or /proc cannot be read. */
bool maps_find(uintptr_t address, struct maps_place *place_out);

#endif
