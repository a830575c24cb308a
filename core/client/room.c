#include "client/room.h"

#include "config/settings.h"
#include "relay/relay.h"

/* PER_VISITOR: to the server and to the service. LEAST_RESERVE: for everything else. */
enum { LEAST_RESERVE = 32, PER_VISITOR = 2 };

/* Checks of services may all be under way at once. */
static unsigned count_checks(const struct settings *settings)
{
	const struct tunnel_settings *tunnels = settings->tunnels.items;
	unsigned n = 0;

	for (size_t i = 0; i < settings->tunnels.count; i++)
		n += tunnels[i].check.is_wanted;
	return n;
}

/* What is open whether there are visitors or not: control connections, those opened ahead, checks,
 * and everything else. */
static unsigned reserve(const struct settings *settings)
{
	unsigned per_tunnel = 1 + (unsigned)settings->client.ahead;

	return LEAST_RESERVE + per_tunnel * (unsigned)settings->tunnels.count +
	       count_checks(settings);
}

unsigned room_max_visitors(const struct settings *settings, unsigned descriptors)
{
	unsigned taken = reserve(settings) + 2 * relay_most_pipes(descriptors);

	return descriptors > taken ? (descriptors - taken) / PER_VISITOR : 1;
}

unsigned room_least_descriptors(const struct settings *settings)
{
	return reserve(settings) + PER_VISITOR;
}

unsigned room_descriptors(const struct settings *settings)
{
	unsigned visitors = (unsigned)settings->client.max_dials;
	unsigned needed = reserve(settings) + PER_VISITOR * visitors;

	while (room_max_visitors(settings, needed) < visitors)
		needed++;
	return needed;
}
