#include "trial.h"

#include <stdlib.h>

static void free_trial(struct trial *trial)
{
	explicit_bzero(trial, sizeof *trial);
	free(trial);
}

static void try_password(void *arg)
{
	struct trial *trial = arg;
	const struct member *member = trial->member;

	if (atomic_load(&trial->cancelled))
		return;
	trial->says = hash_check(member->hash, trial->answer.password);
	if (trial->says == HASH_RIGHT && !trial->obstacle)
		seal_close(member->seal, trial->host,
		           hash_reads(member->hash, trial->answer.password));
}

static void end_trial(void *arg)
{
	struct trial *trial = arg;

	*trial->link = trial->next;
	if (trial->next)
		trial->next->link = trial->link;
	if (!atomic_load(&trial->cancelled))
		trial->on_done(trial);
	free_trial(trial);
}

spore_status trial_start(struct trial **list, const struct trial_order *order)
{
	struct trial *trial = calloc(1, sizeof *trial);
	spore_status status;

	if (!trial)
		return SPORE_ENOMEM;
	trial->owner = order->owner;
	trial->ticket = order->ticket;
	trial->answer = *order->answer;
	trial->member = order->member;
	trial->obstacle = order->obstacle;
	trial->host = order->host;
	trial->on_done = order->on_done;
	status = order->host->offload(order->worker, try_password, end_trial, trial);
	if (status != SPORE_OK) {
		free_trial(trial);
		return status;
	}
	trial->next = *list;
	trial->link = list;
	if (*list)
		(*list)->link = &trial->next;
	*list = trial;
	return SPORE_OK;
}

void trial_cancel(struct trial *list, spore_ticket ticket)
{
	for (struct trial *trial = list; trial; trial = trial->next) {
		if (trial->ticket == ticket)
			atomic_store(&trial->cancelled, true);
	}
}
