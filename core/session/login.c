#include "session/login.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/crypto.h"
#include "log/log.h"
#include "net/addr.h"
#include "quota/account.h"
#include "session/refuse.h"

struct login_verdict {
	struct auth_run run;
	struct server_session *session;
	login_fn on_verdict;
};

void login_init(struct login *login, struct plugin_set *set)
{
	login->set = plugin_set_ref(set);
}

void login_cancel(struct login *login, uint32_t reason)
{
	if (login->verdict)
		auth_cancel(&login->verdict->run, reason);
	free(login->verdict);
	login->verdict = NULL;
}

/* It may be a password. */
static void wipe_answer(struct login *login)
{
	crypto_wipe(login->answer, login->answer ? strlen(login->answer) : 0);
	free(login->answer);
	login->answer = NULL;
}

void login_fini(struct login *login, uint32_t reason)
{
	login_cancel(login, reason);
	plugin_set_unref(login->set);
	wipe_answer(login);
	about_fini(&login->about);
	login->set = NULL;
}

void login_move(struct login *to, struct login *from)
{
	to->challenge = from->challenge;
	to->answer = from->answer;
	to->about = from->about;
	to->set = from->set;
	from->answer = NULL;
	from->about = (struct about){ 0 };
	from->set = NULL;
}

void login_change_set(struct login *login, struct plugin_set *set)
{
	struct plugin_set *old = login->set;

	login_cancel(login, SPORE_END_REFUSED);
	login->set = set ? plugin_set_ref(set) : NULL;
	plugin_set_unref(old);
}

bool login_answer(struct login *login, const char *answer)
{
	login->answer = strdup(answer);
	return login->answer != NULL;
}

/* ---- the verdict ---- */

static void on_run_end(struct auth_run *run, int32_t verdict)
{
	struct login_verdict *v = CONTAINER_OF(run, struct login_verdict, run);

	v->on_verdict(v->session, verdict);
}

static struct auth_question question_about(const struct login *login,
                                           const struct server_session *s, uint32_t purpose)
{
	struct auth_question question = {
		.set = login->set,
		.stream = s->link.stream,
		.purpose = purpose,
		.answer = login->answer ? login->answer : "",
		.about = &login->about,
		.deadline_ms = s->deadline.at_ms,
	};

	memcpy(question.challenge, login->challenge.bytes, sizeof question.challenge);
	return question;
}

static int32_t ask(struct login *login, struct server_session *s,
                   const struct auth_question *question, login_fn on_verdict)
{
	if (!login->verdict)
		login->verdict = calloc(1, sizeof *login->verdict);
	if (!login->verdict)
		return SPORE_ENOMEM;
	login->verdict->session = s;
	login->verdict->on_verdict = on_verdict;
	return auth_judge(&login->verdict->run, question, on_run_end);
}

int32_t login_judge(struct login *login, struct server_session *s, const struct account *owner,
                    login_fn on_verdict)
{
	struct auth_question question = question_about(login, s, SPORE_AUTH_CONTROL);

	if (owner) {
		question.purpose = SPORE_AUTH_DATA;
		question.only = owner->principal->by;
		question.session = owner->principal->session;
	}
	return ask(login, s, &question, on_verdict);
}

int32_t login_renew(struct login *login, struct server_session *s, const struct allowance *renews,
                    int64_t age_ms, login_fn on_verdict)
{
	struct auth_question question = question_about(login, s, SPORE_AUTH_RENEW);

	question.renews = renews;
	question.session = allowance_session(renews);
	question.age_ms = age_ms;
	return ask(login, s, &question, on_verdict);
}

struct allowance *login_take_allowance(struct login *login)
{
	struct allowance *allowance = login->verdict->run.allowance;

	login->verdict->run.allowance = NULL;
	if (allowance && auth_renews_by_session(allowance->by))
		wipe_answer(login);
	return allowance;
}

void login_end_allowance(const struct login *login, struct allowance *allowance, uint32_t reason)
{
	struct about_view view;

	about_look(&login->about, &view);
	allowance_end(allowance, reason, &(spore_session_end){ .client = &view.info });
}

const char *login_failure(const struct login *login, int32_t *status_out)
{
	*status_out = SPORE_ENOMEM;
	return login->verdict ? auth_failure(&login->verdict->run, status_out) : NULL;
}

void login_log_late(const struct login *login)
{
	if (login->verdict)
		auth_log_late(&login->verdict->run);
}

int32_t login_give_up(struct login *login)
{
	return login->verdict ? auth_give_up(&login->verdict->run) : SPORE_ETIMEOUT;
}

static void report_ban(const struct server_session *s, const struct limits *limits)
{
	struct limit_hit hit = limits_of_source(limits, REFUSED_SOURCE);
	char text[ADDR_TEXT_SIZE];

	stats_add(&s->worker->shared->stats, s->worker->loop, STAT_BANS, 1);
	log_warn("source banned after repeated wrong secrets",
	         log_str("peer", addr_format_ip(&s->peer, text)),
	         log_int("for_ms", limits->settings.ban_time), log_int("limit", hit.most),
	         log_str("from", hit.from));
}

static void refuse_secret(struct server_session *s)
{
	const struct limits *limits = server_worker_limits(s->worker);

	if (source_was_wrong(s->source, limits, clock_ms()))
		report_ban(s, limits);
	refuse_session(s, REFUSED_WRONG_SECRET);
}

/* Whose verdict it is. NULL: nobody has decided. */
static const char *judge_of(const struct login *login, int32_t verdict)
{
	const struct instance *by = login->verdict ? login->verdict->run.by : NULL;
	int32_t status;

	if (verdict == SPORE_DENY)
		return by ? by->name : NULL;
	return login_failure(login, &status);
}

bool login_accept_verdict(const struct login *login, struct server_session *s, int32_t verdict)
{
	if (verdict == SPORE_ALLOW) {
		source_was_right(s->source);
		return true;
	}
	s->judge = judge_of(login, verdict);
	if (verdict == SPORE_DENY && !login->answer)
		refuse_session(s, REFUSED_UNKNOWN_CLIENT);
	else if (verdict == SPORE_DENY)
		refuse_secret(s);
	else if (verdict == SPORE_UNBOUND)
		refuse_as(s, REFUSED_UNBOUND, REFUSED_WRONG_SECRET);
	else
		refuse_session(s, REFUSED_AUTH_FAILED);
	return false;
}

bool login_may_try(struct server_session *s)
{
	int64_t now_ms = clock_ms(), banned_ms = source_ban_left(s->source, now_ms);

	/* The ban holds for this server only. A draining server refuses the client as draining, so
	 * that it goes to the next server. */
	if (banned_ms > 0 && atomic_load(&s->worker->shared->draining))
		refuse_session(s, REFUSED_DRAINING);
	else if (banned_ms > 0)
		refuse_banned(s, banned_ms);
	else if (source_may_try(s->source, server_worker_limits(s->worker), now_ms))
		return true;
	else
		refuse_session(s, REFUSED_TOO_MANY_TRIES);
	return false;
}
