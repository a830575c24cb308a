#include "admin/admin_ports.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "quota/ports.h"

enum { PORTS_SIZE = 512, PART_SIZE = 2 * PORTS_SIZE, DETAILS_SIZE = 2 * PART_SIZE + 2 };

/* ---- lists of ports ---- */

static const spore_port_range every[] = { { 1, UINT16_MAX } };
static const char more[] = ",...";

/* Adds the ports that are in both ranges. False: the text is full, so the rest is cut. */
static bool add_ports(const spore_port_range *one, const spore_port_range *other, size_t *len,
                      char out[PORTS_SIZE])
{
	unsigned lo = one->lo > other->lo ? one->lo : other->lo;
	unsigned hi = one->hi < other->hi ? one->hi : other->hi;
	const char *comma = *len ? "," : "";

	if (lo > hi)
		return true;
	if (*len + strlen(",65535-65535") + sizeof more > PORTS_SIZE) {
		memcpy(out + *len, more, sizeof more);
		return false;
	}
	*len += (size_t)(lo == hi ? snprintf(out + *len, PORTS_SIZE - *len, "%s%u", comma, lo)
	                          : snprintf(out + *len, PORTS_SIZE - *len, "%s%u-%u", comma, lo,
	                                     hi));
	return true;
}

/* The ports of `ours` that are in one of the n ranges, too. */
static const char *join_ports(const spore_list *ours, const spore_port_range *ranges, size_t n,
                              char out[PORTS_SIZE])
{
	const spore_port_range *items = ours->items;
	bool has_room = true;
	size_t len = 0;

	for (size_t i = 0; i < ours->count; i++) {
		for (size_t k = 0; k < n && has_room; k++)
			has_room = add_ports(&items[i], &ranges[k], &len, out);
	}
	return len ? out : "none";
}

static bool has_ports(const struct grant *grant)
{
	return grant && grant->fields & SPORE_AUTH_F_PORTS;
}

void admin_ports_write(const struct grant *grant, const struct config *config, struct jsonout *json)
{
	bool is_limited = has_ports(grant);
	char text[PORTS_SIZE];

	jsonout_text(json, "ports",
	             join_ports(&config->settings.server.public_ports,
	                        is_limited ? grant->ports : every, is_limited ? grant->n_ports : 1,
	                        text));
}

/* ---- refusals ---- */

static const char *describe_server(const struct server_settings *settings, enum refusal why,
                                   char out[PART_SIZE])
{
	char ports[PORTS_SIZE];

	snprintf(out, PART_SIZE, "the server has the public ports %s (%s)",
	         join_ports(&settings->public_ports, every, 1, ports),
	         ports_limit_of_server(settings, why).from);
	return out;
}

static const char *describe_policy(const struct trial_report *report, char out[PART_SIZE])
{
	const struct grant *grant = report->grant;
	spore_list whole = { every, 1, sizeof *every };
	char ports[PORTS_SIZE];

	snprintf(out, PART_SIZE, "the policy of %s allows the ports %s (ports)", report->by,
	         join_ports(&whole, grant->ports, grant->n_ports, ports));
	return out;
}

/* Says which ports the client may have instead, and what sets them. */
static void describe_ports(const struct trial_report *report,
                           const struct server_settings *settings, enum refusal why,
                           char out[DETAILS_SIZE])
{
	char policy[PART_SIZE], server[PART_SIZE];

	switch (ports_find_refuser(settings, report->grant, report->port)) {
	case PORTS_RESERVED:
		snprintf(out, DETAILS_SIZE, "%s", ports_reservation(settings, report->port));
		break;
	case PORTS_OF_SERVER:
		snprintf(out, DETAILS_SIZE, "%s", describe_server(settings, why, server));
		break;
	case PORTS_OF_GRANT:
		if (report->port)
			snprintf(out, DETAILS_SIZE, "%s", describe_policy(report, policy));
		else /* no port is in both ranges */
			snprintf(out, DETAILS_SIZE, "%s; %s", describe_policy(report, policy),
			         describe_server(settings, why, server));
	}
}

static void describe(const struct trial_report *report, const struct server_settings *settings,
                     enum refusal why, char out[DETAILS_SIZE])
{
	if (why == REFUSED_TOO_MANY_TUNNELS)
		snprintf(out, DETAILS_SIZE, "the policy of %s allows no tunnel (max_tunnels)",
		         report->by);
	else
		describe_ports(report, settings, why, out);
}

static bool find_refusal(const struct trial_report *report, const struct config *config,
                         enum refusal *why_out)
{
	const struct grant *grant = report->grant;

	*why_out = REFUSED_TOO_MANY_TUNNELS;
	if (grant && grant->fields & SPORE_AUTH_F_MAX_TUNNELS && grant->max_tunnels == 0)
		return true;
	return ports_refuse(&config->settings.server, grant, report->port, why_out);
}

bool admin_ports_refuse(const struct trial_report *report, const struct config *config,
                        struct jsonout *json)
{
	char details[DETAILS_SIZE], text[DETAILS_SIZE + 128];
	enum refusal why;

	if (report->verdict != SPORE_ALLOW || !find_refusal(report, config, &why))
		return false;
	describe(report, &config->settings.server, why, details);
	if (report->port)
		snprintf(text, sizeof text, "%s: port %u: %s", refusal_text(why), report->port,
		         details);
	else
		snprintf(text, sizeof text, "%s: %s", refusal_text(why), details);
	jsonout_text(json, "verdict", refusal_name(why));
	jsonout_text(json, "status", text);
	return true;
}
