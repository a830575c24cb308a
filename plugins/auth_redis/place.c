#include "place.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static bool read_port(const char *text, uint16_t *out)
{
	size_t n = strspn(text, "0123456789");
	long port = n >= 1 && n <= 5 && !text[n] ? strtol(text, NULL, 10) : 0;

	*out = (uint16_t)port;
	return port >= 1 && port <= 65535;
}

static bool is_host(const char *text, size_t len)
{
	return len >= 1 && len <= PLACE_HOST_MAX &&
	       strspn(text, "-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:") >=
	               len;
}

/* Finds the end of "ADDRESS]" or "ADDRESS]:PORT". NULL: the text has another form. */
static const char *end_of_bracketed(const char *text, const char **port_out)
{
	const char *end = strchr(text, ']');

	if (!end || (end[1] && end[1] != ':'))
		return NULL;
	*port_out = end[1] ? end + 2 : NULL;
	return end;
}

/* Finds the end of "HOST" or "HOST:PORT". An IPv6 address without brackets has no port. */
static const char *end_of_plain(const char *text, const char **port_out)
{
	const char *colon = strchr(text, ':');
	bool has_port = colon && !strchr(colon + 1, ':');

	*port_out = has_port ? colon + 1 : NULL;
	return has_port ? colon : text + strlen(text);
}

bool place_parse(struct place *place, const char *text, uint16_t default_port)
{
	bool is_bracketed = *text == '[';
	const char *host = is_bracketed ? text + 1 : text, *port = NULL;
	const char *end = is_bracketed ? end_of_bracketed(host, &port) : end_of_plain(host, &port);
	spore_addr ignored;

	*place = (struct place){ .port = default_port };
	if (!end || !is_host(host, (size_t)(end - host)) ||
	    (port && !read_port(port, &place->port)))
		return false;
	memcpy(place->host, host, (size_t)(end - host));
	/* Only an IPv6 address has a colon. */
	return !strchr(place->host, ':') || place_address(place, &ignored);
}

bool place_address(const struct place *place, spore_addr *out)
{
	static const uint8_t mapped[12] = { [10] = 0xFF, [11] = 0xFF };

	*out = (spore_addr){ .port = place->port, .family = 4 };
	memcpy(out->ip, mapped, sizeof mapped);
	if (inet_pton(AF_INET, place->host, out->ip + 12) == 1)
		return true;
	out->family = 6;
	return inet_pton(AF_INET6, place->host, out->ip) == 1;
}

bool place_is_local(const struct place *place)
{
	spore_addr address;

	if (place->path || strcmp(place->host, "localhost") == 0)
		return true;
	if (!place_address(place, &address))
		return false;
	if (address.family == 4)
		return address.ip[12] == 127;
	return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)(const void *)address.ip);
}

void place_print(const struct place *place, char *out, size_t size)
{
	if (place->path)
		snprintf(out, size, "%s", place->path);
	else
		snprintf(out, size, strchr(place->host, ':') ? "[%s]:%u" : "%s:%u", place->host,
		         place->port);
}
