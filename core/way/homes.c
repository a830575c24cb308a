#include "way/homes.h"

#include <string.h>

#include "net/addr.h"
#include "net/sock.h"

static const struct home *find_home(const struct homes *homes, const spore_addr *addr)
{
	for (unsigned i = 0; i < homes->n; i++) {
		if (addr_equal(&homes->known[i].addr, addr))
			return &homes->known[i];
	}
	return NULL;
}

bool homes_lack(const struct homes *homes, const spore_addr *addr)
{
	const struct home *home = find_home(homes, addr);

	return home && !home->is_here;
}

bool homes_have(struct homes *homes, int fd, spore_addr *addr_out)
{
	const struct home *home;
	struct home *made;

	sock_local_addr(fd, addr_out);
	addr_out->port = 0;
	if (!addr_is_ip(addr_out)) {
		*addr_out = (spore_addr){ 0 };
		return true;
	}
	home = find_home(homes, addr_out);
	if (!home) {
		made = &homes->known[homes->n < HOMES_KNOWN ? homes->n++ : HOMES_KNOWN - 1];
		*made = (struct home){ *addr_out, sock_addr_is_here(addr_out) };
		home = made;
	}
	return home->is_here;
}
