#include "desk.h"

#include <spore/verifier.h>

#include "question.h"

/* ---- answers that need no look-up ---- */

/* SPORE_EPENDING: the store must be asked. */
static int32_t judge_data(struct keeper *keeper, const struct evidence *evidence)
{
	struct session held;
	enum evidence_says says;
	enum evidence_form form;

	if (!sessions_find(keeper->sessions, evidence->session, &held))
		return SPORE_EPENDING;
	form = held.credential.form;
	says = evidence_fits(evidence, &keeper->rules, &held.credential);
	explicit_bzero(&held, sizeof held);
	if (says == EVIDENCE_RIGHT)
		return SPORE_ALLOW;
	if (says == EVIDENCE_FAILED)
		return SPORE_EBACKEND;
	if (form == EVIDENCE_NONE)
		return SPORE_EPENDING;
	question_pass_on(keeper, evidence, "it does not fit the tunnel of this data connection");
	return SPORE_DENY;
}

/* SPORE_EAGAIN: the record has changed since. */
static int32_t allow_entry(struct keeper *keeper, const struct evidence *evidence,
                           const struct roll_entry *entry, uint64_t stamp, spore_ticket ticket)
{
	struct record record = { .has = RECORD_HAS_KEY };
	struct policy policy = terms_policy(&entry->terms);
	struct session session = { .form = EVIDENCE_HMAC };
	spore_auth_result result = { .struct_size = sizeof result };
	enum sessions_begun begun;

	memcpy(record.key, entry->key, sizeof record.key);
	session.number = session_number(keeper->host, session.form, &record, entry->name);
	session.credential = evidence_credential(session.form, &record);
	session_digest(keeper->host, &entry->terms, session.limits);
	memcpy(session.name, entry->name, sizeof session.name);
	memcpy(session.identity, entry->name, sizeof session.identity);
	begun = sessions_begin(keeper->sessions, &session, &stamp);
	policy_grant(&policy, &result);
	result.identity = spore_cstr(session.identity);
	result.session = session.number;
	result.verifier = (spore_str){ (const char *)record.key, sizeof record.key };
	result.verifier_hint = evidence->hint;
	if (begun == SESSIONS_BEGUN &&
	    keeper->host->complete_verify(ticket, SPORE_ALLOW, &result) != SPORE_OK)
		sessions_end(keeper->sessions, session.number);
	explicit_bzero(&session, sizeof session);
	record_fini(&record);
	return begun == SESSIONS_BEGUN   ? SPORE_EPENDING
	       : begun == SESSIONS_STALE ? SPORE_EAGAIN
	                                 : SPORE_ENOMEM;
}

/* An answer without a name. */
static int32_t judge_nameless(struct keeper *keeper, const struct evidence *evidence,
                              spore_ticket ticket)
{
	int32_t verdict = SPORE_EAGAIN;
	struct roll_entry entry, again;

	if (!keeper->roll)
		return SPORE_NEXT;
	for (int tries = 0; tries < 3 && verdict == SPORE_EAGAIN; tries++) {
		enum roll_says says = roll_find(keeper->roll, evidence, &keeper->rules, &entry);
		uint64_t stamp = says == ROLL_RIGHT ? sessions_stamp(keeper->sessions, entry.name)
		                                    : 0;

		/* Once more, with the stamp: what changes from now on makes it old. */
		if (says == ROLL_RIGHT)
			says = roll_find(keeper->roll, evidence, &keeper->rules, &again);
		if (says != ROLL_RIGHT)
			return says == ROLL_WRONG
			               ? question_pass_on(keeper, evidence, "it fits no secret")
			               : SPORE_EBACKEND;
		/* A data connection must belong to the owner of its tunnel, which is not here. */
		if (evidence->purpose == SPORE_AUTH_DATA)
			return SPORE_DENY;
		if (strcmp(entry.name, again.name) == 0)
			verdict = allow_entry(keeper, evidence, &again, stamp, ticket);
	}
	explicit_bzero(&entry, sizeof entry);
	explicit_bzero(&again, sizeof again);
	return verdict == SPORE_EAGAIN ? SPORE_EBACKEND : verdict;
}

/* ---- the kind's functions ---- */

/* The client of an open tunnel: the name in the store is that of its session. */
static int32_t renew(struct keeper_worker *worker, const spore_auth_request *rq,
                     spore_ticket ticket)
{
	struct evidence evidence = { .purpose = rq->purpose, .session = rq->session };
	struct session held;

	if (keeper_find_session(worker->keeper, rq->session, &held))
		memcpy(evidence.name, held.name, sizeof evidence.name);
	else if (rq->identity.len && rq->identity.len < sizeof evidence.name)
		memcpy(evidence.name, rq->identity.ptr, rq->identity.len);
	explicit_bzero(&held, sizeof held);
	return *evidence.name ? question_renew(worker, &evidence, ticket) : SPORE_NEXT;
}

static int32_t judge(struct keeper_worker *worker, const struct evidence *evidence,
                     spore_ticket ticket)
{
	struct keeper *keeper = worker->keeper;
	int32_t verdict = SPORE_EPENDING;

	if (evidence->form == EVIDENCE_NONE)
		return SPORE_NEXT;
	if (evidence->obstacle)
		return question_pass_on(keeper, evidence, evidence->obstacle);
	if (evidence->purpose == SPORE_AUTH_DATA)
		verdict = judge_data(keeper, evidence);
	if (verdict != SPORE_EPENDING)
		return verdict;
	return *evidence->name ? question_ask(worker, evidence, ticket)
	                       : judge_nameless(keeper, evidence, ticket);
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	struct keeper_worker *worker = state;
	struct evidence evidence;
	int32_t verdict;

	if (rq->purpose == SPORE_AUTH_RENEW && rq->same_instance)
		return renew(worker, rq, ticket);
	evidence_init(&evidence, &worker->keeper->rules, rq);
	verdict = judge(worker, &evidence, ticket);
	evidence_fini(&evidence);
	return verdict;
}

static void cancel(void *state, spore_ticket ticket)
{
	question_cancel(state, ticket);
}

static void session_end(void *state, const spore_session_end *end)
{
	const struct keeper_worker *worker = state;

	sessions_end(worker->keeper->sessions, end->session);
}

static uint32_t needs_challenge(void *instance)
{
	return keeper_needs_challenge(instance);
}

/* ---- while the store fails ---- */

struct signature_check {
	const struct evidence *evidence;
	const struct evidence_rules *rules;
};

static struct credential credential_of(enum evidence_form form, spore_str bytes)
{
	struct credential credential = { .form = form, .len = bytes.len };

	if (bytes.len > sizeof credential.bytes)
		return (struct credential){ 0 };
	memcpy(credential.bytes, bytes.ptr, bytes.len);
	return credential;
}

static uint32_t is_signed(void *arg, spore_str public_key)
{
	const struct signature_check *check = arg;
	struct credential credential = credential_of(EVIDENCE_SIGNATURE, public_key);

	return evidence_fits(check->evidence, check->rules, &credential) == EVIDENCE_RIGHT;
}

static const spore_verifier *find_verifier(const struct keeper *keeper,
                                           const spore_auth_request *rq,
                                           const struct evidence *evidence, const spore_held *held)
{
	static const uint32_t forms[] = { [BINDING_OFF] = SPORE_HMAC_PLAIN,
		                          [BINDING_PREFER] = SPORE_HMAC_PLAIN | SPORE_HMAC_BOUND,
		                          [BINDING_REQUIRE] = SPORE_HMAC_BOUND };
	struct signature_check check = { evidence, &keeper->rules };

	if (evidence->obstacle)
		return NULL;
	if (evidence->form == EVIDENCE_SIGNATURE)
		return spore_pubkey_find(held, evidence->hint, is_signed, &check);
	if (evidence->form == EVIDENCE_PASSWORD)
		return spore_password_find(keeper->host, keeper->rules.password_key,
		                           spore_cstr(evidence->name),
		                           spore_cstr(evidence->password), held);
	return evidence->form == EVIDENCE_HMAC && (*evidence->name || keeper->roll)
	               ? spore_hmac_find(keeper->host, rq, held, forms[keeper->rules.binding])
	               : NULL;
}

/* A tunnel that is opened now verifies its data connections as if the store had been asked. Its
 * limits are compared with those of the record when the store works again. */
static bool begin_session(struct keeper *keeper, const struct evidence *evidence,
                          const spore_verifier *verifier)
{
	struct session session = { .number = verifier->session, .form = evidence->form };
	enum sessions_begun begun;

	if (verifier->identity.len >= sizeof session.identity)
		return false;
	session.credential = credential_of(evidence->form, verifier->bytes);
	memcpy(session.identity, verifier->identity.ptr, verifier->identity.len);
	memcpy(session.name, *evidence->name ? evidence->name : session.identity,
	       sizeof session.name);
	begun = sessions_begin(keeper->sessions, &session, NULL);
	explicit_bzero(&session, sizeof session);
	return begun == SESSIONS_BEGUN;
}

static int32_t recheck(void *state, const spore_auth_request *rq, spore_ticket ticket,
                       const spore_held *held)
{
	const struct keeper_worker *worker = state;
	struct keeper *keeper = worker->keeper;
	const spore_verifier *verifier;
	struct evidence evidence;
	int32_t verdict = SPORE_NEXT;

	evidence_init(&evidence, &keeper->rules, rq);
	verifier = find_verifier(keeper, rq, &evidence, held);
	if (verifier)
		verdict = SPORE_ALLOW;
	if (verifier && ticket && rq->purpose == SPORE_AUTH_CONTROL &&
	    !begin_session(keeper, &evidence, verifier))
		verdict = SPORE_NEXT;
	evidence_fini(&evidence);
	return verdict;
}

const spore_auth_ops desk_ops = {
	.struct_size = sizeof desk_ops,
	.flags = SPORE_AUTHF_RENEWS_BY_SESSION,
	.verify = verify,
	.cancel = cancel,
	.session_end = session_end,
	.needs_challenge = needs_challenge,
	.recheck = recheck,
};
