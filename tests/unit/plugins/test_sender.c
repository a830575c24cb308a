#include "sender.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

/* Binds a UDP socket to a port of loopback (0: any); its address to *address_out. */
static int receive_at(int family, uint16_t port, spore_addr *address_out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		                  .sin_port = htons(port),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		                   .sin6_port = htons(port),
		                   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr *sa = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t len = family == AF_INET ? sizeof v4 : sizeof v6;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (bind(fd, sa, len) < 0) {
		close(fd);
		return -1;
	}
	getsockname(fd, sa, &len);
	*address_out = (spore_addr){ .family = family == AF_INET ? 4 : 6 };
	if (family == AF_INET) {
		memcpy(address_out->ip + 12, &v4.sin_addr, 4);
		address_out->port = ntohs(v4.sin_port);
	} else {
		memcpy(address_out->ip, &v6.sin6_addr, 16);
		address_out->port = ntohs(v6.sin6_port);
	}
	return fd;
}

static void expect(int fd, const char *text)
{
	struct pollfd ready = { fd, POLLIN, 0 };
	char got[64];
	ssize_t n;

	ck_assert_int_eq(poll(&ready, 1, 5000), 1);
	n = recv(fd, got, sizeof got - 1, 0);
	ck_assert_int_ge(n, 0);
	got[n] = '\0';
	ck_assert_str_eq(got, text);
}

static void check_family(int family)
{
	struct sender sender;
	spore_addr address;
	int fd = receive_at(family, 0, &address), taken;

	if (fd < 0)
		return; /* this machine has no such loopback */
	sender_init(&sender, &address);
	ck_assert_int_lt(sender.fd, 0); /* nothing is open before the first datagram */
	ck_assert_int_eq(sender_send(&sender, spore_cstr("one"), &taken), 0);
	ck_assert_int_eq(taken, 1);
	expect(fd, "one");
	ck_assert_int_eq(sender_send(&sender, spore_cstr("two"), &taken), 0);
	expect(fd, "two");
	sender_fini(&sender);
	sender_fini(&sender);
	ck_assert_int_lt(sender.fd, 0);
	close(fd);
}

START_TEST(datagrams_arrive)
{
	check_family(AF_INET);
	check_family(AF_INET6);
}
END_TEST

START_TEST(nobody_listens)
{
	struct sender sender;
	spore_addr address;
	int fd = receive_at(AF_INET, 0, &address), taken;

	close(fd);
	sender_init(&sender, &address);
	ck_assert_int_eq(sender_send(&sender, spore_cstr("lost"), &taken), 0);
	ck_assert_int_eq(taken, 1);
	/* The kernel reports the one before, and takes this one. */
	ck_assert_int_eq(sender_send(&sender, spore_cstr("lost, too"), &taken), ECONNREFUSED);
	ck_assert_int_eq(taken, 1);
	fd = receive_at(AF_INET, address.port, &address);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(sender_send(&sender, spore_cstr("late"), &taken), ECONNREFUSED);
	ck_assert_int_eq(taken, 1);
	expect(fd, "late");
	ck_assert_int_eq(sender_send(&sender, spore_cstr("again"), &taken), 0);
	expect(fd, "again");
	sender_fini(&sender);
	close(fd);
}
END_TEST

START_TEST(there_is_no_descriptor)
{
	struct rlimit limit, none;
	struct sender sender;
	spore_addr address;
	int fd = receive_at(AF_INET, 0, &address), taken;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){ 3, limit.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	sender_init(&sender, &address);
	ck_assert_int_eq(sender_send(&sender, spore_cstr("x"), &taken), EMFILE);
	ck_assert_int_eq(taken, 0);
	setrlimit(RLIMIT_NOFILE, &limit);
	ck_assert_int_eq(sender_send(&sender, spore_cstr("y"), &taken), 0);
	ck_assert_int_eq(taken, 1);
	expect(fd, "y");
	sender_fini(&sender);
	close(fd);
}
END_TEST

START_TEST(a_datagram_is_too_long)
{
	static char bytes[70000];
	struct sender sender;
	spore_addr address;
	int fd = receive_at(AF_INET, 0, &address), taken;

	sender_init(&sender, &address);
	ck_assert_int_eq(sender_send(&sender, (spore_str){ bytes, sizeof bytes }, &taken),
	                 EMSGSIZE);
	ck_assert_int_eq(taken, 0);
	sender_fini(&sender);
	close(fd);
}
END_TEST

SUITE("sender", datagrams_arrive, nobody_listens, there_is_no_descriptor, a_datagram_is_too_long)
