#include "server/ports.h"

#include <errno.h>
#include <unistd.h>

#include "base/crypto.h"
#include "net/sock.h"
#include "server/refusal.h"

/* bore tries 150 random ports; where the range is small or nearly full, a look at a few more in turn
 * still finds what is there, and bounds the time that a full range costs. */
enum { RANDOM_TRIES = 150, TRIES_IN_TURN = 256 };

static bool is_reserved(const struct server_settings *settings, uint16_t port)
{
	const int64_t *reserved = settings->reserved_ports.items;

	if (port == settings->control_port)
		return true;
	for (size_t i = 0; i < settings->reserved_ports.count; i++) {
		if (reserved[i] == port)
			return true;
	}
	return false;
}

static bool is_in_range(const struct server_settings *settings, uint16_t port)
{
	const spore_port_range *ranges = settings->ports.items;

	for (size_t i = 0; i < settings->ports.count; i++) {
		if (port >= ranges[i].lo && port <= ranges[i].hi)
			return true;
	}
	return false;
}

static const char *error_text(int cause)
{
	if (cause == EADDRINUSE)
		return refusal_text(REFUSED_PORT_IN_USE);
	if (cause == EACCES || cause == EPERM)
		return "permission denied";
	return "failed to bind to port";
}

static int try_port(const struct server_settings *settings, uint16_t port, const char **error_out)
{
	struct sock_sizes sizes = { (int)settings->sndbuf, (int)settings->recbuf };
	spore_addr addr = settings->bind_tunnels;
	struct err err;
	int fd, cause;

	if (is_reserved(settings, port)) {
		errno = EADDRINUSE;
		*error_out = error_text(EADDRINUSE);
		return -1;
	}
	addr.port = port;
	fd = sock_bind(&addr, false, &sizes, &err);
	if (fd >= 0 && sock_listen(fd, &err))
		return fd;
	cause = errno;
	if (fd >= 0)
		close(fd);
	errno = cause;
	*error_out = error_text(cause);
	return -1;
}

/* The n-th port of all ranges together. */
static uint16_t nth_port(const spore_port_range *ranges, uint32_t n)
{
	for (;; ranges++) {
		uint32_t size = (uint32_t)ranges->hi - ranges->lo + 1;

		if (n < size)
			return (uint16_t)(ranges->lo + n);
		n -= size;
	}
}

static int try_any(const struct server_settings *settings, const struct grant *grant,
                   const char **error_out)
{
	bool granted = grant && grant->fields & SPORE_AUTH_F_PORTS;
	const spore_port_range *ranges = granted ? grant->ports : settings->ports.items;
	size_t n_ranges = granted ? grant->n_ports : settings->ports.count;
	uint32_t total = 0, start = 0;

	for (size_t i = 0; i < n_ranges; i++)
		total += (uint32_t)ranges[i].hi - ranges[i].lo + 1;
	for (uint32_t i = 0; total && i < RANDOM_TRIES + TRIES_IN_TURN; i++) {
		uint16_t port;
		int fd;

		if (i < RANDOM_TRIES && !crypto_random(&start, sizeof start))
			break;
		if (i >= RANDOM_TRIES && i - RANDOM_TRIES >= total)
			break;
		port = nth_port(ranges, i < RANDOM_TRIES ? start % total
		                                         : (start % total + i - RANDOM_TRIES) % total);
		if (!is_in_range(settings, port))
			continue;
		fd = try_port(settings, port, error_out);
		if (fd >= 0)
			return fd;
		if (errno != EADDRINUSE)
			break; /* no other port fares better */
	}
	*error_out = "failed to find an available port";
	return -1;
}

bool ports_allow(const struct server_settings *settings, const struct grant *grant, uint16_t wanted)
{
	return is_in_range(settings, wanted) && (!grant || grant_has_port(grant, wanted));
}

int ports_open(const struct server_settings *settings, const struct grant *grant, uint16_t wanted,
               const char **error_out)
{
	if (wanted == 0)
		return try_any(settings, grant, error_out);
	if (!ports_allow(settings, grant, wanted)) {
		*error_out = refusal_text(REFUSED_PORT_NOT_ALLOWED);
		return -1;
	}
	return try_port(settings, wanted, error_out);
}
