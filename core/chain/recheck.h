/* recheck - asks an auth instance whether an answer fits a client that it has accepted before
 * (host/last_good). The instance does not ask its back-end. [worker] */
#ifndef CORE_RECHECK_H
#define CORE_RECHECK_H

#include <spore/auth.h>
#include <stdbool.h>

struct grant;
struct instance;
struct loop;

/* The question about one answer. The instance could not judge this answer, or has denied it. The
 * pointers are borrowed. */
struct recheck {
	struct instance *instance;
	const struct loop *loop;
	const spore_auth_request *request;
};

/* True if the component implements the function `recheck`. [any] */
bool recheck_is_possible(const spore_component *component);
/* True: the answer is accepted, since its client was let in before. *grant_out: what the client was
 * granted then; NULL: out of memory. *age_ms_out: the same as for good_search_take(). ticket: the
 * ticket that session_end() gets later; not 0. */
bool recheck_allows(const struct recheck *recheck, spore_ticket ticket, struct grant **grant_out,
                    int64_t *age_ms_out);
/* The instance has said DENY or NEXT: removes the entry that would accept this answer. */
void recheck_forget(const struct recheck *recheck);

#endif
