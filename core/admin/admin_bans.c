#include "admin/admin_bans.h"

#include <stdlib.h>
#include <string.h>

#include "admin/admin_answer.h"
#include "admin/admin_lists.h"
#include "admin/admin_query.h"
#include "base/clock.h"
#include "log/log.h"
#include "net/addr.h"
#include "quota/source.h"
#include "server/server.h"

/* How many bits of an address tell its source. Those of an IPv4 address are counted in its form as
 * an IPv6 address, ::ffff:ADDRESS. */
enum { V4_BITS = 128, V6_BITS = 64 };

static const char *format_source(const spore_cidr *source, char out[ADDR_TEXT_SIZE])
{
	spore_addr addr = { .family = (uint8_t)source->family };

	if (source->prefix_len < V4_BITS)
		return addr_format_cidr(source, out);
	memcpy(addr.ip, source->ip, sizeof addr.ip);
	return addr_format_ip(&addr, out);
}

static void write_ban(const struct source_ban *ban, struct jsonout *json)
{
	char text[ADDR_TEXT_SIZE];

	jsonout_begin(json, NULL, '{');
	jsonout_text(json, "source", format_source(&ban->source, text));
	jsonout_int(json, "left_ms", ban->left_ms);
	jsonout_int(json, "tries", (int64_t)ban->tries);
	jsonout_end(json, '}');
}

void admin_bans_write(const struct admin_query *query, struct jsonout *json)
{
	struct source_ban *bans = calloc(ADMIN_MAX_ROWS, sizeof *bans);
	size_t n;

	if (!bans) {
		admin_error_write(json, "out of memory", "");
		return;
	}
	n = source_list_bans(server_sources(query->host->server), clock_ms(), bans, ADMIN_MAX_ROWS);
	jsonout_int(json, "all", (int64_t)n);
	jsonout_begin(json, "bans", '[');
	for (size_t i = 0; i < n && i < ADMIN_MAX_ROWS; i++)
		write_ban(&bans[i], json);
	jsonout_end(json, ']');
	free(bans);
}

/* Reads an address of one source. False: the text is not an address or prefix, or the prefix is so
 * short that it contains several sources. */
static bool parse_source(const char *text, spore_addr *addr_out)
{
	spore_cidr cidr;

	if (!addr_parse_cidr(text, &cidr) ||
	    cidr.prefix_len < (cidr.family == 6 ? V6_BITS : V4_BITS))
		return false;
	*addr_out = (spore_addr){ .family = (uint8_t)cidr.family };
	memcpy(addr_out->ip, cidr.ip, sizeof addr_out->ip);
	return true;
}

void admin_unban_write(const struct admin_query *query, struct jsonout *json)
{
	struct source_table *sources = server_sources(query->host->server);
	spore_addr addr;

	if (!parse_source(query->argument, &addr)) {
		admin_error_write(json, "expected an address as shown by `spore ctl bans`, found ",
		                  query->argument);
		return;
	}
	if (!source_forgive(sources, &addr, clock_ms())) {
		admin_error_write(json, "no ban is in force, and no wrong secret is counted, for ",
		                  query->argument);
		return;
	}
	log_warn("ban lifted by the operator", log_str("source", query->argument));
	jsonout_text(json, "lifted", query->argument);
}
