#include "admin/admin_ports.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "quota/ports.h"

enum { PORTS_SIZE = 512, PART_SIZE = 2 * PORTS_SIZE, DETAILS_SIZE = 2 * PART_SIZE + 2 };

/* ---- lists of ports ---- */

static const spore_port_range every[] = { { 1, UINT16_MAX } };
static const char more[] = ",...";

/* Adds the ports that both have. False: the rest was cut. */
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

static const char *keys_of_ports(const struct config *config)
{
	const struct json *server = json_get(json_doc_root(config->doc), "server");

	return json_get(server, "ports") ? "server.ports" : "server.min_port and server.max_port";
}

static const char *describe_server(const struct config *config, char out[PART_SIZE])
{
	char ports[PORTS_SIZE];

	snprintf(out, PART_SIZE, "the server has the public ports %s (%s)",
	         join_ports(&config->settings.server.public_ports, every, 1, ports),
	         keys_of_ports(config));
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

/* Says what the client may have, and where it comes from. */
static void describe(const struct trial_report *report, const struct config *config,
                     enum refusal why, char out[DETAILS_SIZE])
{
	const struct server_settings *settings = &config->settings.server;
	const char *reservation = report->port ? ports_reservation(settings, report->port) : NULL;
	char policy[PART_SIZE], server[PART_SIZE];

	if (why == REFUSED_TOO_MANY_TUNNELS)
		snprintf(out, DETAILS_SIZE, "the policy of %s allows no tunnel (max_tunnels)",
		         report->by);
	else if (why == REFUSED_NO_PORT_LEFT)
		snprintf(out, DETAILS_SIZE, "%s; %s", describe_policy(report, policy),
		         describe_server(config, server));
	else if (reservation)
		snprintf(out, DETAILS_SIZE, "%s", reservation);
	else if (!ports_allow(settings, NULL, report->port))
		snprintf(out, DETAILS_SIZE, "%s", describe_server(config, server));
	else
		snprintf(out, DETAILS_SIZE, "%s", describe_policy(report, policy));
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
	describe(report, config, why, details);
	if (report->port)
		snprintf(text, sizeof text, "%s: port %u: %s", refusal_text(why), report->port,
		         details);
	else
		snprintf(text, sizeof text, "%s: %s", refusal_text(why), details);
	jsonout_text(json, "verdict", refusal_name(why));
	jsonout_text(json, "status", text);
	return true;
}
