#include "server/judge.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "log/log.h"
#include "net/addr.h"
#include "quota/pending.h"
#include "server/control.h"
#include "server/dialogue.h"
#include "server/tunnel.h"

/* ---- the verdict on a connection ---- */

static void become_ready(struct control *c)
{
	struct message *next = c->next;

	c->state = READY;
	c->next = NULL;
	if (c->bad_next) {
		control_refuse_silently(c, REFUSED_BAD_FRAME);
	} else if (next) {
		dialogue_take(c, next);
	} else if (c->link.ended && c->link.in.len == 0) {
		control_end(c);
	} else {
		deadline_start(&c->worker->first_frame, &c->first_frame);
		link_resume(&c->link);
	}
	free(next);
}

static void refuse_secret(struct control *c)
{
	char text[ADDR_TEXT_SIZE];

	if (source_was_wrong(c->source, worker_limits(c->worker), clock_ms()))
		log_warn("source banned after repeated wrong secrets",
		         log_str("peer", addr_format_ip(&c->peer, text)),
		         log_int("for_ms", worker_limits(c->worker)->settings.ban_time));
	control_refuse(c, REFUSED_WRONG_SECRET);
}

static void take_verdict(struct control *c, int32_t verdict)
{
	if (verdict == SPORE_ALLOW) {
		source_was_right(c->source);
		c->by = c->auth.by;
		c->grant = c->auth.grant ? c->auth.grant : grant_new(NULL);
		c->auth.grant = NULL;
		/* A data connection has its tunnel's session, whatever the plugin repeats. */
		if (c->grant && c->auth.question.only)
			c->grant->session = c->auth.question.session;
		if (c->grant)
			become_ready(c);
		else
			control_refuse(c, REFUSED_NO_MEMORY);
	} else if (verdict == SPORE_DENY) {
		refuse_secret(c);
	} else {
		control_refuse(c, REFUSED_AUTH_FAILED);
	}
}

static void on_verdict(struct auth_run *run, int32_t verdict)
{
	take_verdict(CONTAINER_OF(run, struct control, auth), verdict);
}

static struct auth_question question_of(const struct control *c, const struct plugin_set *set)
{
	struct auth_question question = {
		.set = set,
		.stream = c->link.stream,
		.purpose = SPORE_AUTH_CONTROL,
		.answer = c->answer ? c->answer : "",
	};

	memcpy(question.challenge, c->challenge.bytes, sizeof question.challenge);
	return question;
}

void judge_ask(struct control *c)
{
	struct server_shared *shared = c->worker->shared;
	struct auth_question question = question_of(c, c->set);
	int32_t verdict;

	c->state = JUDGING;
	link_pause(&c->link);
	deadline_stop(&c->next_frame);
	deadline_start(&c->worker->first_frame, &c->first_frame);
	question.deadline_ms = c->first_frame.at_ms;
	if (c->next && c->next->type == MESSAGE_ACCEPT)
		c->owner = pending_account(shared->pending, &c->next->id);
	if (c->owner) {
		question.purpose = SPORE_AUTH_DATA;
		question.only = c->owner->principal->by;
		question.session = c->owner->principal->session;
	} else if (!source_may_try(c->source, worker_limits(c->worker), clock_ms())) {
		control_refuse(c, REFUSED_TOO_MANY_TRIES);
		return;
	}
	verdict = auth_judge(&c->auth, &question, on_verdict);
	if (verdict != SPORE_EPENDING)
		take_verdict(c, verdict);
}

/* ---- the verdict on a tunnel, after a reload ---- */

void judge_let_go_of_set(struct control *c)
{
	plugin_set_unref(c->set);
	c->set = NULL;
}

void judge_keep_owner(struct control *c, const char *why)
{
	deadline_stop(&c->first_frame);
	judge_let_go_of_set(c);
	control_log(c, LOG_WARN, "client keeps its tunnel, it could not be judged anew", why);
}

static void change_owner(struct control *c, struct instance *by, struct grant *grant)
{
	const char *error = refusal_text(REFUSED_PORT_NOT_ALLOWED);
	bool may = !grant || grant_has_port(grant, tunnel_account(c->tunnel)->port);

	if (may && tunnel_change_owner(c->tunnel, by, &grant, &error)) {
		c->by = by;
		control_start_life(c);
		judge_let_go_of_set(c);
		return;
	}
	grant_free(grant);
	control_end_with_error(c, error);
}

static void take_new_verdict(struct control *c, int32_t verdict)
{
	struct grant *grant = c->auth.grant;

	c->auth.grant = NULL;
	deadline_stop(&c->first_frame);
	if (verdict == SPORE_ALLOW) {
		grant = grant ? grant : grant_new(NULL);
		if (grant)
			change_owner(c, c->auth.by, grant);
		else
			judge_keep_owner(c, "out of memory");
	} else if (verdict == SPORE_DENY) {
		control_end_with_error(c, "access was revoked");
	} else {
		judge_keep_owner(c, "authentication is not available");
	}
}

static void on_new_verdict(struct auth_run *run, int32_t verdict)
{
	take_new_verdict(CONTAINER_OF(run, struct control, auth), verdict);
}

/* The client's answer is shown to the new chain, as if it came today: so no plugin has to know of
 * reloads. */
void judge_tunnel_anew(struct control *c)
{
	struct auth_question question;
	int32_t verdict;

	auth_cancel(&c->auth);
	plugin_set_unref(c->set);
	c->set = plugin_set_ref(c->worker->set);
	if (worker_settings(c->worker)->on_reload == ON_RELOAD_KEEP) {
		judge_let_go_of_set(c);
		return;
	}
	if (c->set->auth->n == 0) {
		change_owner(c, NULL, NULL);
		return;
	}
	question = question_of(c, c->set);
	deadline_start(&c->worker->first_frame, &c->first_frame);
	question.deadline_ms = c->first_frame.at_ms;
	verdict = auth_judge(&c->auth, &question, on_new_verdict);
	if (verdict != SPORE_EPENDING)
		take_new_verdict(c, verdict);
}

void judge_all_anew(struct list *sessions)
{
	struct list *next;

	for (struct list *i = sessions->next; i != sessions; i = next) {
		struct control *c = CONTAINER_OF(i, struct control, node);

		next = i->next;
		if (c->state == TUNNEL)
			judge_tunnel_anew(c);
	}
}

/* ---- a plugin changes its mind ---- */

/* One tunnel of the identity. */
static void revalidate(struct control *c, int32_t verdict, const struct grant *grant)
{
	struct grant *renewed;

	if (verdict == SPORE_DENY) {
		control_end_with_error(c, "access was revoked");
		return;
	}
	renewed = grant_copy(grant);
	if (!renewed)
		return; /* it keeps what it had */
	account_renew(tunnel_account(c->tunnel), renewed);
	c->life_from_ms = clock_ms();
	control_start_life(c);
}

void judge_revalidate(struct list *sessions, const struct instance *by, const char *identity,
                      int32_t verdict, const struct grant *grant)
{
	struct list *next;

	for (struct list *i = sessions->next; i != sessions; i = next) {
		struct control *c = CONTAINER_OF(i, struct control, node);

		next = i->next;
		if (c->state == TUNNEL && c->by == by &&
		    strcmp(account_identity(tunnel_account(c->tunnel)), identity) == 0)
			revalidate(c, verdict, grant);
	}
}
