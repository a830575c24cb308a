#include "way/route_news.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

/* A datagram of one or more messages. */
static _Alignas(struct nlmsghdr) char bytes[1024];
static size_t len;

static void add(uint16_t type, const void *body, size_t size)
{
	struct nlmsghdr *message = (struct nlmsghdr *)(bytes + len);

	*message = (struct nlmsghdr){ .nlmsg_type = type,
		                      .nlmsg_len = (uint32_t)NLMSG_LENGTH(size) };
	memcpy(NLMSG_DATA(message), body, size);
	len += NLMSG_SPACE(size);
}

static bool matters(uint16_t type, const void *body, size_t size)
{
	memset(bytes, 0, sizeof bytes);
	len = 0;
	add(type, body, size);
	return route_news_matter(bytes, len);
}

static bool address(uint16_t type, uint8_t scope, uint8_t flags)
{
	struct ifaddrmsg body = { .ifa_family = AF_INET6, .ifa_scope = scope, .ifa_flags = flags };

	return matters(type, &body, sizeof body);
}

START_TEST(addresses_of_more_than_a_link)
{
	ck_assert(address(RTM_NEWADDR, RT_SCOPE_UNIVERSE, 0));
	ck_assert(address(RTM_DELADDR, RT_SCOPE_SITE, 0));
	ck_assert(address(RTM_DELADDR, RT_SCOPE_UNIVERSE, IFA_F_TENTATIVE));
	ck_assert(!address(RTM_NEWADDR, RT_SCOPE_UNIVERSE, IFA_F_TENTATIVE));
	ck_assert(!address(RTM_NEWADDR, RT_SCOPE_LINK, 0));
	ck_assert(!address(RTM_NEWADDR, RT_SCOPE_HOST, 0));
}
END_TEST

static bool route(struct rtmsg rtm, uint8_t first, uint8_t second)
{
	struct {
		struct rtmsg rtm;
		struct rtattr other;
		uint32_t value;
		struct rtattr attribute;
		uint8_t ip[16];
	} body = { .rtm = rtm,
		   .other = { .rta_len = RTA_LENGTH(4), .rta_type = RTA_PRIORITY },
		   .attribute = { .rta_len = RTA_LENGTH(16), .rta_type = RTA_DST },
		   .ip = { first, second } };

	return matters(RTM_DELROUTE, &body, sizeof body);
}

START_TEST(routes_that_lead_away)
{
	struct rtmsg rtm = { .rtm_family = AF_INET6,
		             .rtm_table = RT_TABLE_MAIN,
		             .rtm_type = RTN_UNICAST };

	ck_assert(route(rtm, 0x20, 0x01));
	ck_assert(!route(rtm, 0xfe, 0x80));
	ck_assert(!route(rtm, 0xff, 0x00));
	rtm.rtm_family = AF_INET;
	ck_assert(route(rtm, 0xff, 0x00));
	rtm.rtm_type = RTN_BROADCAST;
	ck_assert(!route(rtm, 10, 0));
	rtm.rtm_type = RTN_UNICAST;
	rtm.rtm_table = RT_TABLE_LOCAL;
	ck_assert(!route(rtm, 10, 0));
	rtm.rtm_table = RT_TABLE_MAIN;
	rtm.rtm_flags = RTM_F_CLONED;
	ck_assert(!route(rtm, 10, 0));
}
END_TEST

static bool interface(uint16_t type, unsigned flags, unsigned change)
{
	struct ifinfomsg body = { .ifi_flags = flags, .ifi_change = change };

	return matters(type, &body, sizeof body);
}

START_TEST(interfaces_that_go_down)
{
	ck_assert(interface(RTM_NEWLINK, IFF_UP, 0));
	ck_assert(interface(RTM_NEWLINK, 0, IFF_UP));
	ck_assert(interface(RTM_DELLINK, IFF_UP, UINT32_MAX));
	ck_assert(!interface(RTM_NEWLINK, 0, UINT32_MAX)); /* a new one */
	ck_assert(!interface(RTM_NEWLINK, IFF_UP | IFF_RUNNING, 0));
	ck_assert(!interface(RTM_NEWLINK, IFF_UP | IFF_LOOPBACK, 0));
}
END_TEST

START_TEST(one_of_several_messages)
{
	struct ifinfomsg link = { .ifi_flags = IFF_UP | IFF_RUNNING };
	struct ifaddrmsg addr = { .ifa_family = AF_INET };

	ck_assert(!matters(RTM_NEWLINK, &link, sizeof link));
	add(RTM_NEWADDR, &addr, sizeof addr);
	ck_assert(route_news_matter(bytes, len));
	ck_assert(matters(NLMSG_OVERRUN, "", 0));
	ck_assert(!matters(NLMSG_DONE, "", 0));
}
END_TEST

START_TEST(what_is_cut_is_ignored)
{
	struct ifaddrmsg addr = { .ifa_family = AF_INET };
	struct rtmsg rtm = { .rtm_family = AF_INET6, .rtm_type = RTN_UNICAST };

	ck_assert(matters(RTM_NEWADDR, &addr, sizeof addr));
	for (size_t n = 0; n < len; n++)
		ck_assert(!route_news_matter(bytes, n));
	ck_assert(!matters(RTM_NEWADDR, &addr, 4));
	ck_assert(!matters(RTM_NEWLINK, "", 0));
	ck_assert(matters(RTM_NEWROUTE, &rtm, sizeof rtm));
	/* An attribute that is longer than the message. */
	struct {
		struct rtmsg rtm;
		struct rtattr attribute;
	} body = { .rtm = rtm, .attribute = { .rta_len = 200, .rta_type = RTA_DST } };
	ck_assert(matters(RTM_NEWROUTE, &body, sizeof body));
}
END_TEST

START_TEST(the_kernel_lets_us_listen)
{
	int fd = route_news_open();

	if (fd < 0) /* a sandbox */
		return;
	ck_assert_int_ne(route_news_read(fd), ROUTE_NEWS_ENDED);
	close(fd);
	ck_assert_int_eq(route_news_read(fd), ROUTE_NEWS_ENDED);
}
END_TEST

SUITE("route_news", addresses_of_more_than_a_link, routes_that_lead_away, interfaces_that_go_down,
      one_of_several_messages, what_is_cut_is_ignored, the_kernel_lets_us_listen)
