#include "host/listeners.h"

#include <errno.h>
#include <fcntl.h>

#include "net/addr.h"
#include "net/sock.h"
#include "sockets.h"
#include "suite.h"

/* An address of loopback whose port is free. */
static spore_addr free_address(void)
{
	spore_addr address;

	close(sockets_listen(&address, 1));
	return address;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(all_instances_share_the_socket_of_an_address)
{
	struct listener_use one = { 0 }, other = { 0 };
	spore_addr address = free_address();
	int first, second;

	ck_assert_int_eq(listeners_get(&address, true, &one, &first), SPORE_OK);
	ck_assert_int_eq(listeners_get(&address, true, &other, &second), SPORE_OK);
	ck_assert_int_eq(first, second);
	close(sockets_dial(&address));
	listeners_drop(&one);
	ck_assert(is_open(first)); /* the other one still has it */
	ck_assert_uint_eq(listeners_count(), 1);
	close(sockets_dial(&address));
	listeners_drop(&other);
	ck_assert(!is_open(first));
	ck_assert_uint_eq(listeners_count(), 0);
}
END_TEST

START_TEST(a_common_address_is_found)
{
	struct listener_use one = { 0 }, other = { 0 }, third = { 0 };
	spore_addr first = free_address(), second = free_address();
	int fd;

	ck_assert_int_eq(listeners_get(&first, false, &one, &fd), SPORE_OK);
	ck_assert_int_eq(listeners_get(&second, false, &other, &fd), SPORE_OK);
	ck_assert_ptr_null(listeners_common(&one, &other));
	ck_assert_int_eq(listeners_get(&second, false, &third, &fd), SPORE_OK);
	ck_assert_mem_eq(listeners_common(&other, &third), &second, sizeof second);
	listeners_drop(&one);
	listeners_drop(&other);
	listeners_drop(&third);
}
END_TEST

/* Asking twice does not count twice. */
START_TEST(an_instance_counts_once)
{
	struct listener_use use = { 0 };
	spore_addr address = free_address();
	int first, second;

	ck_assert_int_eq(listeners_get(&address, true, &use, &first), SPORE_OK);
	ck_assert_int_eq(listeners_get(&address, true, &use, &second), SPORE_OK);
	ck_assert_int_eq(first, second);
	listeners_drop(&use);
	ck_assert(!is_open(first));
	listeners_drop(&use); /* harmless */
}
END_TEST

/* A reload goes from one address to all of them, or back. */
START_TEST(an_address_may_become_wider_on_the_same_port)
{
	struct listener_use one = { 0 }, other = { 0 };
	spore_addr narrow = free_address(), wide;
	int first, second;

	ck_assert(addr_parse_ip("0.0.0.0", &wide));
	wide.port = narrow.port;
	ck_assert_int_eq(listeners_get(&narrow, true, &one, &first), SPORE_OK);
	ck_assert_int_eq(listeners_get(&wide, true, &other, &second), SPORE_OK);
	ck_assert_int_ne(first, second);
	listeners_drop(&one);
	close(sockets_dial(&narrow));
	listeners_drop(&other);
}
END_TEST

START_TEST(a_port_that_is_taken_is_an_error)
{
	struct listener_use use = { 0 };
	spore_addr address;
	int taken = sockets_listen(&address, 1), fd = -1;

	ck_assert_int_eq(listeners_get(&address, true, &use, &fd), SPORE_ESYS);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(fd, -1);
	ck_assert_uint_eq(use.bits, 0);
	close(taken);
}
END_TEST

START_TEST(a_check_gets_a_socket_without_an_address)
{
	struct listener_use use = { 0 };
	spore_addr address;
	int taken = sockets_listen(&address, 1), fd = -1;

	ck_assert_int_eq(listeners_get(&address, false, &use, &fd), SPORE_OK);
	ck_assert(is_open(fd));
	listeners_drop(&use);
	ck_assert(!is_open(fd));
	close(taken);
}
END_TEST

START_TEST(there_is_a_bound)
{
	struct listener_use use = { 0 };
	spore_addr address = free_address();
	int fd;

	for (int i = 0; i < 64; i++) {
		address.port = (uint16_t)(1000 + i);
		ck_assert_int_eq(listeners_get(&address, false, &use, &fd), SPORE_OK);
	}
	address.port = 1;
	ck_assert_int_eq(listeners_get(&address, false, &use, &fd), SPORE_ESYS);
	ck_assert_int_eq(errno, ENOBUFS);
	listeners_drop(&use);
	ck_assert_int_eq(listeners_get(&address, false, &use, &fd), SPORE_OK);
	listeners_drop(&use);
}
END_TEST

static bool overlaps(const char *own, const char *other)
{
	struct listener_use use = { 0 };
	spore_addr address, another;
	bool found;
	int fd;

	ck_assert(addr_parse(own, &address) && addr_parse(other, &another));
	ck_assert_int_eq(listeners_get(&address, false, &use, &fd), SPORE_OK);
	found = listeners_overlap(&use, &another);
	listeners_drop(&use);
	ck_assert(!listeners_overlap(&use, &another));
	return found;
}

START_TEST(all_addresses_overlap_each)
{
	ck_assert(overlaps("127.0.0.1:80", "127.0.0.1:80"));
	ck_assert(overlaps("127.0.0.1:80", "0.0.0.0:80"));
	ck_assert(overlaps("[::]:80", "127.0.0.1:80"));
	ck_assert(!overlaps("127.0.0.1:80", "127.0.0.2:80"));
	ck_assert(!overlaps("127.0.0.1:80", "0.0.0.0:81"));
}
END_TEST

static unsigned n_copies;

static void take_copy(void *arg, const spore_addr *address, int fd)
{
	spore_addr found;

	sock_local_addr(fd, &found);
	ck_assert(addr_equal(&found, arg));
	ck_assert(addr_equal(address, arg));
	close(fd);
	n_copies++;
}

START_TEST(a_socket_of_the_server_before)
{
	struct listener_use use = { 0 };
	spore_addr address, other;
	int given = sockets_listen(&address, 1), unused = sockets_listen(&other, 1), fd;

	listeners_inherit(&other, unused);
	listeners_inherit(&address, given);
	ck_assert_int_eq(listeners_get(&address, true, &use, &fd), SPORE_OK);
	ck_assert_int_eq(fd, given);
	listeners_disinherit();
	ck_assert_int_lt(fcntl(unused, F_GETFD), 0);
	listeners_copy(take_copy, &address);
	ck_assert_uint_eq(n_copies, 1);
	listeners_drop(&use);
	ck_assert_int_lt(fcntl(given, F_GETFD), 0);
	listeners_copy(take_copy, &address);
	ck_assert_uint_eq(n_copies, 1);
}
END_TEST

SUITE("listeners", a_socket_of_the_server_before, all_addresses_overlap_each,
      a_common_address_is_found, all_instances_share_the_socket_of_an_address,
      an_instance_counts_once, an_address_may_become_wider_on_the_same_port,
      a_port_that_is_taken_is_an_error, a_check_gets_a_socket_without_an_address, there_is_a_bound)
