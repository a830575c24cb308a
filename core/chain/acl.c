#include "chain/acl.h"

#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "log/log.h"
#include "log/status.h"
#include "thread/guest.h"

static const spore_acl_ops *ops_of(const struct instance *instance)
{
	return instance->component->ops;
}

static int32_t ask_instance(const struct instance *instance, const struct loop *loop,
                            const spore_acl_query *query, spore_acl_result *result)
{
	int64_t began_ns = clock_ns();
	int32_t verdict;

	*result = (spore_acl_result){ .struct_size = sizeof *result };
	guest_enter(instance->name, "check");
	verdict = ops_of(instance)->check(instance_state(instance, loop), query, result);
	guest_leave();
	meter_call(&instance->meter, loop, ACL_CHECK, began_ns);
	return verdict;
}

/* Copies the reason, up to the first byte that is not UTF-8. */
static void keep_reason(struct acl_answer *answer, const char reason[SPORE_ACL_REASON_SIZE])
{
	size_t len = strnlen(reason, SPORE_ACL_REASON_SIZE - 1);

	utf8_is_valid(reason, len, &len);
	memcpy(answer->reason, reason, len);
	answer->reason[len] = '\0';
}

static void deny(struct acl_answer *answer, struct instance *instance, int32_t verdict,
                 const char *reason)
{
	char text[STATUS_TEXT_SIZE];

	if (verdict != SPORE_DENY)
		log_error("access list returned no verdict, connection denied",
		          log_str("plugin", instance->name),
		          log_str("status", status_text(verdict, text)));
	answer->by = instance;
	keep_reason(answer, reason);
}

/* A rate of 0 does not limit anything. */
static uint64_t lower_rate(uint64_t a, uint64_t b)
{
	if (a == 0)
		return b;
	if (b == 0)
		return a;
	return a < b ? a : b;
}

bool acl_would_allow(const struct plugin_set *set, size_t id, const struct loop *loop,
                     const struct acl_question *question, struct acl_answer *answer_out)
{
	const struct chain *chain = set->chains[id];
	spore_acl_query query = {
		.struct_size = sizeof query,
		.point = set->config->chains[id].row->point,
		.peer = question->peer,
		.local = question->local,
		.identity = spore_cstr(question->identity),
		.conn = question->conn,
	};

	answer_out->by = NULL;
	answer_out->reason[0] = '\0';
	answer_out->rate = 0;
	for (size_t i = 0; i < chain->n; i++) {
		spore_acl_result result;
		int32_t verdict = ask_instance(chain->items[i], loop, &query, &result);

		if (verdict != SPORE_ALLOW && verdict != SPORE_NEXT) {
			deny(answer_out, chain->items[i], verdict, result.reason);
			return false;
		}
		answer_out->rate = lower_rate(result.rate, answer_out->rate);
		if (verdict == SPORE_ALLOW)
			return true;
	}
	return true;
}

bool acl_allows(const struct plugin_set *set, size_t id, const struct loop *loop,
                const struct acl_question *question, struct acl_answer *answer_out)
{
	if (acl_would_allow(set, id, loop, question, answer_out))
		return true;
	refusals_count(&answer_out->by->refusals, loop, answer_out->reason);
	return false;
}

bool acl_wants_conn(const struct plugin_set *set, size_t id)
{
	const struct chain *chain = set->chains[id];

	for (size_t i = 0; i < chain->n; i++) {
		if (ops_of(chain->items[i])->flags & SPORE_ACLF_CONN)
			return true;
	}
	return false;
}
