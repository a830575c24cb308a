/* policy - the limits of one client, as the option "policy" gives them to a name. All plugins put
 * limits into a spore_auth_result by policy_grant(). This code is compiled into each plugin that
 * uses it. */
#ifndef COMMON_POLICY_H
#define COMMON_POLICY_H

#include <spore/auth.h>
#include <spore/option.h>

enum { POLICY_MAX_COUNT = 1000000 };
#define POLICY_MAX_LIFE_MS (365 * INT64_C(86400000))

/* A member that is zero or empty limits nothing, unless it is stated. */
struct policy {
	spore_list ports; /* of spore_port_range; borrowed */
	int64_t max_tunnels, max_conns;
	int64_t life;     /* ms */
	spore_list hosts; /* of const char *; borrowed; checked by the host */
	/* SPORE_AUTH_F_*: limits that hold also if they are zero or empty. Then they allow nothing.
	 * The option "policy" leaves this 0. */
	uint32_t stated;
};

/* The elements of the option: SPORE_MAP(struct conf, policy, SPORE_OPTF_INHERITS, &policy_item,
 * ...). */
extern const spore_option_item policy_item;

/* Completes the policy of one name: what it leaves out comes from that of all names. [any] */
void policy_inherit(struct policy *own, const struct policy *all);
/* Sets the limits in a result, whose other members stay. The result borrows the ports. [any] */
void policy_grant(const struct policy *policy, spore_auth_result *result);

#endif
