#include "lookup.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* "HOST:PORT:ADDRESS,ADDRESS" */
static char *print_addresses(const struct service *service, const spore_addr *addrs, size_t n)
{
	size_t size = strlen(service->host) + 16 + (size_t)LOOKUP_MAX * (INET6_ADDRSTRLEN + 3), len;
	char *text = malloc(size), ip[INET6_ADDRSTRLEN];

	if (!text)
		return NULL;
	len = (size_t)snprintf(text, size, "%s:%u:", service->host, service->port);
	for (size_t i = 0; i < n && i < LOOKUP_MAX; i++) {
		bool is_v4 = addrs[i].family == 4;

		inet_ntop(is_v4 ? AF_INET : AF_INET6, addrs[i].ip + (is_v4 ? 12 : 0), ip,
		          sizeof ip);
		len += (size_t)snprintf(text + len, size - len, "%s%s%s%s", i ? "," : "",
		                        is_v4 ? "" : "[", ip, is_v4 ? "" : "]");
	}
	return text;
}

static void on_done(void *arg, spore_status status, const spore_addr *addrs, size_t n)
{
	struct lookup *lookup = arg;
	char *addresses = status == SPORE_OK ? print_addresses(lookup->service, addrs, n) : NULL;

	lookup->running = (spore_resolve){ 0 };
	lookup->next_ms = lookup->host->now_ms() + (addresses ? LOOKUP_LIFE_MS : LOOKUP_RETRY_MS);
	if (addresses) {
		free(lookup->addresses);
		lookup->addresses = addresses;
	}
	lookup->on_end(lookup->arg);
}

static void begin(struct lookup *lookup)
{
	lookup->host->resolve(lookup->worker, lookup->service->host, lookup->service->port, on_done,
	                      lookup, &lookup->running);
}

enum lookup_state lookup_need(struct lookup *lookup)
{
	if (!lookup->service->needs_lookup)
		return LOOKUP_READY;
	if (!lookup->running.id && lookup->host->now_ms() >= lookup->next_ms)
		begin(lookup);
	if (lookup->addresses)
		return LOOKUP_READY;
	return lookup->running.id ? LOOKUP_RUNS : LOOKUP_FAILED;
}

void lookup_stop(struct lookup *lookup)
{
	lookup->host->resolve_stop(lookup->running);
	free(lookup->addresses);
}
