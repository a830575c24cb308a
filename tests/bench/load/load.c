/*
 * spore-bench-load: the visitors' side of a measurement. It loads one port on 127.0.0.1, behind
 * which spore-bench-service answers, directly or through a tunnel, and prints one JSON line.
 *
 * Exit status: 0 without errors, 1 with errors (the line lists them), 2 for a wrong command line.
 */
#include "../loopback.h"
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct scenario *const scenarios[] = {
	&bulk_up, &bulk_down, &pingpong, &churn, &hold, NULL,
};

/* The share of worker `index` of `all` in `whole`; the first workers get the remainder. */
static uint64_t share_of(uint64_t whole, unsigned all, unsigned index)
{
	return whole / all + (index < whole % all ? 1 : 0);
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	worker->has_run = worker->plan->scenario->run(worker);
	return NULL;
}

static void prepare(struct worker *workers, const struct plan *plan)
{
	unsigned first = 0;

	for (unsigned i = 0; i < plan->threads; i++) {
		workers[i].plan = plan;
		workers[i].first = first;
		workers[i].connections = (unsigned)share_of(plan->connections, plan->threads, i);
		workers[i].count = share_of(plan->count, plan->threads, i);
		first += workers[i].connections;
	}
}

/* The first worker runs in the main thread: the kernel looks up descriptors faster in a process
 * that has only one. */
static bool run_all(struct worker *workers, unsigned count)
{
	unsigned started = 1;
	int error = 0;

	while (started < count && error == 0) {
		error = pthread_create(&workers[started].thread, NULL, work, &workers[started]);
		if (error == 0)
			started++;
		else
			fprintf(stderr, "cannot start a thread: %s\n", strerror(error));
	}
	if (error == 0)
		work(&workers[0]);
	for (unsigned i = 1; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	return error == 0;
}

static bool run_plan(const struct plan *plan, struct worker *workers)
{
	struct tally *sum = &workers[0].tally;
	bool has_run;

	prepare(workers, plan);
	has_run = run_all(workers, plan->threads);
	for (unsigned i = 0; i < plan->threads; i++) {
		has_run = has_run && workers[i].has_run;
		if (i > 0)
			tally_merge(sum, &workers[i].tally);
	}
	if (has_run)
		tally_print(sum, plan);
	return has_run && tally_failures(sum) == 0;
}

int main(int argc, char **argv)
{
	struct plan plan;
	struct worker *workers;
	bool fine;

	if (!plan_parse(&plan, scenarios, argc, argv))
		return 2;
	loopback_raise_limit();
	workers = calloc(plan.threads, sizeof(*workers));
	if (workers == NULL) {
		perror("calloc");
		return 1;
	}
	fine = run_plan(&plan, workers);
	free(workers);
	return fine ? 0 : 1;
}
