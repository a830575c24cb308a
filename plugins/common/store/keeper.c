#include "keeper.h"

#include <spore/verifier.h>
#include <stdio.h>
#include <stdlib.h>

#include "../report.h"
#include "question.h"

/* ---- the instance ---- */

static bool read_names(struct keeper *keeper, const spore_create_args *args,
                       const spore_list *names)
{
	const char *const *texts = names->items;
	bool good = true;

	keeper->names = calloc(names->count + 1, sizeof *keeper->names);
	if (!keeper->names)
		return false;
	for (size_t i = 0; i < names->count; i++) {
		char pointer[32];

		snprintf(pointer, sizeof pointer, "/names/%zu", i);
		if (server_name_init(&keeper->names[i], texts[i]))
			continue;
		report(args, pointer,
		       "expected a host name or an IP address without port, as clients dial it");
		good = false;
	}
	keeper->rules.names = keeper->names;
	keeper->rules.n_names = names->count;
	return good;
}

bool keeper_init(struct keeper *keeper, const spore_create_args *args,
                 const struct keeper_options *options)
{
	*keeper = (struct keeper){ .host = args->host, .log = args->ctx };
	keeper->rules.host = args->host;
	keeper->rules.binding = options->binding;
	/* Signatures are bound, so clients learn that they may bind other answers, too. */
	if (options->names.count && options->binding == BINDING_OFF)
		keeper->rules.binding = BINDING_PREFER;
	keeper->sessions = sessions_new();
	if (options->previous)
		keeper->before = sessions_ref(options->previous->sessions);
	if (options->bore)
		keeper->roll = roll_new(options->max_keys);
	if (!keeper->sessions || (options->bore && !keeper->roll) ||
	    spore_password_key(args, keeper->rules.password_key) != SPORE_OK) {
		report(args, "", "out of memory or of random bytes");
		return false;
	}
	return read_names(keeper, args, &options->names) &&
	       binding_is_possible(args, options->binding);
}

void keeper_fini(struct keeper *keeper)
{
	sessions_unref(keeper->sessions);
	sessions_unref(keeper->before);
	roll_free(keeper->roll);
	free(keeper->names);
	explicit_bzero(keeper, sizeof *keeper);
}

const char *keeper_identity(enum evidence_form form, const struct record *record, const char *name)
{
	return form == EVIDENCE_SIGNATURE ? record->key_owner : name;
}

bool keeper_find_session(struct keeper *keeper, uint64_t number, struct session *out)
{
	return sessions_find(keeper->sessions, number, out) ||
	       (keeper->before && sessions_find(keeper->before, number, out));
}

void keeper_log_wrong(struct keeper *keeper, const char *name, const char *wrong)
{
	if (pace_allows_line(&keeper->wrongs, keeper->host, keeper->log, SPORE_LOG_ERROR,
	                     "wrong records"))
		spore_logf(keeper->host, keeper->log, SPORE_LOG_ERROR,
		           "the record of %s is wrong: %s", name, wrong);
}

uint32_t keeper_needs_challenge(const struct keeper *keeper)
{
	uint32_t accepts = SPORE_OFFER_PASSWORDS |
	                   (keeper->rules.n_names ? SPORE_OFFER_SIGNATURES : 0);

	return (keeper->rules.binding == BINDING_OFF ? SPORE_CHALLENGE_PLAIN
	                                             : SPORE_CHALLENGE_BINDS) |
	       SPORE_CHALLENGE_ACCEPTS(accepts);
}

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

int32_t keeper_verify(struct keeper_worker *worker, const spore_auth_request *rq,
                      spore_ticket ticket)
{
	struct evidence evidence;
	int32_t verdict;

	if (rq->purpose == SPORE_AUTH_RENEW && rq->same_instance)
		return renew(worker, rq, ticket);
	evidence_init(&evidence, &worker->keeper->rules, rq);
	verdict = judge(worker, &evidence, ticket);
	evidence_fini(&evidence);
	return verdict;
}

void keeper_cancel(struct keeper_worker *worker, spore_ticket ticket)
{
	question_cancel(worker, ticket);
}

void keeper_session_end(struct keeper_worker *worker, const spore_session_end *end)
{
	sessions_end(worker->keeper->sessions, end->session);
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

int32_t keeper_recheck(struct keeper_worker *worker, const spore_auth_request *rq,
                       spore_ticket ticket, const spore_held *held)
{
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
