#include "server/workers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "choose/chooser.h"
#include "loop/call.h"
#include "loop/loop.h"
#include "loop/survey.h"
#include "server/control_port.h"
#include "server/routed_ports.h"
#include "server/server_env.h"
#include "server/server_worker.h"
#include "session/context.h"

/* ---- life ---- */

struct open_args {
	struct server_worker *worker;
	struct server_shared *shared;
	struct loop *loop;
	struct server_worker_terms terms;
	bool opened;
};

static void run_open(void *arg)
{
	struct open_args *args = arg;

	args->opened = server_worker_open(args->worker, args->shared, args->loop, &args->terms);
}

struct receive_args {
	struct server_worker *worker;
	const struct given_sockets *visitors;
	unsigned index, n_workers;
};

/* The worker's part of the visitors. */
static void run_receive(void *arg)
{
	const struct receive_args *args = arg;
	const struct given_sockets *visitors = args->visitors;

	for (unsigned i = args->index; i < visitors->n; i += args->n_workers) {
		int fd = fcntl(visitors->fds[i], F_DUPFD_CLOEXEC, 0);

		if (fd >= 0)
			choosers_receive(args->worker, fd);
	}
}

static void run_close(void *arg)
{
	server_worker_close(arg);
}

/* Opens the sockets of the index-th worker. False: none is open; *err and *at_fault_out. */
static bool open_sockets(const struct server_env *env, const struct config *config, unsigned index,
                         struct server_worker_terms *terms, const struct json **at_fault_out,
                         struct err *err)
{
	size_t at_fault;

	if (!control_port_open(&env->given, &config->settings.server, index, &terms->sockets,
	                       &at_fault, err)) {
		*at_fault_out = control_port_fault(config, at_fault, errno);
		return false;
	}
	terms->shared = routed_ports_open(
		&(struct routed_ports_plan){ .config = config,
	                                     .given = &env->shared,
	                                     .worker = index,
	                                     .n_workers = env->n_workers },
		at_fault_out, err);
	if (!terms->shared)
		sock_close_all(&terms->sockets);
	return terms->shared != NULL;
}

bool workers_open(struct workers *workers, const struct server_env *env,
                  struct server_shared *shared, struct plugin_set *set, const struct limits *limits,
                  const struct json **at_fault_out, struct err *err)
{
	*workers = (struct workers){ .main_loop = env->main_loop, .loops = env->loops };
	workers->items = calloc(env->n_workers, sizeof *workers->items);
	if (!workers->items) {
		err_set(err, "out of memory");
		return false;
	}
	if (!control_port_take(&env->given, &set->config->settings.server, env->n_workers, err))
		return false;
	for (unsigned i = 0; i < env->n_workers; i++) {
		struct open_args args = { .worker = &workers->items[i],
			                  .shared = shared,
			                  .loop = env->loops[i],
			                  .terms = { .set = set, .limits = limits } };

		if (!open_sockets(env, set->config, i, &args.terms, at_fault_out, err))
			return false;
		loop_call(env->loops[i], run_open, &args);
		free(args.terms.shared);
		workers->n++;
		if (!args.opened) {
			err_set(err, "out of memory");
			return false;
		}
	}
	return true;
}

void workers_receive(struct workers *workers, const struct given_sockets *visitors)
{
	for (unsigned i = 0; i < workers->n; i++)
		loop_call(workers->loops[i], run_receive,
		          &(struct receive_args){ &workers->items[i], visitors, i, workers->n });
}

void workers_close(struct workers *workers)
{
	for (unsigned i = 0; i < workers->n; i++)
		loop_call(workers->loops[i], run_close, &workers->items[i]);
	/* The second round runs answers that workers have posted in the first. */
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < workers->n; i++)
			loop_settle(workers->loops[i]);
	}
}

void workers_fini(struct workers *workers)
{
	free(workers->items);
	*workers = (struct workers){ 0 };
}

/* ---- questions ---- */

struct survey *workers_survey(const struct workers *workers, const struct survey_plan *plan)
{
	struct survey_plan full = *plan;

	full.home = workers->main_loop;
	full.loops = workers->loops;
	full.n = workers->n;
	return survey_start(&full);
}

struct errand {
	struct server_worker *workers;
	void (*fn)(struct server_worker *worker);
};

/* [worker] */
static void *run_errand(unsigned index, const void *question)
{
	const struct errand *errand = question;
	struct server_worker *worker = &errand->workers[index];

	errand->fn(worker);
	return worker;
}

struct survey *workers_tell(const struct workers *workers, void (*fn)(struct server_worker *worker),
                            int64_t wait_ms, void (*done)(struct survey *survey, void *arg),
                            void *arg)
{
	struct errand errand = { workers->items, fn };

	return workers_survey(workers, &(struct survey_plan){ .wait_ms = wait_ms,
	                                                      .question = &errand,
	                                                      .size = sizeof errand,
	                                                      .ask = run_errand,
	                                                      .done = done,
	                                                      .arg = arg });
}

bool workers_have_answered(const struct workers *workers, const struct survey *survey)
{
	unsigned n = 0;

	while (n < workers->n && survey_answer(survey, n))
		n++;
	return n == workers->n;
}
