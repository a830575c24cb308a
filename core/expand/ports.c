#include "expand/ports.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "diag/diag.h"
#include "json/json.h"

static bool read_port(const char *text, size_t len, uint16_t *port_out)
{
	uint64_t port;

	if (!text_to_uint(text, len, 65535, &port) || port == 0)
		return false;
	*port_out = (uint16_t)port;
	return true;
}

bool port_span_read(const char *text, struct port_span *span_out)
{
	size_t len = strcspn(text, "-");

	if (!read_port(text, len, &span_out->lo))
		return false;
	span_out->hi = span_out->lo;
	return !text[len] || (read_port(text + len + 1, strlen(text + len + 1), &span_out->hi) &&
	                      span_out->lo <= span_out->hi);
}

size_t port_spans_count(const struct port_span *spans, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += (size_t)spans[i].hi - spans[i].lo + 1;
	return count;
}

uint16_t port_spans_twice(const struct port_span *spans, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < i; k++) {
			if (spans[i].lo <= spans[k].hi && spans[k].lo <= spans[i].hi)
				return spans[i].lo > spans[k].lo ? spans[i].lo : spans[k].lo;
		}
	}
	return 0;
}

/* These are different for each tunnel. False: the first tunnel has one, which has been reported. */
static bool check_first(const struct json *first, size_t n_ports, struct diag *diag)
{
	static const char *const keys[] = { "port", "name" };
	bool good = true;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const struct json *node = json_get(first, keys[i]);

		if (!node)
			continue;
		diag_add_key(diag, node,
		             "expected one local port with this, which is for one tunnel, found "
		             "%zu: leave it out, or write the tunnels into a file",
		             n_ports);
		good = false;
	}
	return good;
}

static void add_tunnel(struct json_doc *doc, struct json *tunnels, unsigned port)
{
	static const char *const shared[] = { "local_host", "send_proxy" };
	const struct json *first = tunnels->first;
	struct json_source *source = json_get(first, "local_port")->source;
	struct json *tunnel = json_new(doc, JSON_OBJECT, NULL, source), *node;
	char text[8];

	snprintf(text, sizeof text, "%u", port);
	node = json_new(doc, JSON_NUMBER, text, source);
	if (!tunnel || !node)
		return;
	json_add(doc, tunnel, "local_port", node);
	for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
		const struct json *given = json_get(first, shared[i]);

		node = given ? json_new(doc, given->type, given->raw, given->source) : NULL;
		if (node)
			json_add(doc, tunnel, shared[i], node);
	}
	json_add(doc, tunnels, NULL, tunnel);
}

void port_spans_expand(struct json_doc *doc, struct json *tunnels, const struct port_span *spans,
                       size_t n, struct diag *diag)
{
	/* Without the first port, it had no place, which was reported, or memory is out. */
	if (!json_get(tunnels->first, "local_port") ||
	    !check_first(tunnels->first, port_spans_count(spans, n), diag))
		return;
	for (size_t i = 0; i < n; i++) {
		for (unsigned port = spans[i].lo; port <= spans[i].hi; port++) {
			bool is_first = i == 0 && port == spans[0].lo; /* it has its tunnel */

			if (!is_first)
				add_tunnel(doc, tunnels, port);
		}
	}
}
