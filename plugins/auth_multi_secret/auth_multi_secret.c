/* auth_multi_secret - many secrets, each with a name and a policy for that name.
 *
 * A client cannot tell it from auth_hmac. bore's answer does not tell whose it is. So on a control
 * connection, an answer without a name in front is compared with all secrets. The session is the
 * number of the name that matched, so on a data connection, the answer is compared with one secret
 * only. This plugin is for servers; a client has one secret and uses auth_hmac. */
#include <spore/auth.h>
#include <stdlib.h>

#include "../common/named.h"
#include "../common/pace.h"
#include "enlist.h"

struct multi_secret {
	const spore_host *host;
	spore_ctx *log;
	int64_t binding; /* enum binding_mode */
	struct roster roster;
	struct pace unbound;  /* lines about answers without a binding */
	struct pace refusals; /* logged ones */
};

/* The state of a worker. */
struct verifier {
	struct multi_secret *all;
	EVP_MD_CTX *scratch; /* owned */
};

static const spore_option_item secret_item = { SPORE_OPT_SECRET, sizeof(spore_str), NULL, 0, 0 };

static const spore_option options[] = {
	SPORE_MAP(struct conf, secrets, SPORE_OPTF_UNIQUE, &secret_item,
	          "name to secret; a name has 1 to 64 letters, digits or any of . _ @ + -"),
	SPORE_STRING(
		struct conf, secrets_file, SPORE_OPTF_PATH | SPORE_OPTF_READ | SPORE_OPTF_NOT_EMPTY,
		NULL,
		"file of further secrets, one NAME:SECRET per line; everything after the first "
		"colon is the secret; # begins a comment"),
	SPORE_MAP(struct conf, policy, SPORE_OPTF_INHERITS, &policy_item,
	          "limits of each name; the policy of \"*\" applies to what a policy leaves out"),
	SPORE_ENUM(struct conf, binding, 0, "\"off\"", BINDING_CHOICES,
	           "accept answers that are bound to the TLS session: \"prefer\" accepts other "
	           "answers, too, and \"require\" does not"),
};

static void destroy(void *instance)
{
	struct multi_secret *all = instance;

	roster_fini(&all->roster);
	free(all);
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct multi_secret *all = calloc(1, sizeof *all);
	const struct conf *conf = args->conf;

	if (!all)
		return SPORE_ENOMEM;
	all->host = args->host;
	all->log = args->ctx;
	all->binding = conf->binding;
	if (!enlist(args, &all->roster) || !binding_is_possible(args, conf->binding)) {
		destroy(all);
		return SPORE_ECONFIG;
	}
	*instance_out = all;
	return SPORE_OK;
}

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct verifier *verifier = malloc(sizeof *verifier);
	EVP_MD_CTX *scratch = EVP_MD_CTX_new();

	(void)worker;
	(void)ticket;
	if (!verifier || !scratch) {
		free(verifier);
		EVP_MD_CTX_free(scratch);
		return SPORE_ENOMEM;
	}
	*verifier = (struct verifier){ instance, scratch };
	*state_out = verifier;
	return SPORE_OK;
}

static void worker_stop(void *state)
{
	struct verifier *verifier = state;

	EVP_MD_CTX_free(verifier->scratch);
	free(verifier);
}

/* The session of a tunnel; 0 is no session. */
static uint64_t session_of(const struct roster *roster, const struct member *member)
{
	return (uint64_t)(member - roster->members) + 1;
}

/* NULL: no member has this session. */
static const struct member *member_of_session(const struct roster *roster, uint64_t session)
{
	return session > 0 && session <= roster->n ? &roster->members[session - 1] : NULL;
}

static spore_auth_result grant(const struct roster *roster, const struct member *member)
{
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(member->name),
		.session = session_of(roster, member),
	};

	policy_grant(&member->policy, &result);
	return result;
}

static int32_t verdict_of(enum roster_outcome outcome)
{
	return outcome == ROSTER_FOUND    ? SPORE_ALLOW
	       : outcome == ROSTER_FAILED ? SPORE_EBACKEND
	                                  : SPORE_NEXT;
}

/* A client's answer. */
struct proof {
	const char *name; /* "": it does not say whose it is */
	uint8_t tag[BORE_TAG_SIZE];
};

static bool names_another(const struct proof *proof, const struct member *member)
{
	return *proof->name && strcmp(proof->name, member->name) != 0;
}

/* Finds whose proof this is. */
static enum roster_outcome find_member(const struct verifier *verifier,
                                       const struct binding_message *message,
                                       const struct proof *proof, const struct member **member_out)
{
	const struct roster *roster = &verifier->all->roster;

	if (!*proof->name)
		return roster_find(roster, verifier->scratch, message, proof->tag, member_out);
	return roster_check_name(roster, proof->name, verifier->scratch, message, proof->tag,
	                         member_out);
}

/* A data connection must belong to the owner of its tunnel. */
static int32_t judge_data(const struct verifier *verifier, uint64_t session,
                          const struct binding_message *message, const struct proof *proof)
{
	const struct member *owner = member_of_session(&verifier->all->roster, session);

	if (!owner || names_another(proof, owner))
		return SPORE_DENY;
	return verdict_of(roster_check(owner, verifier->scratch, message, proof->tag));
}

/* Is it the proof that some name gives for this message? */
static int32_t judge(const struct verifier *verifier, const spore_auth_request *rq,
                     spore_ticket ticket, const struct binding_message *message,
                     const struct proof *proof)
{
	const struct roster *roster = &verifier->all->roster;
	const struct member *member;
	enum roster_outcome outcome;
	spore_auth_result result;

	if (rq->purpose == SPORE_AUTH_DATA)
		return judge_data(verifier, rq->session, message, proof);
	outcome = find_member(verifier, message, proof, &member);
	if (outcome != ROSTER_FOUND)
		return verdict_of(outcome);
	result = grant(roster, member);
	verifier->all->host->complete_verify(ticket, SPORE_ALLOW, &result);
	return SPORE_EPENDING;
}

/* Anyone who knows the secret can cause this, so the lines are limited. */
static void log_unbound(struct multi_secret *all, const char *name, bool has_session)
{
	if (!pace_allows_line(&all->unbound, all->host, all->log, SPORE_LOG_WARN,
	                      "answers without a binding"))
		return;
	if (has_session)
		spore_logf(all->host, all->log, SPORE_LOG_WARN,
		           "the secret of %s is correct, but the answer is not bound to the TLS "
		           "session, which \"binding\": \"require\" demands: does the client set "
		           "binding?",
		           name);
	else
		spore_logf(all->host, all->log, SPORE_LOG_WARN,
		           "the secret of %s is correct, but this connection has no TLS session to "
		           "bind the answer to, which \"binding\": \"require\" demands",
		           name);
}

/* Takes an answer that is not bound. */
static int32_t judge_plain(const struct verifier *verifier, const spore_auth_request *rq,
                           spore_ticket ticket, const struct proof *proof)
{
	struct binding_message message;

	binding_message_init(&message, rq->challenge, (spore_str){ NULL, 0 });
	return judge(verifier, rq, ticket, &message, proof);
}

/* Refuses an answer that is not bound. A correct one must not look like a wrong secret. */
static int32_t judge_unbound(const struct verifier *verifier, const spore_auth_request *rq,
                             const struct proof *proof)
{
	struct binding_message message;
	const struct member *member;

	if (!binding_message_init(&message, rq->challenge, (spore_str){ NULL, 0 }) ||
	    find_member(verifier, &message, proof, &member) != ROSTER_FOUND)
		return SPORE_NEXT;
	log_unbound(verifier->all, member->name, rq->channel_binding.len > 0);
	return SPORE_UNBOUND;
}

/* Leaves the answer to the next instance, and tells the operator why. Anyone can cause this, so the
 * lines are limited. A renewal is not logged: its answer may be right for the next instance, and
 * then each renewal of this tunnel comes here. The host logs a tunnel that ends. */
static int32_t pass_on(struct multi_secret *all, const char *name, uint32_t purpose)
{
	if (purpose == SPORE_AUTH_RENEW || !pace_allows_line(&all->refusals, all->host, all->log,
	                                                     SPORE_LOG_INFO, "refused answers"))
		return SPORE_NEXT;
	if (*name)
		spore_logf(all->host, all->log, SPORE_LOG_INFO, "the answer of %s is refused: %s",
		           name,
		           roster_has(&all->roster, name) ? "its secret is wrong"
		                                          : "no secret has this name");
	else
		spore_logf(all->host, all->log, SPORE_LOG_INFO,
		           "an answer without a name fits none of the secrets");
	return SPORE_NEXT;
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	const struct verifier *verifier = state;
	struct multi_secret *all = verifier->all;
	bool can_bind = all->binding != BINDING_OFF && rq->channel_binding.len;
	struct binding_message message;
	struct named_answer named;
	struct proof proof = { .name = named.name };
	int32_t verdict = SPORE_NEXT;

	if (!named_parse(rq->answer, &named) || !bore_tag_parse(named.proof, proof.tag))
		return SPORE_NEXT;
	if (can_bind && binding_message_init(&message, rq->challenge, rq->channel_binding))
		verdict = judge(verifier, rq, ticket, &message, &proof);
	if (verdict == SPORE_NEXT && all->binding == BINDING_REQUIRE)
		verdict = judge_unbound(verifier, rq, &proof);
	else if (verdict == SPORE_NEXT)
		verdict = judge_plain(verifier, rq, ticket, &proof);
	return verdict == SPORE_NEXT ? pass_on(all, named.name, rq->purpose) : verdict;
}

static uint32_t needs_challenge(void *instance)
{
	const struct multi_secret *all = instance;

	return all->binding == BINDING_OFF ? SPORE_CHALLENGE_PLAIN : SPORE_CHALLENGE_BINDS;
}

static int32_t has_identity(void *instance, spore_str identity)
{
	const struct multi_secret *all = instance;
	const struct roster *roster = &all->roster;

	for (size_t i = 0; i < roster->n; i++) {
		const char *name = roster->members[i].name;

		if (strlen(name) == identity.len && memcmp(name, identity.ptr, identity.len) == 0)
			return 1;
	}
	return 0;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.needs_challenge = needs_challenge,
	.has_identity = has_identity,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "multi_secret",
	.summary = "many secrets, each with a name and a policy (HMAC-SHA256, as in bore)",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("auth_multi_secret", "1.0.0", "The Spore authors", "MIT", "", &component);
