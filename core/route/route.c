#include "route/route.h"

#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "chain/plugin_set.h"
#include "log/log.h"
#include "log/status.h"
#include "thread/guest.h"

static int32_t ask_instance(const struct instance *instance, const struct loop *loop,
                            const spore_route_query *query, spore_route_result *result)
{
	const spore_route_ops *ops = instance->component->ops;
	int64_t began_ns = clock_ns();
	int32_t verdict;

	*result = (spore_route_result){ .struct_size = sizeof *result };
	guest_enter(instance->name, "look");
	verdict = ops->look(instance_state(instance, loop), query, result);
	guest_leave();
	meter_call(&instance->meter, loop, ROUTE_LOOK, began_ns);
	return verdict;
}

/* Copies the reason, up to the first byte that is not UTF-8. */
static enum route_verdict refuse(struct route_answer *answer, const char *reason)
{
	size_t len = strnlen(reason, SPORE_ROUTE_REASON_SIZE - 1);

	utf8_is_valid(reason, len, &len);
	memcpy(answer->reason, reason, len);
	answer->reason[len] = '\0';
	return ROUTE_REFUSED;
}

static enum route_verdict refuse_fault(struct route_answer *answer, const struct instance *instance,
                                       int32_t verdict)
{
	char text[STATUS_TEXT_SIZE];

	log_error("route returned no verdict, visitor refused", log_str("plugin", instance->name),
	          log_str("status", status_text(verdict, text)));
	return refuse(answer, "the plugin returned no verdict");
}

/* A name without its NUL is not a name. */
static enum route_verdict take_name(struct route_answer *answer, const spore_route_result *result)
{
	size_t len = strnlen(result->name, sizeof result->name);

	if (len == 0 || len == sizeof result->name)
		return ROUTE_NONE;
	memcpy(answer->name, result->name, len + 1);
	return ROUTE_NAME;
}

static void take_reply(struct route_answer *answer, const spore_route_result *result)
{
	if (result->reply.ptr && result->reply.len <= SPORE_ROUTE_REPLY_MAX)
		answer->reply = result->reply;
}

static enum route_verdict await_more(struct route_answer *answer, const spore_route_result *result,
                                     const struct route_question *question)
{
	if (question->is_end)
		return ROUTE_NONE;
	answer->need = result->need > question->head.len ? result->need : question->head.len + 1;
	return ROUTE_MORE;
}

enum route_verdict route_ask(const struct chain *chain, const struct loop *loop,
                             const struct route_question *question, struct route_answer *answer_out)
{
	spore_route_query query = {
		.struct_size = sizeof query,
		.is_end = question->is_end,
		.head = question->head,
		.peer = question->peer,
		.local = question->local,
		.listener = spore_cstr(question->listener),
		.conn = question->conn,
	};
	spore_route_result result;

	answer_out->by = NULL;
	answer_out->need = 0;
	answer_out->reply = (spore_str){ NULL, 0 };
	answer_out->name[0] = answer_out->reason[0] = '\0';
	for (size_t i = 0; i < chain->n; i++) {
		const struct instance *instance = chain->items[i];
		int32_t verdict = ask_instance(instance, loop, &query, &result);

		if (verdict == SPORE_NEXT)
			continue;
		answer_out->by = instance;
		switch (verdict) {
		case SPORE_ROUTE_MORE:
			return await_more(answer_out, &result, question);
		case SPORE_ROUTE_NAME:
			take_reply(answer_out, &result);
			return take_name(answer_out, &result);
		case SPORE_ROUTE_NONE:
			take_reply(answer_out, &result);
			return ROUTE_NONE;
		case SPORE_DENY:
			return refuse(answer_out, result.reason);
		default:
			return refuse_fault(answer_out, instance, verdict);
		}
	}
	return ROUTE_NONE;
}
