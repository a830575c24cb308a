#include "server/revalidation.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "log/log.h"
#include "loop/loop.h"
#include "session/context.h"
#include "session/tunnel_session.h"

struct revalidation {
	struct loop_task task;
	struct server_worker *worker;
	const struct instance *instance;
	int32_t verdict;
	struct grant *grant; /* owned; NULL with SPORE_DENY */
	char identity[];
};

static void run_revalidation(struct loop_task *task)
{
	struct revalidation *r = CONTAINER_OF(task, struct revalidation, task);

	tunnel_sessions_revalidate(r->worker, r->instance, r->identity, r->verdict, r->grant);
	grant_free(r->grant);
	free(r);
}

void revalidation_post(struct server_worker *worker, const struct instance *instance,
                       spore_str identity, int32_t verdict, const struct grant *grant)
{
	struct revalidation *r = calloc(1, sizeof *r + identity.len + 1);
	struct grant *copy = grant ? grant_copy(grant) : NULL;

	if (!r || (grant && !copy)) {
		log_error("sessions not revalidated: out of memory",
		          log_int("worker", loop_index(worker->loop)));
		grant_free(copy);
		free(r);
		return;
	}
	*r = (struct revalidation){ { .run = run_revalidation }, worker, instance, verdict, copy };
	if (identity.len)
		memcpy(r->identity, identity.ptr, identity.len);
	loop_post(worker->loop, &r->task);
}
