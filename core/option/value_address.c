#include "option/value_address.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "net/addr.h"
#include "option/value_describe.h"

/* No connection has such an address, so a list that names it would do nothing. */
static bool is_any_address(const char *text)
{
	spore_addr addr;

	return addr_parse_ip(text, &addr) && addr_is_any(&addr);
}

bool value_read_cidr(const struct option_scope *scope, const struct json *node, spore_cidr *out)
{
	char prefix[ADDR_TEXT_SIZE], expected[128];
	bool has_stray_bits;

	if (node->type == JSON_STRING && addr_parse_cidr(node->raw, out)) {
		if (!is_any_address(node->raw))
			return true;
		return value_mismatch(scope, node,
		                      "\"0.0.0.0/0\" for every IPv4 address or \"::/0\" for every "
		                      "IPv6 address (no connection has the address 0.0.0.0 or ::)");
	}
	has_stray_bits = node->type == JSON_STRING && out->family != 0;
	if (!has_stray_bits)
		return value_mismatch(scope, node,
		                      "an IP prefix such as \"10.0.0.0/8\" or \"2001:db8::/32\"");
	snprintf(expected, sizeof expected, "\"%s\" (no bits set after the prefix)",
	         addr_format_cidr(out, prefix));
	return value_mismatch(scope, node, expected);
}

bool value_read_address(const struct option_scope *scope, const spore_option *row,
                        const struct json *node, spore_addr *out)
{
	bool is_string = node->type == JSON_STRING;

	if (row->type == SPORE_OPT_IP)
		return (is_string && addr_parse_ip(node->raw, out)) ||
		       value_mismatch(scope, node,
		                      "an IP address such as \"127.0.0.1\" or \"::1\"");
	return (is_string && addr_parse(node->raw, out)) ||
	       value_mismatch(scope, node,
	                      "an address with a port such as \"127.0.0.1:80\" or \"[::1]:80\"");
}

static bool read_one_range(const char *text, size_t len, spore_port_range *out)
{
	const char *dash = memchr(text, '-', len);
	size_t lo_len = dash ? (size_t)(dash - text) : len;
	uint64_t lo, hi;

	if (!text_to_uint(text, lo_len, 65535, &lo) || lo == 0)
		return false;
	hi = lo;
	if (dash && !text_to_uint(dash + 1, len - lo_len - 1, 65535, &hi))
		return false;
	*out = (spore_port_range){ (uint16_t)lo, (uint16_t)hi };
	return lo <= hi;
}

bool value_read_ports(const struct option_scope *scope, const struct json *node, spore_list *out)
{
	static const char expected[] = "ports from 1 to 65535, lowest first, such as "
				       "\"20000-21000\" or \"8000,9000-9100\"";
	spore_port_range *ranges;
	size_t n = 1;

	if (node->type != JSON_STRING && node->type != JSON_NUMBER)
		return value_mismatch(scope, node, expected);
	for (const char *c = node->raw; *c; c++)
		n += *c == ',';
	ranges = json_doc_alloc(scope->doc, n * sizeof *ranges);
	if (!ranges)
		return value_mismatch(scope, node, expected);
	n = 0;
	for (const char *at = node->raw; at;) {
		const char *comma = strchr(at, ',');

		if (!read_one_range(at, comma ? (size_t)(comma - at) : strlen(at), &ranges[n++]))
			return value_mismatch(scope, node, expected);
		at = comma ? comma + 1 : NULL;
	}
	*out = (spore_list){ ranges, n, sizeof *ranges };
	return true;
}
