#include "desk.h"

#include <spore/verifier.h>

#include "question.h"

/* ---- answers that need no look-up ---- */

/* SPORE_EPENDING: the store must be asked. */
static int32_t judge_data(struct keeper *keeper, const struct evidence *evidence)
{
	struct session held;
	enum evidence_says says;
	bool has_credential;

	if (!sessions_find(keeper->sessions, evidence->session, &held))
		return SPORE_EPENDING;
	has_credential = held.credential.form != EVIDENCE_NONE;
	says = evidence_fits(evidence, &keeper->rules, &held.credential);
	explicit_bzero(&held, sizeof held);
	if (!has_credential)
		return SPORE_EPENDING;
	if (says == EVIDENCE_RIGHT)
		return SPORE_ALLOW;
	if (says == EVIDENCE_FAILED)
		return SPORE_EBACKEND;
	question_pass_on(keeper, evidence, "it does not fit the tunnel of this data connection");
	return SPORE_DENY;
}

/* Sets the session of a client whose key is on the roll. */
static void set_session(const struct keeper *keeper, const struct roll_entry *entry,
                        struct session *out)
{
	struct record record = { .has = RECORD_HAS_KEY };

	memcpy(record.key, entry->key, sizeof record.key);
	*out = (struct session){ .form = EVIDENCE_HMAC };
	out->number = session_number(keeper->host, out->form, &record, entry->name);
	out->credential = evidence_credential(out->form, &record);
	session_digest(keeper->host, &entry->terms, out->limits);
	memcpy(out->name, entry->name, sizeof out->name);
	memcpy(out->identity, entry->name, sizeof out->identity);
	record_fini(&record);
}

static void tell_allow(struct keeper *keeper, const struct session *session,
                       const struct terms *terms, uint64_t hint, spore_ticket ticket)
{
	struct policy policy = terms_policy(terms);
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(session->identity),
		.session = session->number,
		.verifier = { (const char *)session->credential.bytes, session->credential.len },
		.verifier_hint = hint,
	};

	policy_grant(&policy, &result);
	if (keeper->host->complete_verify(ticket, SPORE_ALLOW, &result) != SPORE_OK)
		sessions_end(keeper->sessions, session->number);
}

/* Lets in a client whose key is on the roll. Returns SPORE_EPENDING if the ticket has been
 * completed; SPORE_EAGAIN: the record has changed after the stamp. */
static int32_t allow_entry(struct keeper *keeper, const struct evidence *evidence,
                           const struct roll_entry *entry, uint64_t stamp, spore_ticket ticket)
{
	struct session session;
	enum sessions_begun begun;

	set_session(keeper, entry, &session);
	begun = sessions_begin(keeper->sessions, &session, stamp);
	if (begun == SESSIONS_BEGUN)
		tell_allow(keeper, &session, &entry->terms, evidence->hint, ticket);
	explicit_bzero(&session, sizeof session);
	return begun == SESSIONS_BEGUN   ? SPORE_EPENDING
	       : begun == SESSIONS_STALE ? SPORE_EAGAIN
	                                 : SPORE_ENOMEM;
}

/* Looks for the client whose key made the answer. SPORE_EAGAIN: its record has changed
 * meanwhile. */
static int32_t find_owner(struct keeper *keeper, const struct evidence *evidence,
                          spore_ticket ticket)
{
	uint64_t stamp = sessions_stamp(keeper->sessions);
	struct roll_entry entry;
	int32_t verdict;

	switch (roll_find(keeper->roll, evidence, &keeper->rules, &entry)) {
	case ROLL_RIGHT:
		/* A data connection must belong to the owner of its tunnel, but judge_data() did
		 * not find that tunnel. */
		verdict = evidence->purpose == SPORE_AUTH_DATA
		                  ? SPORE_DENY
		                  : allow_entry(keeper, evidence, &entry, stamp, ticket);
		break;
	case ROLL_WRONG:
		verdict = question_pass_on(keeper, evidence, "it fits no secret");
		break;
	default:
		verdict = SPORE_EBACKEND;
	}
	explicit_bzero(&entry, sizeof entry);
	return verdict;
}

/* An answer without a name. */
static int32_t judge_nameless(struct keeper *keeper, const struct evidence *evidence,
                              spore_ticket ticket)
{
	int32_t verdict = SPORE_EAGAIN;

	if (!keeper->roll)
		return SPORE_NEXT;
	for (int tries = 0; tries < 3 && verdict == SPORE_EAGAIN; tries++)
		verdict = find_owner(keeper, evidence, ticket);
	return verdict == SPORE_EAGAIN ? SPORE_EBACKEND : verdict;
}

/* ---- the kind's functions ---- */

/* Asks again about the client of an open tunnel, by the name that its session has in the store. */
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

/* Begins a session without the store, so that its data connections are verified as usual. The
 * session's limits stay unknown, so they are renewed when the store works again. False: memory is
 * used up, or the store has changed the client after the stamp. */
static bool begin_session(struct keeper *keeper, const struct evidence *evidence,
                          const spore_verifier *verifier, uint64_t stamp)
{
	struct session session = { .number = verifier->session, .form = evidence->form };
	enum sessions_begun begun;

	if (verifier->identity.len >= sizeof session.identity)
		return false;
	session.credential = credential_of(evidence->form, verifier->bytes);
	memcpy(session.identity, verifier->identity.ptr, verifier->identity.len);
	memcpy(session.name, *evidence->name ? evidence->name : session.identity,
	       sizeof session.name);
	begun = sessions_begin(keeper->sessions, &session, stamp);
	explicit_bzero(&session, sizeof session);
	return begun == SESSIONS_BEGUN;
}

static int32_t recheck(void *state, const spore_auth_request *rq, spore_ticket ticket,
                       const spore_held *held)
{
	const struct keeper_worker *worker = state;
	struct keeper *keeper = worker->keeper;
	uint64_t stamp = sessions_stamp(keeper->sessions);
	const spore_verifier *verifier;
	struct evidence evidence;
	bool opens_tunnel = ticket && rq->purpose == SPORE_AUTH_CONTROL;
	bool good;

	evidence_init(&evidence, &keeper->rules, rq);
	verifier = find_verifier(keeper, rq, &evidence, held);
	good = verifier != NULL;
	if (good && opens_tunnel)
		good = begin_session(keeper, &evidence, verifier, stamp);
	evidence_fini(&evidence);
	return good ? SPORE_ALLOW : SPORE_NEXT;
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
