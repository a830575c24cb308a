#include "verdict/auth.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "host/ticket.h"
#include "log/log.h"
#include "log/status.h"
#include "loop/loop.h"
#include "net/stream.h"
#include "plugin/loader.h"
#include "thread/guest.h"
#include "verdict/auth_job.h"
#include "verdict/good_verdict.h"
#include "wire/about.h"

/* How often the question is repeated if the instance revises the identity while it is asked. */
enum { MAX_REPEATS = 3 };

static const spore_auth_ops *ops_of(const struct instance *instance)
{
	return instance->component->ops;
}

bool auth_renews_by_session(const struct instance *instance)
{
	return ops_of(instance)->flags & SPORE_AUTHF_RENEWS_BY_SESSION;
}

bool auth_challenge(const struct plugin_set *set, const spore_conn *conn,
                    struct uuid *challenge_out)
{
	unsigned offers = SPORE_OFFER_ABOUT | set->accepts;

	if (!uuid_random(challenge_out))
		return false;
	if (set->binds && auth_request_binding(conn).len)
		offers |= SPORE_OFFER_BINDS;
	if (!conn->secure)
		offers &= ~(unsigned)SPORE_OFFER_PASSWORDS;
	uuid_mark(challenge_out, offers);
	return true;
}

/* ---- the chain ---- */

static void on_verify_done(void *arg, struct ticket_result *result);

static struct instance *current_instance(const struct auth_run *run)
{
	const struct chain *chain = run->question.set->chains[CHAIN_AUTH];

	if (run->question.only)
		return run->at == 0 ? run->question.only : NULL;
	return run->at < chain->n ? chain->items[run->at] : NULL;
}

/* The plugin did not return SPORE_EPENDING. True if it has completed its ticket all the same: then
 * the returned value is ignored, and on_done gets the ticket's result. Otherwise closes the
 * ticket. */
static bool must_await_ticket(struct auth_run *run, const struct instance *instance,
                              int32_t returned, ticket_fn on_done)
{
	if (!ticket_redirect(run->ticket, on_done, run)) {
		run->ticket = 0;
		return false;
	}
	log_error("auth plugin completed its ticket but did not return SPORE_EPENDING",
	          log_str("plugin", instance->name), log_int("returned", returned),
	          log_str("counts", "the ticket's result"));
	return true;
}

/* Opens the ticket, with an allowance if an ALLOW would have an end. False: out of memory. */
static bool open_question(struct auth_run *run, struct instance *instance)
{
	struct loop *loop = stream_loop(run->question.stream);

	run->asked_ns = clock_ns();
	run->asked = revisions_stamp(&instance->revisions);
	run->ticket = ticket_open(loop, TICKET_VERIFY, on_verify_done, run);
	if (!run->ticket || run->question.purpose == SPORE_AUTH_DATA)
		return run->ticket != 0;
	run->allowance = allowance_new(instance, loop, run->ticket);
	if (run->allowance) {
		ticket_watch(run->ticket, &run->allowance->completed);
		return true;
	}
	ticket_close(run->ticket);
	run->ticket = 0;
	return false;
}

static int32_t ask_on_worker(const struct auth_run *run, const struct instance *instance)
{
	struct loop *loop = stream_loop(run->question.stream);
	struct auth_origin origin = auth_request_origin(&run->question, instance);
	struct about_view view;
	spore_auth_request rq = auth_request_verify(&run->question, &origin,
	                                            stream_conn(run->question.stream), &view);
	int32_t verdict;

	guest_enter(instance->name, "verify");
	verdict = ops_of(instance)->verify(instance_state(instance, loop), &rq, run->ticket);
	guest_leave();
	meter_call(&instance->meter, loop, AUTH_VERIFY, run->asked_ns);
	return verdict;
}

static int32_t ask_once(struct auth_run *run, struct instance *instance)
{
	int32_t verdict;

	if (!open_question(run, instance))
		return SPORE_ENOMEM;
	if (auth_job_is_needed(instance))
		verdict = auth_job_verify(instance, &run->question, run->ticket, run->allowance);
	else
		verdict = ask_on_worker(run, instance);
	if (verdict != SPORE_EPENDING && must_await_ticket(run, instance, verdict, on_verify_done))
		return SPORE_EPENDING;
	if (verdict == SPORE_ALLOW && run->allowance &&
	    !allowance_give(run->allowance, NULL, ticks_own()))
		return SPORE_ENOMEM;
	return verdict;
}

static void end_allowance(struct auth_run *run)
{
	allowance_end(run->allowance, SPORE_END_REFUSED, NULL);
	run->allowance = NULL;
}

/* An old ALLOW does not count: the instance is asked again, and then knows what has changed.
 * Returns the verdict that counts. */
static int32_t refresh_verdict(struct auth_run *run, struct instance *instance, int32_t verdict)
{
	while (verdict == SPORE_ALLOW && run->allowance && allowance_is_old(run->allowance)) {
		end_allowance(run);
		verdict = run->repeats++ < MAX_REPEATS ? ask_once(run, instance) : SPORE_EBUSY;
	}
	return verdict;
}

static int32_t ask_instance(struct auth_run *run, struct instance *instance)
{
	return refresh_verdict(run, instance, ask_once(run, instance));
}

/* About an open tunnel this line is for debugging only: the instance is asked again later, and the
 * summary of the round names it. */
static void log_undecided(const struct auth_run *run, const struct instance *instance,
                          int32_t verdict, bool was_late)
{
	bool renews = run->question.purpose == SPORE_AUTH_RENEW;
	enum log_level level = renews ? LOG_DEBUG : LOG_ERROR;
	const char *then = instance->continue_on_error ? "next" : "deny";
	char text[STATUS_TEXT_SIZE];

	if (renews && !instance->continue_on_error)
		then = "the tunnel stays";
	else if (instance->last_good)
		then = was_late ? "deny: the verdict came too late"
		                : "deny: last_good knows no such client";
	if (log_is_enabled(level))
		log_at(level, "auth plugin could not decide", log_str("plugin", instance->name),
		       log_str("status", status_text(verdict, text)), log_str("then", then));
}

/* The timer for the deadline does not run while the plugin blocks its worker, so the time is
 * checked here, too. */
static bool is_late(const struct auth_run *run)
{
	return run->question.purpose != SPORE_AUTH_RENEW && clock_ms() > run->question.deadline_ms;
}

/* The instance could not decide. True: it has let this client in before, and that counts. */
static bool fall_back(struct auth_run *run, struct instance *instance, int32_t status)
{
	if (!good_verdict_find(&run->question, instance, status, &run->allowance))
		return false;
	run->by = instance;
	return true;
}

/* The instance could not decide. Returns what weigh_verdict returns. */
static int32_t weigh_failure(struct auth_run *run, struct instance *instance, int32_t status,
                             bool was_late)
{
	if (!was_late && fall_back(run, instance, status))
		return SPORE_ALLOW;
	log_undecided(run, instance, status, was_late);
	run->failure = status < 0 ? status : SPORE_EINVAL;
	run->failed = instance;
	return instance->continue_on_error ? SPORE_NEXT : run->failure;
}

/* The verdict of the chain after one instance's verdict; SPORE_NEXT: ask the next instance. */
static int32_t weigh_verdict(struct auth_run *run, struct instance *instance, int32_t verdict)
{
	bool was_late = verdict == SPORE_ALLOW && is_late(run);

	if (was_late)
		verdict = SPORE_ETIMEOUT;
	if (run->on_step)
		run->on_step(run, instance, verdict);
	meter_verdict(&instance->meter, stream_loop(run->question.stream), verdict, run->asked_ns);
	if (verdict == SPORE_DENY || verdict == SPORE_NEXT)
		good_verdict_forget(&run->question, instance);
	if (verdict == SPORE_ALLOW || verdict == SPORE_DENY) {
		run->by = instance;
		return verdict;
	}
	end_allowance(run);
	run->is_unbound = run->is_unbound || verdict == SPORE_UNBOUND;
	if (verdict == SPORE_NEXT || verdict == SPORE_UNBOUND)
		return SPORE_NEXT;
	return weigh_failure(run, instance, verdict, was_late);
}

/* Asks the instances from run->at on. */
static int32_t ask_chain(struct auth_run *run)
{
	struct instance *instance;

	for (; (instance = current_instance(run)) != NULL; run->at++) {
		int32_t verdict = ask_instance(run, instance);

		if (verdict == SPORE_EPENDING)
			return verdict;
		verdict = weigh_verdict(run, instance, verdict);
		if (verdict != SPORE_NEXT)
			return verdict;
	}
	if (run->failure)
		return run->failure;
	return run->is_unbound ? SPORE_UNBOUND : SPORE_DENY;
}

static void on_verify_done(void *arg, struct ticket_result *result)
{
	struct auth_run *run = arg;
	struct instance *instance = current_instance(run);
	int32_t verdict = result->status;

	run->ticket = 0;
	if (verdict == SPORE_ALLOW && run->allowance) {
		if (!allowance_give(run->allowance, result->grant, result->made))
			verdict = SPORE_ENOMEM;
	} else { /* result->grant is set only if a data connection was allowed */
		revision_stamp_pass(&run->asked, result->made);
		good_verdict_confirm(&run->question, instance, result->grant, &run->asked);
		grant_free(result->grant);
	}
	verdict = refresh_verdict(run, instance, verdict);
	if (verdict == SPORE_EPENDING)
		return;
	verdict = weigh_verdict(run, instance, verdict);
	if (verdict == SPORE_NEXT) {
		run->at++;
		verdict = ask_chain(run);
	}
	if (verdict != SPORE_EPENDING)
		run->on_verdict(run, verdict);
}

int32_t auth_judge(struct auth_run *run, const struct auth_question *question, auth_fn on_verdict)
{
	auth_cancel(run, SPORE_END_REFUSED);
	*run = (struct auth_run){ .question = *question,
		                  .on_verdict = on_verdict,
		                  .on_step = run->on_step };
	return ask_chain(run);
}

/* ---- the client ---- */

static void on_answer_done(void *arg, struct ticket_result *result)
{
	struct auth_run *run = arg;

	run->ticket = 0;
	memcpy(run->answer, result->answer, result->answer_len + 1);
	run->on_verdict(run, result->status);
}

spore_status auth_answer(struct auth_run *run, const struct auth_question *question,
                         auth_fn on_verdict)
{
	struct loop *loop = stream_loop(question->stream);
	struct instance *instance = question->set->chains[CHAIN_AUTH]->items[0];
	int64_t asked_ns = clock_ns();
	spore_status status;

	auth_cancel(run, 0);
	*run = (struct auth_run){ .question = *question, .on_verdict = on_verdict, .by = instance };
	run->ticket = ticket_open(loop, TICKET_ANSWER, on_answer_done, run);
	if (!run->ticket)
		return SPORE_ENOMEM;
	if (auth_job_is_needed(instance)) {
		status = auth_job_answer(instance, question, run->ticket);
	} else {
		spore_answer_request rq = auth_request_answer(question,
		                                              stream_conn(question->stream));

		guest_enter(instance->name, "answer");
		status = ops_of(instance)->answer(instance_state(instance, loop), &rq, run->ticket);
		guest_leave();
		meter_call(&instance->meter, loop, AUTH_ANSWER, asked_ns);
	}
	if (status != SPORE_EPENDING && must_await_ticket(run, instance, status, on_answer_done))
		return SPORE_EPENDING;
	return status;
}

const char *auth_failure(const struct auth_run *run, int32_t *status_out)
{
	*status_out = run->ticket ? SPORE_ETIMEOUT : run->failure;
	if (run->ticket)
		return current_instance(run)->name;
	return run->failed ? run->failed->name : NULL;
}

void auth_log_late(const struct auth_run *run)
{
	if (run->ticket)
		log_warn("auth plugin gave no verdict in time",
		         log_str("plugin", current_instance(run)->name),
		         log_int("after_ms", (clock_ns() - run->asked_ns) / 1000000),
		         log_str("limit", "server.auth_timeout"));
}

static void drop_ticket(spore_ticket ticket, const struct instance *instance,
                        const struct loop *loop)
{
	const spore_auth_ops *ops = ops_of(instance);

	ticket_close(ticket);
	if (!SPORE_CAN(ops, cancel))
		return;
	guest_enter(instance->name, "cancel");
	ops->cancel(instance_state(instance, loop), ticket);
	guest_leave();
}

static void take_late_verdict(void *arg, struct ticket_result *result)
{
	struct allowance *allowance = arg;

	if (result->status == SPORE_ALLOW)
		allowance_give(allowance, result->grant, result->made);
	allowance_end(allowance, allowance->reason, NULL);
}

/* True: a verdict is on its way, and take_late_verdict will end it if it is an ALLOW. False: there
 * is no verdict yet, or its ALLOW has no end. */
static bool redirect_verdict(struct auth_run *run, uint32_t reason)
{
	struct allowance *allowance = run->allowance;

	if (!allowance || !ticket_redirect(run->ticket, take_late_verdict, allowance))
		return false;
	allowance->reason = reason;
	run->allowance = NULL;
	return true;
}

/* Ends an ALLOW that was given and not taken. What the client has said is still valid. */
static void end_untaken(struct auth_run *run, uint32_t reason)
{
	struct about_view view;

	about_look(run->question.about, &view);
	allowance_end(run->allowance, reason, &(spore_session_end){ .client = &view.info });
	run->allowance = NULL;
}

void auth_cancel(struct auth_run *run, uint32_t reason)
{
	if (run->ticket) {
		/* A client's run has `by` while it waits, a server's only after the verdict. */
		struct instance *instance = run->by ? run->by : current_instance(run);
		struct loop *loop = stream_loop(run->question.stream);

		meter_no_verdict(&instance->meter, loop);
		if (!redirect_verdict(run, reason))
			drop_ticket(run->ticket, instance, loop);
		run->ticket = 0;
	}
	end_untaken(run, reason);
}

int32_t auth_give_up(struct auth_run *run)
{
	/* If the ticket is completed, a verdict is on its way. It may be a denial, so the run does
	 * not fall back. */
	bool may_fall_back = run->ticket && ticket_is_open(run->ticket); /* auth_cancel clears it */
	struct instance *instance = may_fall_back ? current_instance(run) : NULL;

	auth_cancel(run, SPORE_END_REFUSED);
	if (instance && fall_back(run, instance, SPORE_ETIMEOUT))
		return SPORE_ALLOW;
	return SPORE_ETIMEOUT;
}
