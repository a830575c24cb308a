#include "chain/recheck.h"

#include "base/clock.h"
#include "base/container.h"
#include "host/instance.h"
#include "host/last_good.h"
#include "log/mistake.h"
#include "loop/loop.h"
#include "thread/guest.h"

struct held {
	spore_held base;
	struct good_search search;
};

static const spore_verifier *next_verifier(const spore_held *base, uint64_t hint)
{
	struct held *held = CONTAINER_OF((spore_held *)(uintptr_t)base, struct held, base);

	return good_search_next(&held->search, hint);
}

bool recheck_is_possible(const spore_component *component)
{
	const spore_auth_ops *ops = component->ops;

	return component->kind == SPORE_KIND_AUTH && SPORE_CAN(ops, recheck);
}

static void init_held(struct held *held, const struct recheck *recheck)
{
	const struct instance *instance = recheck->instance;
	const spore_auth_request *rq = recheck->request;

	*held = (struct held){
		.base = { .struct_size = sizeof held->base, .next = next_verifier },
		.search = { .store = instance->last_good,
		            .now_ms = clock_ms(),
		            .for_ms = instance->last_good_ms,
		            .session = rq->purpose == SPORE_AUTH_DATA ? &rq->session : NULL },
	};
}

/* True: the plugin accepts the answer. The last verifier that it was given fits the answer. */
static bool ask(const struct recheck *recheck, struct held *held, spore_ticket ticket)
{
	struct instance *instance = recheck->instance;
	const spore_auth_ops *ops = instance->component->ops;
	int32_t verdict;

	guest_enter(instance->name, "recheck");
	verdict = ops->recheck(instance_state(instance, recheck->loop), recheck->request, ticket,
	                       &held->base);
	guest_leave();
	if (verdict != SPORE_ALLOW)
		return false;
	if (good_search_has_shown(&held->search))
		return true;
	mistake(instance->name, "recheck", "returned SPORE_ALLOW without a verifier");
	return false;
}

bool recheck_allows(const struct recheck *recheck, spore_ticket ticket, struct grant **grant_out,
                    int64_t *age_ms_out)
{
	struct held held;
	bool allowed;

	*grant_out = NULL;
	init_held(&held, recheck);
	allowed = ask(recheck, &held, ticket);
	if (allowed)
		*grant_out = good_search_take(&held.search, age_ms_out);
	good_search_fini(&held.search);
	return allowed;
}

/* A request that renews an open tunnel names the client, whose answer may be wiped by then. */
static void forget_identity(const struct recheck *recheck)
{
	const spore_auth_request *rq = recheck->request;

	if (rq->same_instance)
		last_good_forget(recheck->instance->last_good, rq->identity, NULL);
}

/* Without a ticket: nobody asks for the verdict, but for the verifier that fits the answer. */
void recheck_forget(const struct recheck *recheck)
{
	struct held held;

	if (recheck->request->purpose == SPORE_AUTH_RENEW) {
		forget_identity(recheck);
		return;
	}
	if (last_good_is_empty(recheck->instance->last_good))
		return;
	init_held(&held, recheck);
	if (ask(recheck, &held, 0))
		good_search_remove(&held.search);
	good_search_fini(&held.search);
}
