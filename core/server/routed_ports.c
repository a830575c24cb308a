#include "server/routed_ports.h"

#include <errno.h>
#include <stdlib.h>

#include "config/config.h"
#include "net/addr.h"
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

static bool open_entry(const struct config *config, size_t i, bool shared, struct sockets *out,
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

struct sockets *routed_ports_open(const struct config *config, const struct config *before,
                                  bool shared, const struct json **at_fault_out, struct err *err)
{
	size_t n = config->settings.public.count;
	struct sockets *all = calloc(n + 1, sizeof *all);

	if (!all) {
		err_set(err, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		const struct public_settings *entry = entry_at(config, i);
		const struct public_settings *old = find_port(before, entry->listen_port);

		if (entry->listen_port == 0 ||
		    (old && are_same(addresses_of(config, entry), addresses_of(before, old))))
			continue;
		if (open_entry(config, i, shared || old, &all[i], at_fault_out, err))
			continue;
		routed_ports_close(config, all);
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
