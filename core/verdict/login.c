#include "verdict/login.h"

#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/crypto.h"
#include "quota/account.h"

struct login_verdict {
	struct auth_run run;
	struct login_asker asker;
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

/* The answer may be a password. */
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

	v->asker.on_verdict(v->asker.session, verdict);
}

static struct auth_question question_about(const struct login *login,
                                           const struct login_asker *asker, uint32_t purpose)
{
	struct auth_question question = {
		.set = login->set,
		.stream = asker->stream,
		.purpose = purpose,
		.answer = login->answer ? login->answer : "",
		.about = &login->about,
		.deadline_ms = asker->deadline_ms,
	};

	memcpy(question.challenge, login->challenge.bytes, sizeof question.challenge);
	return question;
}

static int32_t ask(struct login *login, const struct login_asker *asker,
                   const struct auth_question *question)
{
	if (!login->verdict)
		login->verdict = calloc(1, sizeof *login->verdict);
	if (!login->verdict)
		return SPORE_ENOMEM;
	login->verdict->asker = *asker;
	return auth_judge(&login->verdict->run, question, on_run_end);
}

int32_t login_judge(struct login *login, const struct login_asker *asker,
                    const struct account *owner)
{
	struct auth_question question = question_about(login, asker, SPORE_AUTH_CONTROL);

	if (owner) {
		question.purpose = SPORE_AUTH_DATA;
		question.only = owner->principal->by;
		question.session = owner->principal->session;
	}
	return ask(login, asker, &question);
}

int32_t login_renew(struct login *login, const struct login_asker *asker,
                    const struct allowance *renews, int64_t age_ms)
{
	struct auth_question question = question_about(login, asker, SPORE_AUTH_RENEW);

	question.renews = renews;
	question.session = allowance_session(renews);
	question.age_ms = age_ms;
	return ask(login, asker, &question);
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

const char *login_judge_of(const struct login *login, int32_t verdict)
{
	const struct instance *by = login->verdict ? login->verdict->run.by : NULL;
	int32_t status;

	if (verdict == SPORE_DENY)
		return by ? by->name : NULL;
	return login_failure(login, &status);
}
