/* policy - the limits of one client, as the option "policy" gives them to a name. All plugins put
 * limits into a spore_auth_result by policy_grant(). This code is compiled into each plugin that
 * uses it. */
#ifndef COMMON_POLICY_H
#define COMMON_POLICY_H

#include <spore/auth.h>
#include <spore/option.h>

enum { POLICY_MAX_COUNT = 1000000 };
/* Bytes per second, and in a day or month. */
#define POLICY_MIN_RATE    INT64_C(1024)
#define POLICY_MAX_RATE    (INT64_C(1) << 40)
#define POLICY_MAX_BYTES   (INT64_C(1) << 50)
#define POLICY_MAX_LIFE_MS (365 * INT64_C(86400000))

/* May its tunnels share a public port? */
enum policy_share { POLICY_SHARE_DEFAULT, POLICY_SHARE_YES, POLICY_SHARE_NO };

/* A member that is zero or empty limits nothing, unless it is stated. */
struct policy {
	spore_list ports; /* of spore_port_range; borrowed */
	int64_t max_tunnels, max_conns;
	int64_t life;               /* ms */
	int64_t rate_up, rate_down; /* bytes per second */
	int64_t bytes_per_day, bytes_per_month;
	int64_t visitors_per_second;
	int64_t share; /* enum policy_share */
	/* SPORE_AUTH_F_*: the limits that count although they are zero or empty. Such a limit
	 * allows nothing. The option "policy" leaves this 0. */
	spore_list hosts; /* of const char *; borrowed */
	/* SPORE_AUTH_F_*: limits that hold also if they are zero or empty. Then they allow nothing.
	 * The option "policy" leaves this 0. */
	uint32_t stated;
};

/* The elements of the option: SPORE_MAP(struct conf, policy, SPORE_OPTF_INHERITS, &policy_item,
 * ...). */
extern const spore_option_item policy_item;

/* Completes the policy of one name: it takes each limit that it does not set from `all`, the policy
 * of the name "*". [any] */
void policy_inherit(struct policy *own, const struct policy *all);
/* The numbers of the policy, in a fixed order: all that it says except its ports. [any] */
enum { POLICY_NUMBERS = 10 };
void policy_numbers(const struct policy *policy, int64_t out[POLICY_NUMBERS]);
/* Sets the limits in a result, whose other members stay. The result borrows the ports. [any] */
void policy_grant(const struct policy *policy, spore_auth_result *result);

#endif
