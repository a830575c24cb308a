#include "ports.h"

enum { MAX_LINES = 10 };

static uint32_t count_common(const spore_port_range *a, const spore_port_range *b)
{
	uint32_t lo = a->lo > b->lo ? a->lo : b->lo, hi = a->hi < b->hi ? a->hi : b->hi;

	return lo <= hi ? hi - lo + 1 : 0;
}

static uint32_t size_of(const spore_port_range *range)
{
	return count_common(range, range);
}

/* True if the server has fewer than half of the granted ports, and also has ports that are not
 * granted. */
static int lacks_most(const spore_create_args *args, const spore_list *ports)
{
	const spore_port_range *ranges = ports->items, *own = args->public_ports;
	uint32_t n_granted = 0, n_own = 0, n_common = 0;

	for (size_t i = 0; i < ports->count; i++) {
		n_granted += size_of(&ranges[i]);
		for (size_t k = 0; k < args->n_public_ports; k++)
			n_common += count_common(&ranges[i], &own[k]);
	}
	for (size_t k = 0; k < args->n_public_ports; k++)
		n_own += size_of(&own[k]);
	return n_common < n_own && n_common < n_granted - n_common;
}

const char *ports_check(const spore_create_args *args, const spore_list *ports, const char *where,
                        unsigned *lines)
{
	if (ports->count == 0 || !SPORE_HAS(args, n_public_ports))
		return NULL;
	if (!spore_may_have_port(args, ports->items, ports->count))
		return "expected at least one of the server's public ports (ports, or min_port to "
		       "max_port, without reserved_ports), found none";
	if (lacks_most(args, ports) && (*lines)++ < MAX_LINES)
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
		           "%s: the server does not have most of these ports (ports, or min_port "
		           "to max_port, without reserved_ports)",
		           where);
	return NULL;
}
