#include "server/revalidation.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "host/grant.h"
#include "log/log.h"
#include "loop/loop.h"
#include "session/context.h"
#include "session/server_session.h"

struct revalidation {
	struct loop_task task;
	struct server_worker *worker;
	struct revision revision;
	/* Copies that the revision points to, if it has them. */
	uint64_t session;
	struct grant *grant; /* owned */
	char identity[];
};

static void run_revalidation(struct loop_task *task)
{
	struct revalidation *r = CONTAINER_OF(task, struct revalidation, task);

	server_sessions_revise(r->worker, &r->revision);
	grant_free(r->grant);
	free(r);
}

/* NULL: out of memory. */
static struct revalidation *make_revalidation(const struct revision *revision)
{
	struct revalidation *r = calloc(1, sizeof *r + revision->identity.len + 1);

	if (!r)
		return NULL;
	r->revision = *revision;
	if (revision->session) {
		r->session = *revision->session;
		r->revision.session = &r->session;
	}
	if (revision->identity.len)
		memcpy(r->identity, revision->identity.ptr, revision->identity.len);
	r->revision.identity.ptr = r->identity;
	r->revision.grant = r->grant = revision->grant ? grant_copy(revision->grant) : NULL;
	if (!revision->grant || r->grant)
		return r;
	free(r);
	return NULL;
}

void revalidation_post(struct server_worker *worker, const struct revision *revision)
{
	struct revalidation *r = make_revalidation(revision);

	if (!r) {
		log_error("sessions not revalidated: out of memory",
		          log_int("worker", loop_index(worker->loop)));
		return;
	}
	r->task.run = run_revalidation;
	r->worker = worker;
	loop_post(worker->loop, &r->task);
}
