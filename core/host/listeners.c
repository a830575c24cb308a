#include "host/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "net/addr.h"
#include "net/sock.h"

enum { MAX_LISTENERS = 64 };

static struct {
	spore_addr address;
	int fd;
	unsigned users; /* instances; 0: the slot is free */
} listeners[MAX_LISTENERS];

static atomic_uint n_open; /* others read it */

/* Held while sockets are opened, closed or copied. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The sockets of the server before this one. */
static struct {
	spore_addr address;
	int fd;
} inherited[MAX_LISTENERS];
static size_t n_inherited;

/* The slot of the socket at this address, or else a free slot; MAX_LISTENERS: no slot is free. */
static size_t find_slot(const spore_addr *address)
{
	size_t unused = MAX_LISTENERS;

	for (size_t i = 0; i < MAX_LISTENERS; i++) {
		if (listeners[i].users &&
		    memcmp(&listeners[i].address, address, sizeof *address) == 0)
			return i;
		if (!listeners[i].users && unused == MAX_LISTENERS)
			unused = i;
	}
	return unused;
}

static bool has_listener_at(uint16_t port)
{
	for (size_t i = 0; i < MAX_LISTENERS; i++) {
		if (listeners[i].users && listeners[i].address.port == port)
			return true;
	}
	return false;
}

/* -1: there is none at this address. */
static int take_inherited(const spore_addr *address)
{
	for (size_t i = 0; i < n_inherited; i++) {
		int fd = inherited[i].fd;

		if (!addr_equal(&inherited[i].address, address))
			continue;
		inherited[i] = inherited[--n_inherited];
		return fd;
	}
	return -1;
}

void listeners_inherit(const spore_addr *address, int fd)
{
	if (n_inherited == MAX_LISTENERS) {
		close(fd);
		return;
	}
	inherited[n_inherited].address = *address;
	inherited[n_inherited++].fd = fd;
}

void listeners_disinherit(void)
{
	while (n_inherited > 0)
		close(inherited[--n_inherited].fd);
}

void listeners_copy(void (*take)(void *arg, const spore_addr *address, int fd), void *arg)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < MAX_LISTENERS; i++) {
		int fd = listeners[i].users ? fcntl(listeners[i].fd, F_DUPFD_CLOEXEC, 0) : -1;

		if (fd >= 0)
			take(arg, &listeners[i].address, fd);
	}
	pthread_mutex_unlock(&lock);
}

/* A reload may change the address from one interface to all, or back, and keep the port. The old
 * and the new socket then share the port while both are open. -1 and errno. */
static int open_listener(const spore_addr *address)
{
	bool shared = has_listener_at(address->port);
	struct err err;
	int fd = sock_bind(address, shared, NULL, &err), cause;

	if (fd >= 0 && (shared || sock_share_port(fd)) && sock_listen(fd, &err))
		return fd;
	cause = errno;
	if (fd >= 0)
		close(fd);
	errno = cause;
	return -1;
}

static int get_socket(const spore_addr *address, bool bind)
{
	int fd = bind ? take_inherited(address) : -1;

	if (fd >= 0)
		return fd;
	return bind ? open_listener(address) : sock_unbound(address);
}

static spore_status get_listener(const spore_addr *address, bool bind, struct listener_use *use,
                                 int *fd_out)
{
	size_t i = find_slot(address);
	uint64_t bit = i < MAX_LISTENERS ? (uint64_t)1 << i : 0;

	if (!bit) {
		errno = ENOBUFS;
		return SPORE_ESYS;
	}
	if (!listeners[i].users) {
		int fd = get_socket(address, bind);

		if (fd < 0)
			return SPORE_ESYS;
		listeners[i].address = *address;
		listeners[i].fd = fd;
		atomic_fetch_add(&n_open, 1);
	}
	if (!(use->bits & bit))
		listeners[i].users++;
	use->bits |= bit;
	*fd_out = listeners[i].fd;
	return SPORE_OK;
}

spore_status listeners_get(const spore_addr *address, bool bind, struct listener_use *use,
                           int *fd_out)
{
	spore_status status;

	pthread_mutex_lock(&lock);
	status = get_listener(address, bind, use, fd_out);
	pthread_mutex_unlock(&lock);
	return status;
}

bool listeners_has(const struct listener_use *use)
{
	return use->bits != 0;
}

const spore_addr *listeners_common(const struct listener_use *one, const struct listener_use *other)
{
	uint64_t both = one->bits & other->bits;

	return both ? &listeners[__builtin_ctzll(both)].address : NULL;
}

static bool uses_slot(const struct listener_use *use, size_t i)
{
	return use->bits & (uint64_t)1 << i;
}

static bool share_ip(const spore_addr *a, const spore_addr *b)
{
	return addr_is_any(a) || addr_is_any(b) || memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool listeners_overlap(const struct listener_use *use, const spore_addr *address)
{
	for (size_t i = 0; i < MAX_LISTENERS; i++) {
		const spore_addr *own = &listeners[i].address;

		if (uses_slot(use, i) && own->port == address->port && share_ip(own, address))
			return true;
	}
	return false;
}

static bool is_in(uint16_t port, const spore_list *ranges)
{
	const spore_port_range *range = ranges->items;

	for (size_t i = 0; i < ranges->count; i++) {
		if (port >= range[i].lo && port <= range[i].hi)
			return true;
	}
	return false;
}

static bool share_an_ip(const spore_addr *own, const spore_list *ips)
{
	const spore_addr *items = ips->items;

	for (size_t i = 0; i < ips->count; i++) {
		if (share_ip(own, &items[i]))
			return true;
	}
	return false;
}

uint16_t listeners_port_among(const struct listener_use *use, const spore_list *ips,
                              const spore_list *ranges)
{
	for (size_t i = 0; i < MAX_LISTENERS; i++) {
		const spore_addr *own = &listeners[i].address;

		if (uses_slot(use, i) && share_an_ip(own, ips) && is_in(own->port, ranges))
			return own->port;
	}
	return 0;
}

void listeners_drop(struct listener_use *use)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < MAX_LISTENERS; i++) {
		if (!uses_slot(use, i))
			continue;
		listeners[i].users--;
		if (listeners[i].users > 0)
			continue;
		close(listeners[i].fd);
		atomic_fetch_sub(&n_open, 1);
	}
	use->bits = 0;
	pthread_mutex_unlock(&lock);
}

unsigned listeners_count(void)
{
	return atomic_load(&n_open);
}
