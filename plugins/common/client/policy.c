#include "policy.h"

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
	SPORE_LIST(struct policy, hosts, 0, &host_item,
	           "host names that its tunnels may have on shared ports: `app.example.com`, "
	           "`*.example.com` for all names below, or `*` for all names; default: none"),
};

const spore_option_item policy_item = { SPORE_OPT_OBJECT, sizeof(struct policy), rows,
	                                sizeof rows / sizeof *rows, sizeof *rows };

/* SPORE_AUTH_F_*: the limits that hold, because they are stated, or not zero and not empty. */
static uint32_t limits_of(const struct policy *policy)
{
	return policy->stated | (policy->ports.count ? SPORE_AUTH_F_PORTS : 0) |
	       (policy->max_tunnels ? SPORE_AUTH_F_MAX_TUNNELS : 0) |
	       (policy->max_conns ? SPORE_AUTH_F_MAX_CONNS : 0) |
	       (policy->life ? SPORE_AUTH_F_LIFE : 0) |
	       (policy->hosts.count ? SPORE_AUTH_F_HOSTS : 0);
}

void policy_inherit(struct policy *own, const struct policy *all)
{
	uint32_t has = limits_of(own);

	if (!(has & SPORE_AUTH_F_PORTS))
		own->ports = all->ports;
	if (!(has & SPORE_AUTH_F_MAX_TUNNELS))
		own->max_tunnels = all->max_tunnels;
	if (!(has & SPORE_AUTH_F_MAX_CONNS))
		own->max_conns = all->max_conns;
	if (!(has & SPORE_AUTH_F_LIFE))
		own->life = all->life;
	if (!(has & SPORE_AUTH_F_HOSTS))
		own->hosts = all->hosts;
	own->stated |= all->stated;
}

void policy_grant(const struct policy *policy, spore_auth_result *result)
{
	result->fields = limits_of(policy);
	result->ports = policy->ports.count ? policy->ports.items : NULL;
	result->n_ports = policy->ports.count;
	result->max_tunnels = (uint32_t)policy->max_tunnels;
	result->max_conns = (uint32_t)policy->max_conns;
	result->life_ms = policy->life;
	result->hosts = policy->hosts.count ? policy->hosts.items : NULL;
	result->n_hosts = policy->hosts.count;
}
