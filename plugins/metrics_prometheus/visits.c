#include "visits.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

/* libmicrohttpd sees the end of the stream and closes the connection. */
static void send_away(struct visit *visit)
{
	if (!visit->sent_away)
		shutdown(visit->fd, SHUT_RDWR);
	visit->sent_away = 1;
}

/* An IPv6 source is a /64: its owner can use all of its addresses. */
static void source_of(const struct sockaddr *addr, uint8_t source[16])
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)addr;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)addr;

	memset(source, 0, 16);
	if (addr->sa_family == AF_INET)
		memcpy(source, &v4->sin_addr, 4);
	else if (addr->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		memcpy(source, v6->sin6_addr.s6_addr + 12, 4);
	else if (addr->sa_family == AF_INET6)
		memcpy(source, &v6->sin6_addr, 8);
}

/* The new connection is already counted. */
static void enforce_limits(struct visits *visits, const uint8_t source[16])
{
	struct visit *oldest = NULL, *oldest_of_source = NULL;
	unsigned n = 0, n_of_source = 0;

	for (struct visit *visit = visits->newest; visit; visit = visit->older) {
		if (visit->sent_away)
			continue;
		n++;
		oldest = visit;
		if (memcmp(visit->source, source, 16) != 0)
			continue;
		n_of_source++;
		oldest_of_source = visit;
	}
	if (n_of_source > VISITS_MAX_OF_SOURCE)
		send_away(oldest_of_source);
	else if (n > VISITS_MAX)
		send_away(oldest);
}

struct visit *visits_add(struct visits *visits, int fd, const struct sockaddr *peer, int64_t now_ms)
{
	struct visit *visit = calloc(1, sizeof *visit);

	if (!visit)
		return NULL;
	visit->fd = fd;
	visit->deadline_ms = now_ms + VISITS_DEADLINE_MS;
	source_of(peer, visit->source);
	visit->older = visits->newest;
	if (visits->newest)
		visits->newest->newer = visit;
	else
		visits->oldest = visit;
	visits->newest = visit;
	enforce_limits(visits, visit->source);
	return visit;
}

void visits_remove(struct visits *visits, struct visit *visit)
{
	if (visit->older)
		visit->older->newer = visit->newer;
	else
		visits->oldest = visit->newer;
	if (visit->newer)
		visit->newer->older = visit->older;
	else
		visits->newest = visit->older;
	free(visit);
}

void visits_expire(struct visits *visits, int64_t now_ms)
{
	for (struct visit *visit = visits->oldest; visit && visit->deadline_ms <= now_ms;
	     visit = visit->newer)
		send_away(visit);
}
