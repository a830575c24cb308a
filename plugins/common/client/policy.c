#include "policy.h"

#include <stddef.h>
#include <string.h>

static const spore_option_item host_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };

static const spore_option rows[] = {
	SPORE_PORTS(struct policy, ports, 0, NULL,
	            "public ports that it may use; default: those of the server"),
	SPORE_INT(struct policy, max_tunnels, SPORE_OPTF_MAX_TUNNELS, NULL, 1, POLICY_MAX_COUNT,
	          "tunnels at once; default: no limit"),
	SPORE_INT(struct policy, max_conns, SPORE_OPTF_MAX_VISITORS, NULL, 1, POLICY_MAX_COUNT,
	          "visitors at once on all its tunnels, waiting ones included; default: no limit"),
	SPORE_DURATION(struct policy, life, 0, NULL, 1, POLICY_MAX_LIFE_MS,
	               "lifetime of a tunnel; default: no limit"),
	SPORE_SIZE(struct policy, rate_up, 0, NULL, POLICY_MIN_RATE, POLICY_MAX_RATE,
	           "bytes per second from its visitors to its services, on all its tunnels "
	           "together; default: `limits.rate_up`"),
	SPORE_SIZE(struct policy, rate_down, 0, NULL, POLICY_MIN_RATE, POLICY_MAX_RATE,
	           "bytes per second from its services to its visitors, on all its tunnels "
	           "together; default: `limits.rate_down`"),
	SPORE_SIZE(struct policy, bytes_per_day, 0, NULL, 1, POLICY_MAX_BYTES,
	           "bytes that all its tunnels may carry in a day (UTC), in both directions "
	           "together; default: `limits.bytes_per_day`"),
	SPORE_SIZE(struct policy, bytes_per_month, 0, NULL, 1, POLICY_MAX_BYTES,
	           "bytes that all its tunnels may carry in a month (UTC), in both directions "
	           "together; default: `limits.bytes_per_month`"),
	SPORE_INT(struct policy, visitors_per_second, 0, NULL, 1, POLICY_MAX_COUNT,
	          "new visitors per second on all its tunnels, and as many at once; default: "
	          "`limits.visitors_per_second`"),
	SPORE_ENUM(struct policy, share, 0, "\"default\"", "default|yes|no",
	           "may its tunnels share a public port; default: as the server's key share says"),
	SPORE_LIST(struct policy, hosts, SPORE_OPTF_HOST, &host_item,
	           "host names that its tunnels may have on routed ports: `app.example.com`, "
	           "`*.example.com` for all names below, or `*` for all names; default: none"),
};

const spore_option_item policy_item = { SPORE_OPT_OBJECT, sizeof(struct policy), rows,
	                                sizeof rows / sizeof *rows, sizeof *rows };

/* The limits that are numbers, with their bits. */
static const struct {
	uint32_t field;
	size_t offset;
} numbers[] = {
	{ SPORE_AUTH_F_MAX_TUNNELS, offsetof(struct policy, max_tunnels) },
	{ SPORE_AUTH_F_MAX_CONNS, offsetof(struct policy, max_conns) },
	{ SPORE_AUTH_F_LIFE, offsetof(struct policy, life) },
	{ SPORE_AUTH_F_RATE_UP, offsetof(struct policy, rate_up) },
	{ SPORE_AUTH_F_RATE_DOWN, offsetof(struct policy, rate_down) },
	{ SPORE_AUTH_F_BYTES_PER_DAY, offsetof(struct policy, bytes_per_day) },
	{ SPORE_AUTH_F_BYTES_PER_MONTH, offsetof(struct policy, bytes_per_month) },
	{ SPORE_AUTH_F_VISITORS_PER_SECOND, offsetof(struct policy, visitors_per_second) },
	{ SPORE_AUTH_F_SHARE, offsetof(struct policy, share) },
};
enum { N_NUMBERS = sizeof numbers / sizeof *numbers };
_Static_assert(N_NUMBERS + 1 == POLICY_NUMBERS, "the numbers, and what is stated");

static int64_t number_of(const struct policy *policy, size_t i)
{
	int64_t number;

	memcpy(&number, (const char *)policy + numbers[i].offset, sizeof number);
	return number;
}

/* SPORE_AUTH_F_*: the limits that hold, because they are stated, or not zero and not empty. */
static uint32_t limits_of(const struct policy *policy)
{
	uint32_t fields = policy->stated | (policy->ports.count ? SPORE_AUTH_F_PORTS : 0) |
	                  (policy->hosts.count ? SPORE_AUTH_F_HOSTS : 0);

	for (size_t i = 0; i < N_NUMBERS; i++)
		fields |= number_of(policy, i) ? numbers[i].field : 0;
	return fields;
}

void policy_inherit(struct policy *own, const struct policy *all)
{
	uint32_t has = limits_of(own);

	if (!(has & SPORE_AUTH_F_PORTS))
		own->ports = all->ports;
	if (!(has & SPORE_AUTH_F_HOSTS))
		own->hosts = all->hosts;
	for (size_t i = 0; i < N_NUMBERS; i++) {
		if (!(has & numbers[i].field))
			memcpy((char *)own + numbers[i].offset,
			       (const char *)all + numbers[i].offset, sizeof(int64_t));
	}
	own->stated |= all->stated;
}

void policy_numbers(const struct policy *policy, int64_t out[POLICY_NUMBERS])
{
	for (size_t i = 0; i < N_NUMBERS; i++)
		out[i] = number_of(policy, i);
	out[N_NUMBERS] = policy->stated;
}

void policy_grant(const struct policy *policy, spore_auth_result *result)
{
	result->fields = limits_of(policy);
	result->ports = policy->ports.count ? policy->ports.items : NULL;
	result->n_ports = policy->ports.count;
	result->max_tunnels = (uint32_t)policy->max_tunnels;
	result->max_conns = (uint32_t)policy->max_conns;
	result->life_ms = policy->life;
	result->rate_up = (uint64_t)policy->rate_up;
	result->rate_down = (uint64_t)policy->rate_down;
	result->bytes_per_day = (uint64_t)policy->bytes_per_day;
	result->bytes_per_month = (uint64_t)policy->bytes_per_month;
	result->visitors_per_second = (uint32_t)policy->visitors_per_second;
	result->share = policy->share == POLICY_SHARE_YES;
	result->hosts = policy->hosts.count ? policy->hosts.items : NULL;
	result->n_hosts = policy->hosts.count;
}
