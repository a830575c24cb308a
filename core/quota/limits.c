#include "quota/limits.h"

#include "relay/relay.h"

/* The descriptors are divided, so that they never run out. A sixteenth (at least LEAST_RESERVE) is
 * for workers, plugins, strangers, and connections opened ahead (a 64th). Pipes have a share of
 * their own. Tunnels and visitors have the rest, two each. Strangers leave the last few descriptors
 * to tunnels and visitors. */
enum { PART = 16, AHEAD_PART = 64, LAST_PART = 64, LEAST_RESERVE = 40, OF_PROCESS = 4 };
enum { LEAST_STRANGERS = 8, LEAST_FREE = 4, MOST_LINGERERS = 64 };

/* The part of the places that tunnels leave to visitors. */
enum { VISITORS_PART = 4 };

/* So many visitors at once are expected where the settings do not limit them. */
enum { USUAL_RELAYS = 256 };

static unsigned larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned places_of(unsigned descriptors)
{
	unsigned reserve = 2 * relay_most_pipes(descriptors) +
	                   larger(descriptors / PART, LEAST_RESERVE);

	return descriptors > reserve + OF_PROCESS ? (descriptors - reserve) / 2 : 2;
}

static unsigned strangers_of(const struct limit_settings *settings, unsigned descriptors)
{
	unsigned most = (unsigned)settings->max_unauthenticated;

	if (most == 0)
		most = descriptors / PART - descriptors / AHEAD_PART;
	return larger(most, LEAST_STRANGERS);
}

struct limits limits_make(const struct limit_settings *settings, unsigned descriptors,
                          unsigned n_workers)
{
	unsigned strangers = strangers_of(settings, descriptors);

	return (struct limits){
		.settings = *settings,
		.places = places_of(descriptors),
		.strangers = strangers,
		.ahead = descriptors / AHEAD_PART,
		.scarce_fd = (int)(descriptors - larger(descriptors / LAST_PART, LEAST_FREE)),
		.lingerers = smaller(strangers / 2 / n_workers + 1, MOST_LINGERERS),
		.pipes = relay_most_pipes(descriptors) / n_workers,
	};
}

unsigned limits_most_tunnels(const struct limits *limits)
{
	return limits->places - larger(limits->places / VISITORS_PART, 1);
}

struct limit_hit limits_of_source(const struct limits *limits, enum refusal why)
{
	const struct limit_settings *settings = &limits->settings;
	struct limit_hit hit = { .why = why };

	switch (why) {
	case REFUSED_SOURCE:
		hit.most = settings->ban_after;
		hit.from = "limits.ban_after";
		break;
	case REFUSED_CROWD:
		hit.most = settings->max_unauthenticated_per_ip;
		hit.from = "limits.max_unauthenticated_per_ip";
		break;
	case REFUSED_TOO_MANY_TRIES:
		hit.most = settings->secret_rate;
		hit.from = "limits.secret_rate";
		break;
	case REFUSED_SOURCE_TUNNELS:
		hit.most = settings->max_conns_per_ip;
		hit.from = "limits.max_conns_per_ip";
		break;
	case REFUSED_SOURCE_FULL:
		hit.most = settings->max_visitors_per_ip;
		hit.from = "limits.max_visitors_per_ip";
		break;
	case REFUSED_SOURCE_PACE:
		hit.most = settings->visitor_rate;
		hit.from = "limits.visitor_rate";
		break;
	default:
		break;
	}
	return hit;
}

static bool suffice(const struct limit_settings *settings, unsigned descriptors)
{
	unsigned strangers = (unsigned)settings->max_unauthenticated + descriptors / AHEAD_PART;
	unsigned rest = larger(larger(descriptors / PART, LEAST_RESERVE), strangers);
	unsigned places = 1 +
	                  (settings->max_relays ? (unsigned)settings->max_relays : USUAL_RELAYS);

	return descriptors >= 2 * relay_most_pipes(descriptors) + rest + OF_PROCESS + 2 * places;
}

unsigned limits_need(const struct limit_settings *settings)
{
	unsigned n = LEAST_RESERVE;

	while (!suffice(settings, n))
		n += n / PART / 4 + 1;
	return n;
}
