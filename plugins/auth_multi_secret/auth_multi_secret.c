/* auth_multi_secret - many secrets, each with a name and a policy for that name.
 *
 * A client cannot tell it from auth_hmac. bore's answer does not tell whose it is, so the answer of
 * a control connection is compared with all secrets. The session is the number of the name that
 * matched, so a data connection is compared with one secret only. For servers; a client has one
 * secret and uses auth_hmac. */
#include <spore/auth.h>
#include <stdlib.h>

#include "enlist.h"

struct multi_secret {
	const spore_host *host;
	spore_ctx *log;
	int64_t binding; /* enum binding_mode */
	struct roster roster;
};

/* The state of a worker. */
struct verifier {
	const struct multi_secret *all;
	EVP_MD_CTX *scratch; /* owned */
};

static const spore_option policy_rows[] = {
	SPORE_PORTS(struct policy, ports, 0, NULL,
	            "public ports that it may use; default: those of the server"),
	SPORE_INT(struct policy, max_tunnels, 0, NULL, 1, 1000000,
	          "tunnels at once; default: no limit"),
	SPORE_INT(struct policy, max_conns, 0, NULL, 1, 1000000,
	          "visitors at once on all its tunnels, waiting ones included; default: no limit"),
	SPORE_DURATION(struct policy, life, 0, NULL, 1, 365 * 86400000LL,
	               "lifetime of a tunnel; default: no limit"),
};
static const spore_option_item policy_item = { SPORE_OPT_OBJECT, sizeof(struct policy), policy_rows,
	                                       sizeof policy_rows / sizeof *policy_rows,
	                                       sizeof *policy_rows };
static const spore_option_item secret_item = { SPORE_OPT_SECRET, sizeof(spore_str), NULL, 0, 0 };

static const spore_option options[] = {
	SPORE_MAP(struct conf, secrets, 0, &secret_item,
	          "name to secret; a name has 1 to 64 letters, digits or any of . _ @ + -"),
	SPORE_STRING(
		struct conf, secrets_file, SPORE_OPTF_PATH | SPORE_OPTF_READ, NULL,
		"file of further secrets, one NAME:SECRET per line; everything after the first "
		"colon is the secret; # begins a comment"),
	SPORE_MAP(struct conf, policy, 0, &policy_item,
	          "name to its limits; the policy of \"*\" applies to what a policy leaves out"),
	SPORE_ENUM(
		struct conf, binding, 0, "\"off\"", BINDING_CHOICES,
		"accept answers that are bound to the TLS session, besides others (prefer) or only "
		"those (require)"),
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
	if (!enlist(args, &all->roster)) {
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

static spore_auth_result grant(const struct roster *roster, const struct member *member)
{
	const struct policy *policy = &member->policy;

	return (spore_auth_result){
		.struct_size = sizeof(spore_auth_result),
		.fields = (policy->ports.count ? SPORE_AUTH_F_PORTS : 0) |
		          (policy->max_tunnels ? SPORE_AUTH_F_MAX_TUNNELS : 0) |
		          (policy->max_conns ? SPORE_AUTH_F_MAX_CONNS : 0) |
		          (policy->life ? SPORE_AUTH_F_LIFE : 0),
		.identity = spore_cstr(member->name),
		.session = session_of(roster, member),
		.ports = policy->ports.items,
		.n_ports = policy->ports.count,
		.max_tunnels = (uint32_t)policy->max_tunnels,
		.max_conns = (uint32_t)policy->max_conns,
		.life_ms = policy->life,
	};
}

static int32_t verdict_of(enum roster_outcome outcome)
{
	return outcome == ROSTER_FOUND    ? SPORE_ALLOW
	       : outcome == ROSTER_FAILED ? SPORE_EBACKEND
	                                  : SPORE_NEXT;
}

/* Checks whether `tag` is the tag that some name gives this message. */
static int32_t judge(const struct verifier *verifier, const spore_auth_request *rq,
                     spore_ticket ticket, const struct binding_message *message,
                     const uint8_t tag[BORE_TAG_SIZE])
{
	const struct roster *roster = &verifier->all->roster;
	const struct member *member;
	enum roster_outcome outcome;
	spore_auth_result result;

	if (rq->purpose == SPORE_AUTH_DATA) {
		if (rq->session == 0 || rq->session > roster->n)
			return SPORE_DENY;
		member = &roster->members[rq->session - 1];
		return verdict_of(roster_check(member, verifier->scratch, message, tag));
	}
	outcome = roster_find(roster, verifier->scratch, message, tag, &member);
	if (outcome != ROSTER_FOUND)
		return verdict_of(outcome);
	result = grant(roster, member);
	verifier->all->host->complete_verify(ticket, SPORE_ALLOW, &result);
	return SPORE_EPENDING;
}

/* Logs if the answer is correct but unbound: otherwise it would look like a wrong secret. */
static void log_unbound(const struct verifier *verifier, const spore_auth_request *rq,
                        const uint8_t tag[BORE_TAG_SIZE])
{
	const struct multi_secret *all = verifier->all;
	const struct member *member;
	struct binding_message message;

	if (binding_message_init(&message, rq->challenge, (spore_str){ NULL, 0 }) &&
	    roster_find(&all->roster, verifier->scratch, &message, tag, &member) == ROSTER_FOUND)
		spore_logf(all->host, all->log, SPORE_LOG_WARN,
		           "the secret of %s is correct, but the answer is not bound to the TLS "
		           "session, which "
		           "\"binding\": \"require\" demands: does the client set binding?",
		           member->name);
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	const struct verifier *verifier = state;
	const struct multi_secret *all = verifier->all;
	bool can_bind = all->binding != BINDING_OFF && rq->channel_binding.len;
	struct binding_message message;
	uint8_t tag[BORE_TAG_SIZE];
	int32_t verdict = SPORE_NEXT;

	if (!bore_tag_parse(rq->answer, tag))
		return SPORE_NEXT;
	if (all->binding == BINDING_REQUIRE && !can_bind)
		spore_logf(all->host, all->log, SPORE_LOG_WARN,
		           "this connection has no TLS session to bind the answer to, which "
		           "\"binding\": \"require\" demands");
	if (can_bind && binding_message_init(&message, rq->challenge, rq->channel_binding))
		verdict = judge(verifier, rq, ticket, &message, tag);
	if (verdict == SPORE_NEXT && all->binding == BINDING_REQUIRE && can_bind)
		log_unbound(verifier, rq, tag);
	if (verdict != SPORE_NEXT || all->binding == BINDING_REQUIRE)
		return verdict;
	binding_message_init(&message, rq->challenge, (spore_str){ NULL, 0 });
	return judge(verifier, rq, ticket, &message, tag);
}

static uint32_t needs_challenge(void *instance)
{
	const struct multi_secret *all = instance;

	return all->binding == BINDING_OFF ? SPORE_CHALLENGE_PLAIN : SPORE_CHALLENGE_BINDS;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.needs_challenge = needs_challenge,
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
