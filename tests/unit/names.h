/* names - a name service for one test program: getaddrinfo of this file answers for the names that
 * the test publishes, and passes every other name on to the C library. */
#ifndef UNIT_NAMES_H
#define UNIT_NAMES_H

#include <check.h>
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_ADDRS = 4 };

/* One name; addresses in the order in which they are answered, ended by NULL. */
static struct {
	const char *name;
	const char *addrs[NAMES_ADDRS + 1];
	int failure;   /* EAI_*: the answer in place of addresses; 0: none */
	int delay_ms;  /* of each answer */
	atomic_uint n; /* how often it was asked for */
} names_published;

/* Call it while no look-up runs. */
static inline void names_publish(const char *name, const char *const addrs[])
{
	names_published.name = name;
	names_published.failure = names_published.delay_ms = 0;
	atomic_store(&names_published.n, 0);
	for (size_t i = 0; i <= NAMES_ADDRS; i++) {
		names_published.addrs[i] = addrs[i];
		if (!addrs[i])
			break;
	}
}

/* From now on the published name is answered so. Call it while no look-up runs. */
static inline void names_disturb(int failure, int delay_ms)
{
	names_published.failure = failure;
	names_published.delay_ms = delay_ms;
}

typedef int names_look_up_fn(const char *name, const char *service, const struct addrinfo *hints,
                             struct addrinfo **list_out);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **list_out)
{
	names_look_up_fn *next = (names_look_up_fn *)dlsym(RTLD_NEXT, "getaddrinfo");
	int failed = 0;

	if (!names_published.name || strcmp(name, names_published.name) != 0)
		return next(name, service, hints, list_out);
	*list_out = NULL;
	atomic_fetch_add(&names_published.n, 1);
	poll(NULL, 0, names_published.delay_ms);
	failed = names_published.failure;
	for (size_t i = 0; !failed && names_published.addrs[i]; i++) {
		failed = next(names_published.addrs[i], service, hints, list_out);
		while (!failed && *list_out)
			list_out = &(*list_out)->ai_next;
	}
	return failed;
}

#endif
