#include "verdict/allowance.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "host/instance.h"
#include "host/last_good.h"
#include "thread/guest.h"
#include "wire/about.h"

static void drop(struct allowance *allowance)
{
	if (atomic_fetch_sub_explicit(&allowance->holders, 1, memory_order_acq_rel) > 1)
		return;
	grant_free(allowance->grant);
	free(allowance);
}

static void tell_end(const struct allowance *allowance, const spore_session_end *used)
{
	struct instance *by = allowance->by;
	const spore_auth_ops *ops = by->component->ops;
	const struct grant *grant = allowance->grant;
	spore_session_end end = used ? *used : (spore_session_end){ .port = 0 };
	struct about_view nothing;

	if (!SPORE_CAN(ops, session_end))
		return;
	about_look(NULL, &nothing);
	if (!end.client)
		end.client = &nothing.info;
	end.struct_size = sizeof end;
	end.reason = allowance->reason;
	end.ticket = allowance->ticket;
	end.session = grant ? grant->session : 0;
	end.identity = spore_cstr(grant ? grant->identity : "");
	end.life_ms = clock_ms() - allowance->since_ms;
	guest_enter(by->name, "session_end");
	ops->session_end(instance_state(by, allowance->loop), &end);
	guest_leave();
}

/* The pool's call has returned an ALLOW that came too late. Leaves the instance's worker at the
 * end, so that the instance does not stop before session_end(). */
static void run_late(struct loop_task *task)
{
	struct allowance *allowance = CONTAINER_OF(task, struct allowance, late);
	struct spore_worker *entered = allowance->entered;

	allowance->since_ms = clock_ms();
	tell_end(allowance, NULL);
	drop(allowance);
	instance_leave(entered);
}

struct allowance *allowance_new(struct instance *by, struct loop *loop, spore_ticket ticket)
{
	struct allowance *allowance = calloc(1, sizeof *allowance);

	if (!allowance)
		return NULL;
	allowance->by = instance_ref(by);
	allowance->ticket = ticket;
	allowance->asked = revisions_stamp(&by->revisions);
	allowance->loop = loop;
	allowance->reason = SPORE_END_CLOSED;
	atomic_init(&allowance->completed, false);
	atomic_init(&allowance->holders, 1);
	allowance->late.run = run_late;
	return allowance;
}

bool allowance_give(struct allowance *allowance, struct grant *grant, struct ticks_run made)
{
	revision_stamp_pass(&allowance->asked, made);
	allowance->given = true;
	allowance->since_ms = clock_ms();
	allowance->grant = grant ? grant : grant_new(NULL);
	if (grant)
		allowance->good = last_good_put(allowance->by->last_good, grant, &allowance->asked,
		                                allowance->since_ms);
	return allowance->grant != NULL;
}

bool allowance_is_old(const struct allowance *allowance)
{
	return allowance->grant &&
	       revision_stamp_is_old(&allowance->asked, spore_cstr(allowance->grant->identity));
}

bool allowance_is_concerned(const struct allowance *allowance, const struct revision *revision)
{
	return allowance && allowance->grant &&
	       revision_concerns(revision, allowance->by, allowance->grant->identity,
	                         allowance->grant->session);
}

bool allowance_change(struct allowance *allowance, const struct grant *policy)
{
	return policy && grant_renew(&allowance->grant, policy);
}

void allowance_end(struct allowance *allowance, uint32_t reason, const spore_session_end *used)
{
	struct instance *by = allowance_by(allowance);

	if (!allowance)
		return;
	allowance->reason = reason;
	if (allowance->given)
		tell_end(allowance, used);
	last_good_release(by->last_good, allowance->good, clock_ms());
	allowance->good = NULL;
	drop(allowance);
	instance_unref(by);
}

void allowance_hold(struct allowance *allowance)
{
	atomic_fetch_add_explicit(&allowance->holders, 1, memory_order_relaxed);
}

void allowance_settle(struct allowance *allowance, bool allowed, struct spore_worker *entered)
{
	if (allowance && allowed && !atomic_load(&allowance->completed)) {
		allowance->entered = entered;
		loop_post(allowance->loop, &allowance->late);
		return;
	}
	if (allowance)
		drop(allowance);
	instance_leave(entered);
}
