#include "config/target.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/text.h"

const char *target_path(const char *text)
{
	static const char scheme[] = "unix:";
	size_t len = sizeof scheme - 1;

	return strncmp(text, scheme, len) == 0 ? text + len : NULL;
}

static bool refuse(const char *why, const char **why_out)
{
	*why_out = why;
	return false;
}

/* Reads the port behind the colon. The text may also end at `colon`, and then has no port. */
static bool read_port(const char *colon, struct target *target, const char **why_out)
{
	uint64_t port = 0;

	if (*colon == '\0')
		return true;
	if (*colon != ':' || !text_to_uint(colon + 1, strlen(colon + 1), 65535, &port) || port == 0)
		return refuse("expected a port from 1 to 65535 after the host", why_out);
	target->port = (uint16_t)port;
	return true;
}

/* Like shorter_len, but 3 for "::1:7835", where the 7835 belongs to the address, but looks like a
 * port. */
static size_t length_without_port(const char *text)
{
	const char *colon = strrchr(text, ':');
	char shorter[INET6_ADDRSTRLEN];
	size_t len = (size_t)(colon - text);
	struct in6_addr unused;
	uint64_t port;

	if (len >= sizeof shorter || !text_to_uint(colon + 1, strlen(colon + 1), 65535, &port))
		return 0;
	memcpy(shorter, text, len);
	shorter[len] = '\0';
	return inet_pton(AF_INET6, shorter, &unused) == 1 ? len : 0;
}

bool target_read(const char *text, struct target *target_out, const char **why_out)
{
	const char *colon = strchr(text, ':'), *end = strchr(text, ']');
	bool is_bare = *text != '[' && colon && strchr(colon + 1, ':');

	*target_out = (struct target){ .host = text, .is_bare_ipv6 = is_bare };
	if (is_bare)
		target_out->shorter_len = length_without_port(text);
	if (strstr(text, "://"))
		return refuse("expected HOST or HOST:PORT without a scheme and a path", why_out);
	if (strpbrk(text, "/ \t@"))
		return refuse("expected HOST or HOST:PORT", why_out);
	if (strchr(text, ','))
		return refuse("expected one HOST or HOST:PORT; several servers are a list, such as "
		              "[\"a\", \"b\"]",
		              why_out);
	if (*text == '[') {
		target_out->host = text + 1;
		target_out->host_len = end ? (size_t)(end - text - 1) : 0;
		if (!end || target_out->host_len == 0)
			return refuse("expected an IPv6 address in brackets, as in [::1]:80",
			              why_out);
		return read_port(end + 1, target_out, why_out);
	}
	target_out->host_len = is_bare || !colon ? strlen(text) : (size_t)(colon - text);
	if (target_out->host_len == 0)
		return refuse("expected a host", why_out);
	return is_bare || !colon || read_port(colon, target_out, why_out);
}
