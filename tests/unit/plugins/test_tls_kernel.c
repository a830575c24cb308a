#include "tls_kernel.h"

#include <stdio.h>
#include <unistd.h>

#include "suite.h"

static bool offers(const char *text)
{
	char path[] = "/tmp/spore-ulp-XXXXXX";
	int fd = mkstemp(path);
	bool found;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(dprintf(fd, "%s", text), 0);
	close(fd);
	found = tls_kernel_offers(path);
	unlink(path);
	return found;
}

START_TEST(a_kernel_that_lists_it_offers_it)
{
	ck_assert(offers("tls\n"));
	ck_assert(offers("mptcp tls\n"));
	ck_assert(offers("espintcp mptcp tls smc"));
}
END_TEST

START_TEST(one_that_does_not_offers_none)
{
	ck_assert(!offers(""));
	ck_assert(!offers("mptcp\n"));
	ck_assert(!offers("tlsx xtls t l s\n"));
	ck_assert(!tls_kernel_offers("/nowhere/at/all"));
}
END_TEST

SUITE("tls_kernel", a_kernel_that_lists_it_offers_it, one_that_does_not_offers_none)
