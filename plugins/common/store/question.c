#include "question.h"

#include <stdatomic.h>
#include <stdlib.h>

/* How often a record is read at most, if it changes again and again while it is read. */
enum { MAX_TRIES = 3 };

struct question {
	struct store_lookup lookup;
	struct keeper_worker *worker;
	spore_ticket ticket;
	struct evidence evidence;
	bool is_renewal;
	unsigned tries;
	uint64_t stamp;           /* taken before the look-up */
	struct record record;     /* kept while the hash is computed, empty otherwise */
	const char *obstacle;     /* why it is refused whatever the hash says; NULL: nothing */
	atomic_bool is_cancelled; /* set while the hash is computed */
	enum hash_says says;      /* the result of the hash */
	struct question *next, *previous;
};

static void free_question(struct question *question)
{
	struct keeper_worker *worker = question->worker;

	if (question->previous)
		question->previous->next = question->next;
	else
		worker->questions = question->next;
	if (question->next)
		question->next->previous = question->previous;
	explicit_bzero(question, sizeof *question);
	free(question);
}

int32_t question_pass_on(struct keeper *keeper, const struct evidence *evidence, const char *why)
{
	if (evidence->purpose == SPORE_AUTH_RENEW ||
	    !pace_allows_line(&keeper->refusals, keeper->host, keeper->log, SPORE_LOG_INFO,
	                      "refused answers"))
		return SPORE_NEXT;
	if (*evidence->name)
		spore_logf(keeper->host, keeper->log, SPORE_LOG_INFO,
		           "the answer of %s is refused: %s", evidence->name, why);
	else
		spore_logf(keeper->host, keeper->log, SPORE_LOG_INFO,
		           "an answer without a name is refused: %s", why);
	return SPORE_NEXT;
}

/* ---- the verdict ---- */

static int32_t look_up(struct question *question)
{
	struct keeper_worker *worker = question->worker;
	spore_status status;

	question->stamp = sessions_stamp(worker->keeper->sessions);
	status = worker->ops->look_up(worker->backend, &question->lookup);
	return status == SPORE_OK ? SPORE_EPENDING : status;
}

/* Enters the session into the table. A data connection must belong to the owner of its tunnel
 * instead. SPORE_ALLOW: the caller tells it to the host. */
static int32_t admit(struct question *question, const struct session *session)
{
	struct sessions *sessions = question->worker->keeper->sessions;

	if (question->evidence.purpose == SPORE_AUTH_DATA) {
		if (session->number != question->evidence.session)
			return SPORE_DENY;
		sessions_set_credential(sessions, session->number, &session->credential);
		return SPORE_ALLOW;
	}
	switch (sessions_begin(sessions, session, question->stamp)) {
	case SESSIONS_BEGUN:
		return SPORE_ALLOW;
	case SESSIONS_STALE:
		return SPORE_EAGAIN;
	default:
		return SPORE_ENOMEM;
	}
}

static void tell_allow(const struct question *question, const struct session *session,
                       const struct record *record)
{
	struct keeper *keeper = question->worker->keeper;
	const struct credential *credential = &session->credential;
	struct policy policy = terms_policy(&record->terms);
	spore_auth_result result = { .struct_size = sizeof result,
		                     .identity = spore_cstr(session->identity),
		                     .session = session->number };

	policy_grant(&policy, &result);
	if (credential->form != EVIDENCE_NONE) {
		result.verifier = (spore_str){ (const char *)credential->bytes, credential->len };
		result.verifier_hint = question->evidence.hint;
	}
	if (keeper->host->complete_verify(question->ticket, SPORE_ALLOW, &result) != SPORE_OK &&
	    question->evidence.purpose != SPORE_AUTH_DATA)
		sessions_end(keeper->sessions, session->number);
}

/* Lets the client in by this form of proof. `credential` may be EVIDENCE_NONE. Returns
 * SPORE_EPENDING if the ticket has been completed, otherwise the verdict. SPORE_EAGAIN: the record
 * has changed since it was read. */
static int32_t allow(struct question *question, enum evidence_form form,
                     const struct record *record, const struct credential *credential)
{
	struct keeper *keeper = question->worker->keeper;
	struct session session = { .form = form, .credential = *credential };
	const char *identity = keeper_identity(form, record, question->lookup.name);
	int32_t verdict;

	session.number = session_number(keeper->host, form, record, identity);
	session_digest(keeper->host, &record->terms, session.limits);
	memcpy(session.name, question->lookup.name, sizeof session.name);
	memcpy(session.identity, identity, strlen(identity) + 1);
	verdict = admit(question, &session);
	if (verdict == SPORE_ALLOW) {
		tell_allow(question, &session, record);
		verdict = SPORE_EPENDING;
	}
	explicit_bzero(&session, sizeof session);
	return verdict;
}

/* What verifies the data connections of an open tunnel. A record has no credential for a password,
 * but the tunnel's session may have one. */
static struct credential credential_of_tunnel(const struct question *question,
                                              enum evidence_form form, const struct record *record)
{
	struct credential credential = evidence_credential(form, record);
	struct session held;

	if (form != EVIDENCE_PASSWORD)
		return credential;
	if (sessions_find(question->worker->keeper->sessions, question->evidence.session, &held))
		credential = held.credential;
	explicit_bzero(&held, sizeof held);
	return credential;
}

/* The tunnel stays if the record still has what its client has proved. Then one of the forms gives
 * the number of the tunnel's session. */
static int32_t judge_renewal(struct question *question, const struct record *record)
{
	const spore_host *host = question->worker->keeper->host;

	for (int form = EVIDENCE_HMAC; form < EVIDENCE_FORMS; form++) {
		const char *identity = keeper_identity(form, record, question->lookup.name);
		struct credential credential;
		int32_t verdict;

		if (session_number(host, form, record, identity) != question->evidence.session)
			continue;
		/* The client's answer is gone, and with it the hint for recheck(). So the
		 * credential verifies data connections only. */
		credential = credential_of_tunnel(question, form, record);
		verdict = allow(question, form, record, &credential);
		explicit_bzero(&credential, sizeof credential);
		return verdict;
	}
	return SPORE_NEXT;
}

/* ---- passwords ---- */

static void decide(struct question *question, int32_t verdict);

/* [blocking] */
static void compute_hash(void *arg)
{
	struct question *question = arg;

	if (!atomic_load(&question->is_cancelled))
		question->says = hash_check(question->record.hash, question->evidence.password);
}

static void log_failed_hash(struct keeper *keeper, const char *name)
{
	if (pace_allows_line(&keeper->failures, keeper->host, keeper->log, SPORE_LOG_ERROR,
	                     "failed hashes"))
		spore_logf(
			keeper->host, keeper->log, SPORE_LOG_ERROR,
			"libxcrypt cannot compute the hash of the password of %s: is memory out?",
			name);
}

static int32_t judge_hash(struct question *question)
{
	struct keeper *keeper = question->worker->keeper;
	struct credential seal;
	int32_t verdict;

	/* The client is refused anyway, so a failure of the hash must not matter. */
	if (question->obstacle)
		return question_pass_on(keeper, &question->evidence, question->obstacle);
	if (question->says == HASH_FAILED) {
		log_failed_hash(keeper, question->lookup.name);
		return SPORE_EBACKEND;
	}
	if (question->says == HASH_WRONG)
		return question_pass_on(keeper, &question->evidence, "its password is wrong");
	seal = evidence_seal(&question->evidence, &keeper->rules);
	verdict = allow(question, EVIDENCE_PASSWORD, &question->record, &seal);
	explicit_bzero(&seal, sizeof seal);
	return verdict;
}

static void on_hash(void *arg)
{
	struct question *question = arg;

	if (atomic_load(&question->is_cancelled))
		free_question(question);
	else
		decide(question, judge_hash(question));
}

/* SPORE_EPENDING: on_hash() will follow. */
static int32_t start_hash(struct question *question)
{
	struct keeper_worker *worker = question->worker;
	spore_status status;

	question->says = HASH_FAILED;
	status = worker->keeper->host->offload(worker->worker, compute_hash, on_hash, question);
	return status == SPORE_OK ? SPORE_EPENDING : status;
}

/* Computes the hash of another name before it refuses, so that the time does not tell whether the
 * name exists. Refuses at once if that is not possible. */
static int32_t refuse_password(struct question *question, const char *why)
{
	struct keeper *keeper = question->worker->keeper;

	question->obstacle = why;
	keeper_stand_in(keeper, question->record.hash);
	if (*question->record.hash && start_hash(question) == SPORE_EPENDING)
		return SPORE_EPENDING;
	return question_pass_on(keeper, &question->evidence, why);
}

/* No hash is computed for a password that a live session of the same record has already proved. */
static int32_t judge_password(struct question *question, const struct record *record)
{
	struct keeper *keeper = question->worker->keeper;
	int32_t verdict = SPORE_EPENDING;
	struct session held;
	uint64_t number;

	if (!(record->has & RECORD_HAS_HASH))
		return refuse_password(question, "its record has no password");
	keeper_note_hash(keeper, record->hash);
	number = session_number(keeper->host, EVIDENCE_PASSWORD, record, question->lookup.name);
	if (sessions_find(keeper->sessions, number, &held)) {
		bool fits = evidence_fits(&question->evidence, &keeper->rules, &held.credential) ==
		            EVIDENCE_RIGHT;

		if (fits)
			verdict = allow(question, EVIDENCE_PASSWORD, record, &held.credential);
		explicit_bzero(&held, sizeof held);
		if (fits)
			return verdict;
	}
	question->record = *record;
	return start_hash(question);
}

static int32_t judge_unknown(struct question *question)
{
	static const char why[] = "the store does not know the name";

	return question->evidence.form == EVIDENCE_PASSWORD
	               ? refuse_password(question, why)
	               : question_pass_on(question->worker->keeper, &question->evidence, why);
}

/* ---- the store's answer ---- */

static const char *why_wrong(const struct question *question, const struct credential *credential)
{
	if (credential->form == EVIDENCE_NONE)
		return "its record has nothing to verify it with";
	return question->evidence.form == EVIDENCE_HMAC
	               ? "its secret is wrong"
	               : "its signature is wrong for this connection";
}

static int32_t judge_record(struct question *question, const struct record *record)
{
	struct keeper *keeper = question->worker->keeper;
	struct credential credential;
	int32_t verdict;

	if (question->is_renewal)
		return judge_renewal(question, record);
	if (question->evidence.form == EVIDENCE_PASSWORD)
		return judge_password(question, record);
	credential = evidence_credential(question->evidence.form, record);
	switch (evidence_fits(&question->evidence, &keeper->rules, &credential)) {
	case EVIDENCE_RIGHT:
		verdict = allow(question, question->evidence.form, record, &credential);
		break;
	case EVIDENCE_FAILED:
		verdict = SPORE_EBACKEND;
		break;
	default:
		verdict = question_pass_on(keeper, &question->evidence,
		                           why_wrong(question, &credential));
	}
	explicit_bzero(&credential, sizeof credential);
	return verdict;
}

static bool waits_for_hash(const struct question *question)
{
	return *question->record.hash != '\0';
}

/* Ends the question with a verdict. SPORE_EPENDING: the ticket has been completed. SPORE_EAGAIN:
 * looks up the name again, and the question goes on. */
static void decide(struct question *question, int32_t verdict)
{
	const spore_host *host = question->worker->keeper->host;

	record_fini(&question->record);
	if (verdict == SPORE_EAGAIN)
		verdict = ++question->tries < MAX_TRIES ? look_up(question) : SPORE_EBACKEND;
	if (verdict == SPORE_EPENDING && question->lookup.sent)
		return; /* it is being looked up again */
	if (verdict != SPORE_EPENDING)
		host->complete_verify(question->ticket, verdict, NULL);
	free_question(question);
}

/* We do not understand the record, and it may restrict the client. So we revoke all sessions of the
 * name. Then no earlier verdict lets anybody in. */
static int32_t refuse_bad_record(struct question *question, const char *why)
{
	struct keeper *keeper = question->worker->keeper;

	keeper_log_wrong(keeper, question->lookup.name, why);
	keeper_deny_name(keeper, question->lookup.name);
	return SPORE_EPROTO;
}

static void on_answer(struct store_lookup *lookup, const struct store_answer *answer)
{
	struct question *question = (struct question *)lookup;
	int32_t verdict;

	if (answer->reply == STORE_FOUND)
		verdict = judge_record(question, answer->record);
	else if (answer->reply == STORE_UNKNOWN)
		verdict = judge_unknown(question);
	else if (answer->reply == STORE_WRONG)
		verdict = refuse_bad_record(question, answer->wrong);
	else
		verdict = answer->status;
	if (verdict == SPORE_EPENDING && waits_for_hash(question))
		return;
	decide(question, verdict);
}

/* ---- the question ---- */

static int32_t ask(struct keeper_worker *worker, const struct evidence *evidence,
                   spore_ticket ticket, bool is_renewal)
{
	struct question *question = calloc(1, sizeof *question);
	int32_t verdict;

	if (!question)
		return SPORE_ENOMEM;
	question->worker = worker;
	question->ticket = ticket;
	question->evidence = *evidence;
	question->is_renewal = is_renewal;
	question->lookup.on_answer = on_answer;
	memcpy(question->lookup.name, evidence->name, sizeof question->lookup.name);
	atomic_init(&question->is_cancelled, false);
	question->next = worker->questions;
	if (question->next)
		question->next->previous = question;
	worker->questions = question;
	verdict = look_up(question);
	if (verdict != SPORE_EPENDING)
		free_question(question);
	return verdict;
}

int32_t question_ask(struct keeper_worker *worker, const struct evidence *evidence,
                     spore_ticket ticket)
{
	return ask(worker, evidence, ticket, false);
}

int32_t question_renew(struct keeper_worker *worker, const struct evidence *evidence,
                       spore_ticket ticket)
{
	return ask(worker, evidence, ticket, true);
}

void question_cancel(struct keeper_worker *worker, spore_ticket ticket)
{
	struct question *question = worker->questions;

	while (question && question->ticket != ticket)
		question = question->next;
	if (!question)
		return;
	if (waits_for_hash(question)) {
		atomic_store(&question->is_cancelled, true);
		return;
	}
	worker->ops->withdraw(worker->backend, &question->lookup);
	free_question(question);
}
