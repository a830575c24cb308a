#include "carry/failure.h"

#include "carry/ahead.h"
#include "carry/decline.h"
#include "carry/shared.h"

const struct net_failure failure_no_memory = { "out of memory", SHORTAGE_MEMORY };

void failure_decline(const struct ahead_pool *pool, enum client_failure cause,
                     const struct declined *declined)
{
	static const enum client_failure causes[] = {
		[SHORTAGE_DESCRIPTORS] = CLIENT_FAILURE_DESCRIPTORS,
		[SHORTAGE_FILES] = CLIENT_FAILURE_DESCRIPTORS,
		[SHORTAGE_MEMORY] = CLIENT_FAILURE_MEMORY,
	};
	enum client_failure why = declined->lacks ? causes[declined->lacks] : cause;

	client_stats_fail(&pool->worker->shared->stats, pool->worker->loop, why);
	decline_visitor(pool->decliner, declined);
}

const char *failure_text(enum shortage lacks, const char *otherwise)
{
	if (lacks == SHORTAGE_MEMORY)
		return "out of memory";
	return lacks ? "no descriptor is left" : otherwise;
}
