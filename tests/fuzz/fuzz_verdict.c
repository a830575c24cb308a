/* fuzz_verdict - the body of a reply to auth_http, which is the input: it is a verdict within
 * the bounds that the schemas state, or a mistake with a text. */
#include "fuzz.h"
#include "services/host.h"
#include "verdict.h"

static char ctx[64]; /* only logged with a mistake of the call */

static void check_terms(const struct terms *terms)
{
	const struct policy *policy = &terms->policy;

	FUZZ_CHECK(terms->n_ports <= TERMS_PORTS_MAX);
	for (uint32_t i = 0; i < terms->n_ports; i++)
		FUZZ_CHECK(terms->ports[i].lo >= 1 && terms->ports[i].lo <= terms->ports[i].hi);
	FUZZ_CHECK(policy->max_tunnels >= 0 && policy->max_tunnels <= POLICY_MAX_COUNT);
	FUZZ_CHECK(policy->max_conns >= 0 && policy->max_conns <= POLICY_MAX_COUNT);
	FUZZ_CHECK(policy->life >= 0 && policy->life <= POLICY_MAX_LIFE_MS);
	FUZZ_CHECK(terms->n_ports == 0 || policy->stated & SPORE_AUTH_F_PORTS);
	FUZZ_CHECK(policy->life == 0 || policy->stated & SPORE_AUTH_F_LIFE);
}

static void check(bool good, const struct verdict *verdict, const char *error)
{
	if (!good) {
		FUZZ_CHECK(*error && strlen(error) < 199);
		return;
	}
	FUZZ_CHECK(verdict->verdict == SPORE_ALLOW || verdict->verdict == SPORE_DENY ||
	           verdict->verdict == SPORE_NEXT);
	FUZZ_CHECK(verdict->verdict != SPORE_ALLOW || *verdict->known.identity);
	FUZZ_CHECK(verdict->life_ms >= 0 && verdict->life_ms <= VERDICT_LIFE_MAX_S * 1000);
	check_terms(&verdict->known.terms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_exact(data, size);
	spore_str body = { text, size };
	struct verdict verdict;
	char error[200];
	bool good;

	good = verdict_read(&verdict, host_table(), (spore_ctx *)(void *)ctx, body, error,
	                    sizeof error);
	check(good, &verdict, error);
	good = verdict_read_key(&verdict, host_table(), (spore_ctx *)(void *)ctx, body, "alice",
	                        error, sizeof error);
	check(good, &verdict, error);
	FUZZ_CHECK(!good || (verdict.has_key && verdict.verdict == SPORE_ALLOW));
	verdict_fini(&verdict);
	free(text);
	return 0;
}
