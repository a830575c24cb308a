#include "attempt.h"

#include <stdlib.h>

/* How many verdicts are passed on in one turn of the loop. If the directory fails, all attempts end
 * at once, and must not hold up the worker. */
enum { VERDICTS_PER_TURN = 8 };

static void free_attempt(struct attempt *attempt)
{
	explicit_bzero(attempt, sizeof *attempt);
	free(attempt);
}

/* [blocking] */
static void ask_directory(void *arg)
{
	struct attempt *attempt = arg;
	bool has_password = attempt->purpose != SPORE_AUTH_RENEW;

	attempt->inquiry.name = attempt->name;
	attempt->inquiry.password = has_password ? attempt->password : NULL;
	if (!atomic_load(&attempt->cancelled))
		directory_ask(&attempt->ldap->directory, &attempt->inquiry);
	explicit_bzero(attempt->password, sizeof attempt->password);
}

/* ---- the end ---- */

static void take_out(struct attempt *attempt)
{
	*attempt->link = attempt->next;
	if (attempt->next)
		attempt->next->link = attempt->link;
}

static struct attempt *take_ended(struct attempts *attempts)
{
	struct attempt *attempt = attempts->ended;

	if (!attempt)
		return NULL;
	attempts->ended = attempt->next_ended;
	if (!attempts->ended)
		attempts->last_link = &attempts->ended;
	take_out(attempt);
	return attempt;
}

static void pass_on_verdicts(void *arg)
{
	struct attempts *attempts = arg;
	struct attempt *attempt;

	for (int n = 0; n < VERDICTS_PER_TURN && (attempt = take_ended(attempts)) != NULL; n++) {
		if (!atomic_load(&attempt->cancelled))
			attempts->on_done(attempt);
		free_attempt(attempt);
	}
	if (attempts->ended)
		attempts->host->timer_update(attempts->next_turn, 0, 0);
}

static void on_asked(void *arg)
{
	struct attempt *attempt = arg;
	struct attempts *attempts = attempt->of;

	if (!attempts->ended)
		attempts->host->timer_update(attempts->next_turn, 0, 0);
	*attempts->last_link = attempt;
	attempts->last_link = &attempt->next_ended;
}

/* ---- begin and cancel ---- */

bool attempts_start(struct attempts *attempts, const spore_host *host, spore_worker *worker,
                    void (*on_done)(struct attempt *attempt))
{
	*attempts = (struct attempts){ .host = host, .worker = worker, .on_done = on_done };
	attempts->last_link = &attempts->ended;
	return host->timer_start(worker, 0, 0, pass_on_verdicts, attempts, &attempts->next_turn) ==
	       SPORE_OK;
}

void attempts_stop(struct attempts *attempts)
{
	struct attempt *attempt;

	attempts->host->timer_stop(attempts->next_turn);
	while ((attempt = take_ended(attempts)) != NULL)
		free_attempt(attempt);
}

spore_status attempts_add(struct attempts *attempts, struct attempt *attempt)
{
	spore_status status;

	attempt->of = attempts;
	atomic_init(&attempt->cancelled, false);
	status = attempts->host->offload(attempts->worker, ask_directory, on_asked, attempt);
	if (status != SPORE_OK) {
		free_attempt(attempt);
		return status;
	}
	attempt->next = attempts->first;
	attempt->link = &attempts->first;
	if (attempt->next)
		attempt->next->link = &attempt->next;
	attempts->first = attempt;
	return SPORE_OK;
}

void attempts_cancel(struct attempts *attempts, spore_ticket ticket)
{
	for (struct attempt *attempt = attempts->first; attempt; attempt = attempt->next) {
		if (attempt->ticket == ticket)
			atomic_store(&attempt->cancelled, true);
	}
}
