#include "attempt.h"

#include <stdlib.h>

struct attempt *attempt_new(void)
{
	struct attempt *attempt = calloc(1, sizeof *attempt);

	if (attempt)
		atomic_init(&attempt->cancelled, false);
	return attempt;
}

void attempt_free(struct attempt *attempt)
{
	if (!attempt)
		return;
	explicit_bzero(attempt, sizeof *attempt);
	free(attempt);
}

static void run(void *arg)
{
	struct attempt *attempt = arg;

	attempt->inquiry.name = attempt->name;
	attempt->inquiry.password = attempt->purpose == SPORE_AUTH_RENEW ? NULL : attempt->password;
	if (!atomic_load(&attempt->cancelled))
		directory_ask(&attempt->all->directory, &attempt->inquiry);
}

static void finish(void *arg)
{
	struct attempt *attempt = arg;

	*attempt->link = attempt->next;
	if (attempt->next)
		attempt->next->link = attempt->link;
	if (!atomic_load(&attempt->cancelled))
		attempt->on_done(attempt);
	attempt_free(attempt);
}

spore_status attempt_start(struct attempt *attempt, spore_worker *worker, struct attempt **list,
                           void (*on_done)(struct attempt *attempt))
{
	spore_status status;

	attempt->on_done = on_done;
	status = attempt->all->host->offload(worker, run, finish, attempt);
	if (status != SPORE_OK)
		return status;
	attempt->next = *list;
	attempt->link = list;
	if (*list)
		(*list)->link = &attempt->next;
	*list = attempt;
	return SPORE_OK;
}

void attempt_cancel(struct attempt *list, spore_ticket ticket)
{
	for (struct attempt *attempt = list; attempt; attempt = attempt->next) {
		if (attempt->ticket == ticket)
			atomic_store(&attempt->cancelled, true);
	}
}
