#include "services/revalidate.h"

#include "host/grant.h"
#include "host/instance.h"
#include "host/last_good.h"
#include "log/mistake.h"
#include "services/backing.h"

static const char *revalidation_fault(const spore_ctx *ctx, spore_str identity, int32_t verdict,
                                      const spore_auth_result *result)
{
	if (!ctx)
		return "ctx: NULL";
	if (verdict != SPORE_DENY && verdict != SPORE_ALLOW)
		return "verdict: neither SPORE_ALLOW nor SPORE_DENY";
	if (verdict == SPORE_ALLOW && result && grant_fault(result))
		return grant_fault(result);
	return identity_fault(identity);
}

static void change_last_good(const struct instance *instance, const struct revision *revision)
{
	if (instance->last_good && revision->grant)
		last_good_change(instance->last_good, revision->identity, revision->session,
		                 revision->grant);
	else if (instance->last_good)
		last_good_forget(instance->last_good, revision->identity, revision->session);
}

/* In this order: an ALLOW on its way is old from the first step on, so it neither gets an entry
 * after the second one nor becomes a session after the third one. */
static void revise(struct instance *instance, const struct revision *revision)
{
	revisions_add(&instance->revisions, revision->identity);
	change_last_good(instance, revision);
	backing()->revise(backing()->revise_arg, revision);
}

/* session: NULL for all. `function` is its name. */
static spore_status revalidate(const char *function, spore_ctx *ctx, spore_str identity,
                               const uint64_t *session, int32_t verdict,
                               const spore_auth_result *result)
{
	const char *fault = revalidation_fault(ctx, identity, verdict, result);
	struct grant *grant = NULL;

	if (fault)
		return mistake(backing_name(ctx), function, fault);
	if (!backing()->revise)
		return SPORE_EUNSUPPORTED;
	if (verdict == SPORE_ALLOW && !(grant = grant_new(result)))
		return SPORE_ENOMEM;
	revise(instance_of(ctx), &(struct revision){ instance_of(ctx), identity, session, grant });
	grant_free(grant);
	return SPORE_OK;
}

spore_status host_auth_revalidate(spore_ctx *ctx, spore_str identity, int32_t verdict,
                                  const spore_auth_result *result)
{
	return revalidate("auth_revalidate", ctx, identity, NULL, verdict, result);
}

spore_status host_auth_revalidate_session(spore_ctx *ctx, spore_str identity, uint64_t session,
                                          int32_t verdict, const spore_auth_result *result)
{
	return revalidate("auth_revalidate_session", ctx, identity, &session, verdict, result);
}
