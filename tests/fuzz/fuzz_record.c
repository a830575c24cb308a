/* fuzz_record - what Redis sends about a client, which is the input: the reader of replies and that
 * of records, against what the documentation says of both. Then the same as an answer of the
 * client, for which the record proves nothing. */
#include "../common/store/sessions.h"
#include "fuzz.h"
#include "intake.h"
#include "reply.h"
#include "services/host.h"

static void check_terms(const struct terms *terms)
{
	const struct policy *policy = &terms->policy;

	FUZZ_CHECK(terms->n_ports <= TERMS_PORTS_MAX);
	for (uint32_t i = 0; i < terms->n_ports; i++)
		FUZZ_CHECK(terms->ports[i].lo >= 1 && terms->ports[i].lo <= terms->ports[i].hi);
	FUZZ_CHECK(policy->max_tunnels >= 0 && policy->max_tunnels <= POLICY_MAX_COUNT);
	FUZZ_CHECK(policy->max_conns >= 0 && policy->max_conns <= POLICY_MAX_COUNT);
	FUZZ_CHECK(policy->life >= 0 && policy->life <= POLICY_MAX_LIFE_MS);
}

/* What the record has is complete, and it has something. */
static void check_record(const struct record *record)
{
	FUZZ_CHECK(record->has);
	FUZZ_CHECK(!record_fault(record));
	if (record->has & RECORD_HAS_HASH)
		FUZZ_CHECK(!hash_fault(spore_cstr(record->hash)));
	if (record->has & RECORD_HAS_PUBKEY)
		FUZZ_CHECK(record->pubkey_len && record->pubkey_len <= RECORD_PUBKEY_MAX &&
		           *record->key_owner);
	check_terms(&record->terms);
	for (int form = EVIDENCE_HMAC; form < EVIDENCE_FORMS; form++) {
		const uint32_t has[] = { 0, RECORD_HAS_KEY, RECORD_HAS_PUBKEY, RECORD_HAS_HASH };

		FUZZ_CHECK(!(record->has & has[form]) ==
		           !session_number(host_table(), form, record, "alice"));
	}
}

/* An answer of random bytes fits no record. */
static void check_answer(spore_str answer, const struct record *record)
{
	const struct evidence_rules rules = { .host = host_table() };
	spore_auth_request rq = { .struct_size = sizeof rq, .purpose = SPORE_AUTH_CONTROL };
	struct evidence evidence;

	if (answer.len > SPORE_AUTH_ANSWER_MAX)
		answer.len = SPORE_AUTH_ANSWER_MAX;
	rq.answer = answer;
	evidence_init(&evidence, &rules, &rq);
	FUZZ_CHECK(strlen(evidence.name) <= SPORE_IDENTITY_MAX);
	for (int form = EVIDENCE_HMAC; form < EVIDENCE_FORMS; form++) {
		struct credential credential = evidence_credential(form, record);

		FUZZ_CHECK(evidence_fits(&evidence, &rules, &credential) != EVIDENCE_RIGHT);
	}
	evidence_fini(&evidence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_exact(data, size), wrong[REPLY_WRONG_MAX];
	struct record record = { 0 };
	struct intake intake;
	redisReply *reply;

	FUZZ_CHECK(intake_init(&intake) && intake_feed(&intake, text, size));
	while (intake_next(&intake, &reply) && reply) {
		wrong[0] = '\0';
		switch (reply_read(reply, host_table(), &record, wrong)) {
		case STORE_FOUND:
			check_record(&record);
			break;
		case STORE_UNKNOWN:
			break;
		default:
			FUZZ_CHECK(*wrong && strlen(wrong) < REPLY_WRONG_MAX);
		}
		intake_free(reply);
	}
	check_answer((spore_str){ text, size }, &record);
	record_fini(&record);
	intake_fini(&intake);
	free(text);
	return 0;
}
