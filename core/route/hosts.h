/* hosts - the host names that a client asks for with its tunnel: which of them its policy allows,
 * and the claim of all of them. [worker] */
#ifndef CORE_HOSTS_H
#define CORE_HOSTS_H

#include <stdbool.h>

#include "route/names.h"

struct about;
struct account;
struct instance;
struct limit_hit;

/* Claims the host names that the client asks for. by: the instance whose policy it is. *claim_out
 * is NULL if the client asks for none, or has neither an identity nor a policy with names, which is
 * logged. False and *hit_out: the policy does not allow a name, somebody else has it, or memory is
 * out. */
bool hosts_claim(struct names *names, struct account *account, const struct about *about,
                 const struct instance *by, struct names_claim **claim_out,
                 struct limit_hit *hit_out);
/* Does the policy of the account still allow all names that the client asks for? */
bool hosts_are_allowed(const struct account *account, const struct about *about);

#endif
