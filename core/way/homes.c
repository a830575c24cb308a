#include "way/homes.h"

#include <string.h>

#include "net/addr.h"
#include "net/sock.h"

static struct home *find_home(struct homes *homes, const spore_addr *addr)
{
	for (unsigned i = 0; i < homes->n; i++) {
		if (addr_equal(&homes->known[i].addr, addr))
			return &homes->known[i];
	}
	return NULL;
}

bool homes_have(struct homes *homes, int fd, spore_addr *addr_out)
{
	struct home *home;

	sock_local_addr(fd, addr_out);
	addr_out->port = 0;
	if (!addr_is_ip(addr_out)) {
		*addr_out = (spore_addr){ 0 };
		return true;
	}
	home = find_home(homes, addr_out);
	if (!home) {
		home = &homes->known[homes->n < HOMES_KNOWN ? homes->n++ : HOMES_KNOWN - 1];
		*home = (struct home){ *addr_out, sock_addr_is_here(addr_out) };
	}
	return home->is_here;
}
