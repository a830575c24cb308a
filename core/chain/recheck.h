/* recheck - asks an auth instance whether it would accept an answer by what it accepted before
 * (host/last_good), without its back-end. [worker] */
#ifndef CORE_RECHECK_H
#define CORE_RECHECK_H

#include <spore/auth.h>
#include <stdbool.h>

struct grant;
struct instance;
struct loop;

/* The question about one answer, which the instance could not judge or has denied. Borrowed. */
struct recheck {
	struct instance *instance;
	const struct loop *loop;
	const spore_auth_request *request;
};

/* The component can recheck. [any] */
bool recheck_is_possible(const spore_component *component);
/* True: the answer is accepted, since its client was let in before. *grant_out: what the client was
 * granted then; NULL: out of memory. *age_ms_out: as of good_search_take. ticket: what
 * session_end() gets; not 0. */
bool recheck_allows(const struct recheck *recheck, spore_ticket ticket, struct grant **grant_out,
                    int64_t *age_ms_out);
/* The instance has said DENY or NEXT: removes the entry that would accept this answer. */
void recheck_forget(const struct recheck *recheck);

#endif
