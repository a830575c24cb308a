#include "server/routed_ports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/config.h"
#include "net/addr.h"
#include "server/control_port.h"
#include "json/json.h"

static const struct public_settings *entry_at(const struct config *config, size_t i)
{
	return (const struct public_settings *)config->settings.public.items + i;
}

static const spore_list *addresses_of(const struct config *config,
                                      const struct public_settings *entry)
{
	return entry->listen_addr.count > 0 ? &entry->listen_addr
	                                    : &config->settings.server.bind_tunnels;
}

static bool are_same(const spore_list *a, const spore_list *b)
{
	const spore_addr *x = a->items, *y = b->items;
	size_t n = a->count;

	if (n != b->count)
		return false;
	while (n > 0 && addr_equal(&x[n - 1], &y[n - 1]))
		n--;
	return n == 0;
}

/* The entry with this port; NULL: there is none. config: may be NULL. */
static const struct public_settings *find_port(const struct config *config, int64_t port)
{
	for (size_t i = 0; config && i < config->settings.public.count; i++) {
		if (entry_at(config, i)->listen_port == port)
			return entry_at(config, i);
	}
	return NULL;
}

/* The value of the entry's key; NULL: it has none. */
static const struct json *value_of(const struct config *config, size_t entry, const char *key)
{
	const struct json *node = json_get(json_doc_root(config->doc), "public");

	node = node ? node->first : NULL;
	while (node && entry-- > 0)
		node = node->next;
	return json_get(node, key);
}

/* ---- sockets of the server before ---- */

static bool is_at(int fd, const spore_addr *ip, int64_t port)
{
	spore_addr at, wanted = *ip;

	wanted.port = (uint16_t)port;
	sock_local_addr(fd, &at);
	return addr_equal(&at, &wanted);
}

/* The number of sockets that were given at the address. *fd_out, unless NULL: that of this number.
 */
static unsigned find_given(const struct given_sockets *given, const spore_addr *ip, int64_t port,
                           unsigned nth, int *fd_out)
{
	unsigned n = 0;

	for (unsigned i = 0; given && i < given->n; i++) {
		if (!is_at(given->fds[i], ip, port))
			continue;
		if (fd_out && n == nth)
			*fd_out = given->fds[i];
		n++;
	}
	return n;
}

/* Visitors wait in each socket, so each needs a worker. A restart with fewer workers goes on
 * without the others. */
static bool check_number(const struct routed_ports_plan *plan, unsigned n, int64_t port,
                         struct err *err)
{
	if (n > 0 && (n <= plan->n_workers || !plan->given->from_server))
		return true;
	err_set(err,
	        "the running server has passed %u sockets at the routed port %d, but this one has "
	        "%u workers: raise server.workers",
	        n, (int)port, plan->n_workers);
	return false;
}

/* A copy of the worker's socket at the address. False: *err. */
static bool copy_given(const struct routed_ports_plan *plan, const struct public_settings *entry,
                       const spore_addr *ip, struct sockets *out, struct err *err)
{
	const struct server_settings *settings = &plan->config->settings.server;
	struct sock_sizes sizes = { (int)settings->sndbuf, (int)settings->recbuf };
	unsigned n = find_given(plan->given, ip, entry->listen_port, 0, NULL);
	spore_addr addr;
	int fd = -1;

	if (!check_number(plan, n, entry->listen_port, err))
		return false;
	find_given(plan->given, ip, entry->listen_port, plan->worker % n, &fd);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		err_set_call(err, "fcntl", errno);
		return false;
	}
	out->fds[out->n++] = fd;
	if (sock_adopt(fd, addresses_of(plan->config, entry), &sizes, &addr, err))
		return true;
	err_prefix(err, "cannot use a socket of the running server");
	return false;
}

/* Was a socket given at each address of the entry, or at least at its port? */
static bool was_given(const struct routed_ports_plan *plan, const struct public_settings *entry,
                      bool *has_port_out)
{
	const spore_list *addresses = addresses_of(plan->config, entry);
	unsigned n = 0;

	for (size_t i = 0; i < addresses->count; i++)
		n += find_given(plan->given, (const spore_addr *)addresses->items + i,
		                entry->listen_port, 0, NULL) > 0;
	*has_port_out = n > 0;
	return n > 0 && n == addresses->count;
}

static bool take_entry(const struct routed_ports_plan *plan, size_t i, struct sockets *out,
                       struct err *err)
{
	const struct public_settings *entry = entry_at(plan->config, i);
	const spore_list *addresses = addresses_of(plan->config, entry);

	for (size_t at = 0; at < addresses->count; at++) {
		if (copy_given(plan, entry, (const spore_addr *)addresses->items + at, out, err))
			continue;
		sock_close_all(out);
		return false;
	}
	return true;
}

/* ---- sockets of another configuration ---- */

/* The entry that wants a socket at this address and port. NULL: there is none. */
static const struct public_settings *find_entry(const struct config *config, const spore_addr *addr)
{
	const struct public_settings *entry = addr->port > 0 ? find_port(config, addr->port) : NULL;
	const spore_list *addresses = entry ? addresses_of(config, entry) : NULL;

	return entry && addr_find_ip(addresses, addr) < addresses->count ? entry : NULL;
}

/* Does the entry get a socket at each of its addresses? */
static bool is_of_use(const struct config *config, const struct given_sockets *given, int fd)
{
	struct routed_ports_plan plan = { .config = config, .given = given };
	const struct sock_sizes sizes = { 0 };
	const struct public_settings *entry;
	struct err unused;
	spore_addr addr;
	bool has_port;

	sock_local_addr(fd, &addr);
	entry = find_entry(config, &addr);
	return entry && sock_adopt(fd, addresses_of(config, entry), &sizes, &addr, &unused) &&
	       was_given(&plan, entry, &has_port);
}

void routed_ports_sift(const struct config *config, int *fds, unsigned *n)
{
	unsigned i = 0;

	while (i < *n) {
		struct given_sockets given = { .fds = fds, .n = *n };

		if (is_of_use(config, &given, fds[i])) {
			i++;
			continue;
		}
		shutdown(fds[i], SHUT_RD); /* the service manager has a copy, which would listen */
		close(fds[i]);
		fds[i] = fds[--*n];
	}
}

/* ---- all sockets ---- */

static bool bind_entry(const struct config *config, size_t i, bool shared, struct sockets *out,
                       const struct json **at_fault_out, struct err *err)
{
	const struct server_settings *settings = &config->settings.server;
	const struct public_settings *entry = entry_at(config, i);
	struct sock_sizes sizes = { (int)settings->sndbuf, (int)settings->recbuf };
	uint16_t port = (uint16_t)entry->listen_port;
	size_t address;
	int cause;

	if (sock_listen_all(addresses_of(config, entry), port, shared, !shared, &sizes, out,
	                    &address, err))
		return true;
	cause = errno;
	*at_fault_out = value_of(config, i, cause == EADDRNOTAVAIL ? "listen_addr" : "listen_port");
	if (cause == EADDRINUSE)
		err_set(err,
		        "routed port %u: address in use: another program or a tunnel's own port "
		        "uses it",
		        port);
	return false;
}

/* The entry has a routed port. */
static bool open_entry(const struct routed_ports_plan *plan, size_t i, struct sockets *out,
                       const struct json **at_fault_out, struct err *err)
{
	const struct public_settings *entry = entry_at(plan->config, i);
	const struct public_settings *old = find_port(plan->before, entry->listen_port);
	bool has_port;

	*at_fault_out = NULL;
	if (old && are_same(addresses_of(plan->config, entry), addresses_of(plan->before, old)))
		return true;
	if (was_given(plan, entry, &has_port))
		return take_entry(plan, i, out, err);
	return bind_entry(plan->config, i, plan->worker > 0 || old || has_port, out, at_fault_out,
	                  err);
}

struct sockets *routed_ports_open(const struct routed_ports_plan *plan,
                                  const struct json **at_fault_out, struct err *err)
{
	size_t n = plan->config->settings.public.count;
	struct sockets *all = calloc(n + 1, sizeof *all);

	*at_fault_out = NULL;
	if (!all) {
		err_set(err, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		if (entry_at(plan->config, i)->listen_port == 0 ||
		    open_entry(plan, i, &all[i], at_fault_out, err))
			continue;
		routed_ports_close(plan->config, all);
		return NULL;
	}
	return all;
}

void routed_ports_close(const struct config *config, struct sockets *all)
{
	for (size_t i = 0; all && i < config->settings.public.count; i++)
		sock_close_all(&all[i]);
	free(all);
}
