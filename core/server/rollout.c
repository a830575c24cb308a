#include "server/rollout.h"

#include <stdlib.h>

#include "chain/plugin_set.h"
#include "loop/survey.h"
#include "review/review_round.h"
#include "server/control_port.h"
#include "server/routed_ports.h"
#include "server/server_env.h"
#include "server/server_worker.h"
#include "server/workers.h"
#include "session/context.h"

/* What every worker gets: its sockets, which it takes over, and a reference to the set, which
 * it gives back. */
struct rollout {
	struct server_worker *workers;
	struct plugin_set *set;
	struct limits limits;
	struct review_round *round;                 /* each worker is a finder of it */
	struct sockets sockets[SERVER_MAX_WORKERS]; /* none: the worker keeps those it has */
	struct sockets *shared[SERVER_MAX_WORKERS]; /* each owned: of its routed ports */
};

static void close_all(struct rollout *rollout, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		sock_close_all(&rollout->sockets[i]);
		routed_ports_close(rollout->set->config, rollout->shared[i]);
	}
}

/* Opens a new socket for every worker, before any old one closes. False: *err; some may be open. */
static bool open_control_ports(const struct rollout_spec *spec, struct rollout *rollout,
                               struct err *err)
{
	const struct server_settings *now = &spec->before->config->settings.server;
	const struct server_settings *next = &rollout->set->config->settings.server;
	/* The old sockets are on the port, so a new one that is not shared might not be bound. */
	bool is_same_port = now->control_port == next->control_port;
	size_t at_fault;

	if (!control_port_moves(now, next))
		return true;
	if (spec->control_is_given) {
		err_set(err,
		        "the control port is a socket of the service manager and cannot move in a "
		        "reload: change ListenStream= of the socket unit, and restart both units");
		return false;
	}
	for (unsigned i = 0; i < spec->workers->n; i++) {
		if (!control_port_bind(next, is_same_port || i > 0, &rollout->sockets[i], &at_fault,
		                       err))
			return false;
	}
	return true;
}

/* The same at the routed ports. */
static bool open_routed_ports(const struct rollout_spec *spec, struct rollout *rollout,
                              struct err *err)
{
	const struct config *next = rollout->set->config, *now = spec->before->config;
	const struct json *at_fault;

	for (unsigned i = 0; i < spec->workers->n; i++) {
		rollout->shared[i] = routed_ports_open(
			&(struct routed_ports_plan){ .config = next, .before = now, .worker = i },
			&at_fault, err);
		if (!rollout->shared[i])
			return false;
	}
	return true;
}

/* [worker] */
static void *take_set(unsigned index, const void *question)
{
	const struct rollout *rollout = question;
	struct server_worker *worker = &rollout->workers[index];
	struct server_worker_terms terms = { .set = rollout->set,
		                             .limits = &rollout->limits,
		                             .sockets = rollout->sockets[index],
		                             .shared = rollout->shared[index],
		                             .round = rollout->round };

	server_worker_renew(worker, &terms);
	free(terms.shared);
	review_round_found_all(rollout->round);
	plugin_set_unref(rollout->set);
	return worker;
}

/* Each worker gets a reference to the set. NULL: out of memory, and none has got one. */
static struct survey *offer_set(const struct workers *workers, const struct rollout *rollout,
                                int64_t wait_ms, void (*taken)(struct survey *survey, void *arg),
                                void *arg)
{
	struct survey *survey;

	for (unsigned i = 0; i < workers->n; i++)
		plugin_set_ref(rollout->set);
	survey = workers_survey(workers, &(struct survey_plan){ .wait_ms = wait_ms,
	                                                        .question = rollout,
	                                                        .size = sizeof *rollout,
	                                                        .ask = take_set,
	                                                        .done = taken,
	                                                        .arg = arg });
	for (unsigned i = 0; !survey && i < workers->n; i++) {
		review_round_found_all(rollout->round);
		plugin_set_unref(rollout->set);
	}
	return survey;
}

struct survey *rollout_start(const struct rollout_spec *spec, int64_t wait_ms,
                             void (*taken)(struct survey *survey, void *arg), void *arg,
                             struct err *err)
{
	struct rollout rollout = { .workers = spec->workers->items,
		                   .set = spec->set,
		                   .limits = *spec->limits };
	struct survey *survey;

	if (!open_control_ports(spec, &rollout, err) || !open_routed_ports(spec, &rollout, err)) {
		close_all(&rollout, spec->workers->n);
		return NULL;
	}
	rollout.round = review_round_new(spec->workers->n);
	survey = offer_set(spec->workers, &rollout, wait_ms, taken, arg);
	if (!survey) {
		close_all(&rollout, spec->workers->n);
		err_set(err, "out of memory");
	}
	return survey;
}
