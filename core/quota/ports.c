#include "quota/ports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "host/instance.h"
#include "net/addr.h"
#include "net/shortage.h"
#include "net/sock.h"

/* Tries random ports first, as many as bore. In a small or nearly full range, consecutive ports
 * then find a free one. The number of tries limits what a full range costs. */
enum { RANDOM_TRIES = 150, TRIES_IN_TURN = 256 };

/* Is the port in one of these ranges? */
static bool has_port(const spore_list *list, uint16_t port)
{
	const spore_port_range *ranges = list->items;

	for (size_t i = 0; i < list->count; i++) {
		if (port >= ranges[i].lo && port <= ranges[i].hi)
			return true;
	}
	return false;
}

/* The same for a list of lists of ranges. */
static bool lists_port(const spore_list *lists, uint16_t port)
{
	const spore_list *items = lists->items;

	for (size_t i = 0; i < lists->count; i++) {
		if (has_port(&items[i], port))
			return true;
	}
	return false;
}

const char *ports_reservation(const struct server_settings *settings, uint16_t port)
{
	if (port == settings->control_port)
		return "it is the control port";
	if (lists_port(&settings->reserved_ports, port))
		return "it is reserved (reserved_ports)";
	return has_port(&settings->routed_ports, port)
	               ? "tunnels share it by their host names (listen_port)"
	               : NULL;
}

size_t ports_find_entry(const spore_list *entries, uint16_t port)
{
	const struct public_settings *items = entries->items;

	for (size_t i = 0; i < entries->count; i++) {
		if (has_port(&items[i].ports, port))
			return i;
	}
	return SIZE_MAX;
}

size_t ports_find_shared(const spore_list *entries, uint16_t port)
{
	const struct public_settings *items = entries->items;

	for (size_t i = 0; i < entries->count; i++) {
		if (items[i].listen_port == port)
			return i;
	}
	return SIZE_MAX;
}

bool ports_send_proxy(const struct server_settings *settings, uint16_t port)
{
	return lists_port(&settings->send_proxy_ports, port);
}

static enum refusal refusal_of_errno(int cause)
{
	if (cause == EADDRINUSE)
		return REFUSED_PORT_IN_USE;
	if (cause == EACCES || cause == EPERM)
		return REFUSED_PORT_PERMISSION;
	return shortage_of(cause) ? REFUSED_TOO_MANY_TUNNELS : REFUSED_PORT_NOT_BOUND;
}

static bool try_port(const struct server_settings *settings, uint16_t port, struct sockets *out,
                     enum refusal *why_out)
{
	struct sock_sizes sizes = { (int)settings->sndbuf, (int)settings->recbuf };
	struct err err;
	size_t at_fault;

	if (sock_listen_all(&settings->bind_tunnels, port, false, false, &sizes, out, &at_fault,
	                    &err))
		return true;
	*why_out = refusal_of_errno(errno);
	return false;
}

/* Goes through the ports that are both in a range of the server and in a range of the grant, and
 * returns how many there are. Sets *port_out to the one of that index, which counts from 0. If
 * there are fewer, *port_out is unchanged. */
static uint32_t walk_allowed(const spore_list *server, const spore_list *granted, uint32_t index,
                             uint16_t *port_out)
{
	const spore_port_range *a = server->items, *b = granted->items;
	uint32_t n_before = 0;

	for (size_t i = 0; i < server->count; i++) {
		for (size_t k = 0; k < granted->count; k++) {
			uint32_t lo = a[i].lo > b[k].lo ? a[i].lo : b[k].lo;
			uint32_t hi = a[i].hi < b[k].hi ? a[i].hi : b[k].hi;
			uint32_t n_common = lo <= hi ? hi - lo + 1 : 0;

			if (index >= n_before && index - n_before < n_common)
				*port_out = (uint16_t)(lo + index - n_before);
			n_before += n_common;
		}
	}
	return n_before;
}

static uint32_t count_allowed(const spore_list *server, const spore_list *granted)
{
	uint16_t unused;

	return walk_allowed(server, granted, UINT32_MAX, &unused);
}

/* The ranges of a grant; NULL: all ports. */
static spore_list ranges_of(const struct grant *grant)
{
	static const spore_port_range whole = { 1, 65535 };

	if (grant && grant->fields & SPORE_AUTH_F_PORTS)
		return (spore_list){ grant->ports, grant->n_ports, sizeof *grant->ports };
	return (spore_list){ &whole, 1, sizeof whole };
}

static bool try_any(const struct server_settings *settings, const struct grant *grant,
                    struct sockets *out, enum refusal *why_out)
{
	spore_list ranges = ranges_of(grant);
	uint32_t total = count_allowed(&settings->public_ports, &ranges), draw = 0;
	uint32_t n_tries = RANDOM_TRIES + (total < TRIES_IN_TURN ? total : TRIES_IN_TURN);

	for (uint32_t i = 0; total && i < n_tries; i++) {
		bool in_turn = i >= RANDOM_TRIES; /* from the last random port on */
		uint32_t steps = in_turn ? i - RANDOM_TRIES : 0;
		uint16_t port = 0;

		if (!in_turn && !crypto_random(&draw, sizeof draw))
			break;
		walk_allowed(&settings->public_ports, &ranges, (draw % total + steps) % total,
		             &port);
		if (try_port(settings, port, out, why_out))
			return true;
		if (errno != EADDRINUSE && errno != EACCES)
			break; /* the error does not depend on the port */
	}
	*why_out = REFUSED_NO_PORT_LEFT;
	return false;
}

/* A socket at any address can be bound everywhere. */
static bool has_address(const spore_addr *address)
{
	spore_addr addr = *address;
	struct err err;
	int fd;

	if (addr_is_any(address))
		return true;
	addr.port = 0;
	fd = sock_bind(&addr, 0, NULL, &err);
	if (fd < 0)
		return errno != EADDRNOTAVAIL;
	close(fd);
	return true;
}

const spore_addr *ports_find_missing(const struct server_settings *settings)
{
	const spore_addr *addresses = settings->bind_tunnels.items;

	for (size_t i = 0; i < settings->bind_tunnels.count; i++) {
		if (!has_address(&addresses[i]))
			return &addresses[i];
	}
	return NULL;
}

bool ports_allow(const struct server_settings *settings, const struct grant *grant, uint16_t wanted)
{
	return has_port(&settings->public_ports, wanted) &&
	       (!grant || grant_has_port(grant, wanted));
}

bool ports_may_be_shared(const struct server_settings *settings, const struct grant *grant)
{
	if (!grant)
		return false;
	return grant->fields & SPORE_AUTH_F_SHARE ? grant->share != 0 : settings->share != 0;
}

struct limit_hit ports_limit_of_share(const struct instance *by, const struct grant *grant)
{
	struct limit_hit hit = { .why = REFUSED_SHARE, .most = -1 };
	bool is_of_policy = grant && grant->fields & SPORE_AUTH_F_SHARE;

	if (is_of_policy && by)
		hit.plugin = by->name;
	if (grant)
		hit.from = is_of_policy ? "share of the identity" : "server.share";
	return hit;
}

/* The port is refused only because it is a routed port. */
static bool is_shared(const struct server_settings *settings, const struct grant *grant,
                      uint16_t wanted)
{
	return has_port(&settings->routed_ports, wanted) && has_port(&settings->ports, wanted) &&
	       !lists_port(&settings->reserved_ports, wanted) &&
	       (!grant || grant_has_port(grant, wanted));
}

bool ports_refuse(const struct server_settings *settings, const struct grant *grant,
                  uint16_t wanted, enum refusal *why_out)
{
	spore_list ranges = ranges_of(grant);
	bool allowed = wanted ? ports_allow(settings, grant, wanted)
	                      : count_allowed(&settings->public_ports, &ranges) > 0;

	if (!allowed)
		*why_out = !wanted                              ? REFUSED_NO_PORT_LEFT
		           : is_shared(settings, grant, wanted) ? REFUSED_PORT_IN_USE
		                                                : REFUSED_PORT_NOT_ALLOWED;
	return !allowed;
}

/* Writes "20000-20099,22000", cut with "..." at the size of the text. */
static void write_ranges(const spore_port_range *ranges, size_t n, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		char range[16];

		snprintf(range, sizeof range, ranges[i].lo < ranges[i].hi ? "%u-%u" : "%u",
		         ranges[i].lo, ranges[i].hi);
		if (len + strlen(range) + sizeof ",..." > size) {
			snprintf(out + len, size - len, "...");
			return;
		}
		len += (size_t)snprintf(out + len, size - len, "%s%s", range, i + 1 < n ? "," : "");
	}
}

/* True if the operator gave no list of ports: then it is empty, or check_server has made it of the
 * span from min_port to max_port. */
static bool is_span(const spore_list *list, const spore_port_range *span)
{
	const spore_port_range *range = list->items;

	return list->count == 0 ||
	       (list->count == 1 && range->lo == span->lo && range->hi == span->hi);
}

struct limit_hit ports_limit_of_server(const struct server_settings *settings, enum refusal why)
{
	const spore_port_range span = { (uint16_t)settings->min_port,
		                        (uint16_t)settings->max_port };
	struct limit_hit hit = { .why = why };

	if (is_span(&settings->ports, &span)) {
		hit.from = "server.min_port, server.max_port";
		write_ranges(&span, 1, hit.range, sizeof hit.range);
	} else {
		hit.from = "server.ports";
		write_ranges(settings->ports.items, settings->ports.count, hit.range,
		             sizeof hit.range);
	}
	return hit;
}

struct limit_hit ports_limit_of_grant(const struct instance *by, const struct grant *grant,
                                      enum refusal why)
{
	struct limit_hit hit = { .why = why,
		                 .range = "none",
		                 .from = "ports of the identity",
		                 .plugin = by ? by->name : NULL };

	write_ranges(grant->ports, grant->n_ports, hit.range, sizeof hit.range);
	return hit;
}

enum ports_refuser ports_find_refuser(const struct server_settings *settings,
                                      const struct grant *grant, uint16_t wanted)
{
	bool is_granted = grant && grant->fields & SPORE_AUTH_F_PORTS;

	if (wanted == 0)
		return is_granted ? PORTS_OF_GRANT : PORTS_OF_SERVER;
	if (ports_reservation(settings, wanted))
		return PORTS_RESERVED;
	return has_port(&settings->public_ports, wanted) ? PORTS_OF_GRANT : PORTS_OF_SERVER;
}

/* The ranges of the first element that reserves the port, the control port, or a routed port. */
static struct limit_hit limit_of_reservation(const struct server_settings *settings,
                                             enum refusal why, uint16_t port)
{
	const spore_port_range one = { port, port };
	const spore_list *reserved = settings->reserved_ports.items;
	struct limit_hit hit = { .why = why, .from = "server.control_port" };
	size_t i = 0;

	while (i < settings->reserved_ports.count && !has_port(&reserved[i], port))
		i++;
	if (port == settings->control_port) {
		write_ranges(&one, 1, hit.range, sizeof hit.range);
	} else if (i < settings->reserved_ports.count) {
		hit.from = "server.reserved_ports";
		write_ranges(reserved[i].items, reserved[i].count, hit.range, sizeof hit.range);
	} else {
		hit.from = "public[].listen_port";
		write_ranges(&one, 1, hit.range, sizeof hit.range);
	}
	return hit;
}

static struct limit_hit limit_of_range(const struct server_settings *settings,
                                       const struct instance *by, const struct grant *grant,
                                       enum refusal why, uint16_t wanted)
{
	switch (ports_find_refuser(settings, grant, wanted)) {
	case PORTS_OF_SERVER:
		return ports_limit_of_server(settings, why);
	case PORTS_OF_GRANT:
		return ports_limit_of_grant(by, grant, why);
	case PORTS_RESERVED:
		break;
	}
	return limit_of_reservation(settings, why, wanted);
}

struct limit_hit ports_limit(const struct server_settings *settings, const struct instance *by,
                             const struct grant *grant, enum refusal why, uint16_t wanted)
{
	switch (why) {
	case REFUSED_PORT_NOT_ALLOWED:
	case REFUSED_NO_PORT_LEFT:
		return limit_of_range(settings, by, grant, why, wanted);
	case REFUSED_TOO_MANY_TUNNELS:
		return (struct limit_hit){ .why = why,
			                   .most = -1,
			                   .from = "no descriptor or memory was left" };
	default:
		return (struct limit_hit){ .why = why };
	}
}

bool ports_open(const struct server_settings *settings, const struct grant *grant, uint16_t wanted,
                struct sockets *out, enum refusal *why_out)
{
	if (ports_refuse(settings, grant, wanted, why_out))
		return false;
	return wanted ? try_port(settings, wanted, out, why_out)
	              : try_any(settings, grant, out, why_out);
}
