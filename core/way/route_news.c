#include "way/route_news.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The size of a datagram is at most a page or two. Longer ones are cut, and then count as news. */
enum { DATAGRAM_MAX = 16 * 1024, MOST_DATAGRAMS = 64 };

int route_news_open(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK,
		                    .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
		                                 RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
		                                 RTMGRP_IPV6_ROUTE };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int cause;

	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof addr) == 0)
		return fd;
	cause = errno;
	close(fd);
	errno = cause;
	return -1;
}

/* ---- one message ---- */

/* The fixed part of a message; NULL: it is cut. */
static const void *body_of(const struct nlmsghdr *message, size_t size)
{
	return message->nlmsg_len >= NLMSG_LENGTH(size) ? NLMSG_DATA(message) : NULL;
}

/* An address that is still examined for duplicates cannot be used. Another message follows. */
static bool address_matters(const struct nlmsghdr *message)
{
	const struct ifaddrmsg *address = body_of(message, sizeof *address);

	if (!address || address->ifa_scope >= RT_SCOPE_LINK)
		return false;
	return message->nlmsg_type == RTM_DELADDR || !(address->ifa_flags & IFA_F_TENTATIVE);
}

/* fe80::/10 or ff00::/8. */
static bool is_near_prefix(const uint8_t *ip)
{
	return ip[0] == 0xff || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
}

/* Does the route lead to an IPv6 prefix that is no way to a server? */
static bool leads_nearby(const struct nlmsghdr *message, const struct rtmsg *route)
{
	size_t left = message->nlmsg_len - NLMSG_LENGTH(sizeof *route);
	const uint8_t *bytes = (const uint8_t *)route + NLMSG_ALIGN(sizeof *route);

	while (route->rtm_family == AF_INET6 && left >= sizeof(struct rtattr)) {
		struct rtattr attribute;
		size_t step;

		memcpy(&attribute, bytes, sizeof attribute);
		if (attribute.rta_len < sizeof attribute || attribute.rta_len > left)
			break;
		if (attribute.rta_type == RTA_DST && attribute.rta_len >= RTA_LENGTH(16))
			return is_near_prefix(bytes + RTA_LENGTH(0));
		step = RTA_ALIGN(attribute.rta_len);
		if (step >= left)
			break;
		bytes += step;
		left -= step;
	}
	return false;
}

static bool route_matters(const struct nlmsghdr *message)
{
	const struct rtmsg *route = body_of(message, sizeof *route);

	return route && route->rtm_table != RT_TABLE_LOCAL && route->rtm_type == RTN_UNICAST &&
	       !(route->rtm_flags & RTM_F_CLONED) && !leads_nearby(message, route);
}

/* IPv4 routes that vanish with their interface have no message of their own. A new interface is
 * followed by a message about its address. Wireless interfaces report their state all the time. */
static bool link_matters(const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = body_of(message, sizeof *link);

	if (!link || link->ifi_flags & IFF_LOOPBACK)
		return false;
	if (message->nlmsg_type == RTM_DELLINK)
		return link->ifi_flags & IFF_UP;
	if (link->ifi_flags & IFF_UP)
		return !(link->ifi_flags & IFF_RUNNING);
	return link->ifi_change != UINT32_MAX && link->ifi_change & IFF_UP;
}

static bool message_matters(const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return address_matters(message);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return route_matters(message);
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return link_matters(message);
	case NLMSG_OVERRUN:
		return true;
	default:
		return false;
	}
}

bool route_news_matter(const void *bytes, size_t len)
{
	const uint8_t *next = bytes;

	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)next;
		size_t step;

		if (message->nlmsg_len < sizeof *message || message->nlmsg_len > len)
			return false;
		if (message_matters(message))
			return true;
		step = NLMSG_ALIGN(message->nlmsg_len);
		if (step >= len)
			return false;
		next += step;
		len -= step;
	}
	return false;
}

/* ---- the socket ---- */

/* *news_out: of one datagram. False: none is left. Another process may send datagrams to the
 * socket, which are ignored. */
static bool read_one(int fd, enum route_news *news_out)
{
	_Alignas(struct nlmsghdr) char bytes[DATAGRAM_MAX];
	struct sockaddr_nl from = { 0 };
	struct iovec part = { bytes, sizeof bytes };
	struct msghdr header = {
		.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1
	};
	ssize_t n = recvmsg(fd, &header, 0);
	/* ENOBUFS: the kernel had more messages than room. */
	bool are_lost = n < 0 ? errno == ENOBUFS : (header.msg_flags & MSG_TRUNC) != 0;

	*news_out = ROUTE_NEWS_NONE;
	if (n < 0 && !are_lost) {
		if (errno != EAGAIN && errno != EINTR)
			*news_out = ROUTE_NEWS_ENDED;
		return false;
	}
	if (n < 0 || (from.nl_pid == 0 && (are_lost || route_news_matter(bytes, (size_t)n))))
		*news_out = ROUTE_NEWS_SOME;
	return true;
}

enum route_news route_news_read(int fd)
{
	enum route_news all = ROUTE_NEWS_NONE, one = ROUTE_NEWS_NONE;

	for (int i = 0; i < MOST_DATAGRAMS && read_one(fd, &one); i++)
		all = one == ROUTE_NEWS_SOME ? one : all;
	return one == ROUTE_NEWS_ENDED ? one : all;
}
