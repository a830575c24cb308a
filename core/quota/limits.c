#include "quota/limits.h"

#include "relay/relay.h"

/* The process's descriptors are divided, so that they never run out. The reserve is for workers,
 * plugins, strangers, and connections opened ahead. Pipes have a share of their own. Tunnels and
 * visitors have the rest, two for each. Strangers leave the last few descriptors to tunnels and
 * visitors. */
enum { RESERVE_PART = 16, LEAST_RESERVE = 40 }; /* one 16th, but at least 40 */
enum { AHEAD_PART = 64 };                       /* one 64th, which the reserve contains */
enum { SCARCE_PART = 64, LEAST_SCARCE = 4 };    /* the last 64th, but at least 4 */
enum { OF_PROCESS = 4 };                        /* what the process itself uses */
enum { LEAST_STRANGERS = 8, MOST_LINGERERS = 64 };

/* A quarter of the places, which tunnels leave to visitors. */
enum { VISITORS_PART = 4 };

/* A quarter of the places may be taken by visitors whose handshakes have not ended. */
enum { HANDSHAKES_PART = 4 };

/* How many visitors at once are assumed where the settings do not limit them. */
enum { USUAL_RELAYS = 256 };

static unsigned larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned reserve_of(unsigned descriptors)
{
	return larger(descriptors / RESERVE_PART, LEAST_RESERVE);
}

/* A pipe has two descriptors, as a place has. At least two places remain. */
static unsigned places_of(unsigned descriptors)
{
	unsigned others = 2 * relay_most_pipes(descriptors) + reserve_of(descriptors);

	return descriptors > others + OF_PROCESS ? (descriptors - others) / 2 : 2;
}

static unsigned strangers_of(const struct limit_settings *settings, unsigned descriptors)
{
	unsigned most = (unsigned)settings->max_unauthenticated;

	if (most == 0)
		most = descriptors / RESERVE_PART - descriptors / AHEAD_PART;
	return larger(most, LEAST_STRANGERS);
}

static unsigned handshakes_of(const struct limit_settings *settings, unsigned descriptors)
{
	if (settings->max_handshakes)
		return (unsigned)settings->max_handshakes;
	return larger(places_of(descriptors) / HANDSHAKES_PART, 1);
}

struct limits limits_make(const struct limit_settings *settings, unsigned descriptors,
                          unsigned n_workers)
{
	unsigned strangers = strangers_of(settings, descriptors);

	return (struct limits){
		.settings = *settings,
		.places = places_of(descriptors),
		.strangers = strangers,
		.handshakes = handshakes_of(settings, descriptors),
		.ahead = descriptors / AHEAD_PART,
		.scarce_fd = (int)(descriptors - larger(descriptors / SCARCE_PART, LEAST_SCARCE)),
		.lingerers = smaller(strangers / 2 / n_workers + 1, MOST_LINGERERS),
		.pipes = relay_most_pipes(descriptors) / n_workers,
	};
}

unsigned limits_most_tunnels(const struct limits *limits)
{
	return limits->places - larger(limits->places / VISITORS_PART, 1);
}

unsigned limits_of_proxy(const struct limits *limits)
{
	return larger(limits->strangers / 2, 1);
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
	case REFUSED_HANDSHAKES:
		hit.most = -1;
		hit.from = "limits.max_handshakes, limits.max_handshakes_per_ip";
		break;
	case REFUSED_PENDING:
		hit.most = -1;
		hit.from = "limits.max_pending_per_tunnel, limits.max_pending";
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

/* Do so many descriptors suffice for these settings and one tunnel? */
static bool suffice(const struct limit_settings *settings, unsigned descriptors)
{
	unsigned relays = settings->max_relays ? (unsigned)settings->max_relays : USUAL_RELAYS;
	unsigned ahead = descriptors / AHEAD_PART, pipes = relay_most_pipes(descriptors);
	unsigned wanted_reserve = (unsigned)settings->max_unauthenticated + ahead;
	unsigned reserve = larger(reserve_of(descriptors), wanted_reserve);

	return descriptors >= 2 * pipes + reserve + OF_PROCESS + 2 * (relays + 1);
}

unsigned limits_need(const struct limit_settings *settings)
{
	enum { STEP_PART = 64 };
	unsigned n = LEAST_RESERVE;

	while (!suffice(settings, n))
		n += n / STEP_PART + 1;
	return n;
}
