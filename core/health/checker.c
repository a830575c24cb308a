#include "health/checker.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "log/log.h"
#include "log/status.h"
#include "thread/guest.h"

static const spore_check_ops *ops_of(const struct instance *instance)
{
	return instance->component->ops;
}

const struct instance *checker_find(const struct plugin_set *set, const char *name)
{
	const struct chain *chain = set->chains[CHAIN_CHECKS];

	for (size_t i = 0; i < chain->n; i++) {
		if (strcmp(chain->items[i]->name, name) == 0)
			return chain->items[i];
	}
	return NULL;
}

size_t checker_request(const struct instance *checker, const struct loop *loop,
                       const spore_check_target *target, char out[SPORE_CHECK_REQUEST_MAX])
{
	int64_t began_ns = clock_ns();
	size_t len;

	guest_enter(checker->name, "request");
	len = ops_of(checker)->request(instance_state(checker, loop), target, out,
	                               SPORE_CHECK_REQUEST_MAX);
	guest_leave();
	meter_call(&checker->meter, loop, CHECK_REQUEST, began_ns);
	if (len <= SPORE_CHECK_REQUEST_MAX)
		return len;
	log_error("check plugin returned a request that is too long, nothing was sent",
	          log_str("plugin", checker->name), log_int("bytes", (int64_t)len));
	return 0;
}

/* Copies the reason, up to the first byte that is not UTF-8. */
static void keep_why(const char why[SPORE_CHECK_WHY_SIZE], char out[SPORE_CHECK_WHY_SIZE])
{
	size_t len = strnlen(why, SPORE_CHECK_WHY_SIZE - 1);

	utf8_is_valid(why, len, &len);
	memcpy(out, why, len);
	out[len] = '\0';
	if (len == 0)
		snprintf(out, SPORE_CHECK_WHY_SIZE, "its reply is not the one that was expected");
}

static enum checker_verdict take_result(const struct instance *checker, int32_t result,
                                        const char *why, char why_out[SPORE_CHECK_WHY_SIZE])
{
	char text[STATUS_TEXT_SIZE];

	why_out[0] = '\0';
	switch (result) {
	case SPORE_CHECK_UP:
		return CHECKER_UP;
	case SPORE_CHECK_MORE:
		return CHECKER_MORE;
	case SPORE_CHECK_DOWN:
		keep_why(why, why_out);
		return CHECKER_DOWN;
	default:
		log_error("check plugin returned no result, the service counts as down",
		          log_str("plugin", checker->name),
		          log_str("status", status_text(result, text)));
		snprintf(why_out, SPORE_CHECK_WHY_SIZE, "check plugin %.64s returned no result",
		         checker->name);
		return CHECKER_DOWN;
	}
}

enum checker_verdict checker_judge(const struct instance *checker, const struct loop *loop,
                                   const spore_check_target *target, const spore_check_reply *reply,
                                   char why_out[SPORE_CHECK_WHY_SIZE])
{
	spore_check_result result = { .struct_size = sizeof result };
	spore_check_reply seen = *reply;
	int64_t began_ns = clock_ns();
	int32_t verdict;

	seen.struct_size = sizeof seen;
	guest_enter(checker->name, "judge");
	verdict = ops_of(checker)->judge(instance_state(checker, loop), target, &seen, &result);
	guest_leave();
	meter_call(&checker->meter, loop, CHECK_JUDGE, began_ns);
	return take_result(checker, verdict, result.why, why_out);
}
