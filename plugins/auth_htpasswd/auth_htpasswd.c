/* auth_htpasswd - identifies a client by its name and its password. The server has a file as
 * htpasswd and mkpasswd make it, which holds slow hashes of the passwords.
 *
 * A hash is computed on the pool of the instance (trial.h). Once a password has been accepted, its
 * seal (seal.h) answers for further connections on the worker. An open tunnel is renewed by its
 * session, which stands for the name and the text of the hash, so the host need not keep the
 * password. */
#include <spore/auth.h>
#include <stdlib.h>

#include "../common/pace.h"
#include "../common/password/hash.h"
#include "../common/password_answer.h"
#include "../common/report.h"
#include "roster.h"
#include "trial.h"

struct htpasswd {
	const spore_host *host;
	spore_ctx *log;
	struct roster roster;
	struct pace refusals, failures; /* logged ones */
};

/* The state of a worker. */
struct verifier {
	struct htpasswd *all;
	spore_worker *worker;
	struct trial *trials; /* those that are under way */
};

static const spore_option options[] = {
	SPORE_STRING(
		struct conf, file,
		SPORE_OPTF_REQUIRED | SPORE_OPTF_PATH | SPORE_OPTF_READ | SPORE_OPTF_NOT_EMPTY,
		NULL,
		"file of names and hashes of passwords, as htpasswd -B makes it: one NAME:HASH "
		"per line, by bcrypt, yescrypt or SHA-512; # begins a comment"),
	SPORE_MAP(struct conf, policy, SPORE_OPTF_INHERITS, &policy_item,
	          "limits of each name; the policy of \"*\" applies to what a policy leaves out"),
	SPORE_STRING(struct conf, policy_file,
	             SPORE_OPTF_PATH | SPORE_OPTF_READ | SPORE_OPTF_NOT_EMPTY, NULL,
	             "JSON file of further limits, in the form of the option policy"),
};

/* ---- create and destroy ---- */

static void destroy(void *instance)
{
	struct htpasswd *all = instance;

	roster_fini(&all->roster);
	free(all);
}

/* False: every password would be refused, since it came over a connection that is not secure. */
static bool is_useful(const spore_create_args *args)
{
	bool may = spore_may_be_secure(args);

	if (!may)
		report(args, "", "expected a secure transport, such as tls, found none");
	return may;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct htpasswd *previous = args->previous;
	struct htpasswd *all = calloc(1, sizeof *all);
	bool good;

	if (!all)
		return SPORE_ENOMEM;
	all->host = args->host;
	all->log = args->ctx;
	good = is_useful(args);
	good = roster_read(&all->roster, args, previous ? &previous->roster : NULL) && good;
	if (!good) {
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

	(void)ticket;
	if (!verifier)
		return SPORE_ENOMEM;
	*verifier = (struct verifier){ instance, worker, NULL };
	*state_out = verifier;
	return SPORE_OK;
}

static void worker_stop(void *state)
{
	free(state);
}

/* ---- verdicts ---- */

/* Leaves the answer to the next instance, and tells the operator why. Anyone can cause this, so the
 * lines are limited. */
static int32_t pass_on(struct htpasswd *all, const char *name, const char *why)
{
	if (pace_allows_line(&all->refusals, all->host, all->log, SPORE_LOG_INFO,
	                     "refused passwords"))
		spore_logf(all->host, all->log, SPORE_LOG_INFO, "the password of %s is refused: %s",
		           name, why);
	return SPORE_NEXT;
}

static int32_t allow(const struct htpasswd *all, const struct member *member, spore_ticket ticket)
{
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(member->name),
		.session = member->session,
	};

	policy_grant(&member->policy, &result);
	all->host->complete_verify(ticket, SPORE_ALLOW, &result);
	return SPORE_EPENDING;
}

static int32_t report_failed_hash(struct htpasswd *all, const char *name)
{
	if (pace_allows_line(&all->failures, all->host, all->log, SPORE_LOG_ERROR, "failed hashes"))
		spore_logf(all->host, all->log, SPORE_LOG_ERROR,
		           "libxcrypt cannot compute the hash of the password of %s: is memory "
		           "out, or is the hash in the file damaged?",
		           name);
	return SPORE_EBACKEND;
}

static void on_tried(struct trial *trial)
{
	struct verifier *verifier = trial->owner;
	struct htpasswd *all = verifier->all;
	int32_t verdict;

	if (trial->says == HASH_FAILED)
		verdict = report_failed_hash(all, trial->member->name);
	else if (trial->obstacle)
		verdict = pass_on(all, trial->answer.name, trial->obstacle);
	else if (trial->says == HASH_WRONG)
		verdict = pass_on(all, trial->answer.name, "it is wrong");
	else
		verdict = allow(all, trial->member, trial->ticket);
	if (verdict != SPORE_EPENDING)
		all->host->complete_verify(trial->ticket, verdict, NULL);
}

/* NULL: the member has a hash that decides. */
static const char *find_obstacle(const struct member *member)
{
	if (!member)
		return "the file has no such name";
	return member->is_locked ? "the name is locked" : NULL;
}

/* Known, unknown and locked names all come here, so that they take the same time. If no name has a
 * hash, all are refused at once. */
static int32_t compute_hash(struct verifier *verifier, const struct password_answer *answer,
                            const struct member *member, spore_ticket ticket)
{
	struct htpasswd *all = verifier->all;
	const char *obstacle = find_obstacle(member);
	struct trial_order order = {
		.host = all->host,
		.worker = verifier->worker,
		.on_done = on_tried,
		.owner = verifier,
		.ticket = ticket,
		.answer = answer,
		.obstacle = obstacle,
		.member = obstacle ? roster_stand_in(&all->roster, all->host, answer->name)
		                   : member,
	};
	spore_status status;

	if (!order.member)
		return pass_on(all, answer->name, obstacle);
	status = trial_start(&verifier->trials, &order);
	return status == SPORE_OK ? SPORE_EPENDING : status;
}

static int32_t judge_password(struct verifier *verifier, const spore_auth_request *rq,
                              const struct password_answer *answer, spore_ticket ticket)
{
	struct htpasswd *all = verifier->all;
	const struct member *member = roster_find(&all->roster, answer->name);
	enum seal_says says = SEAL_EMPTY;

	if (!rq->secure)
		return pass_on(all, answer->name,
		               "it came over a connection that is not secure, so it is no secret "
		               "any more");
	/* A data connection must belong to the owner of its tunnel. */
	if (rq->purpose == SPORE_AUTH_DATA && (!member || member->session != rq->session))
		return SPORE_DENY;
	if (member && !member->is_locked)
		says = seal_compare(member->seal, all->host,
		                    hash_reads(member->hash, answer->password));
	if (says == SEAL_SAME)
		return allow(all, member, ticket);
	/* A wrong password. On a control connection, its hash is computed all the same, so that the
	 * time does not tell that the name exists. */
	if (says == SEAL_OTHER && rq->purpose == SPORE_AUTH_DATA)
		return SPORE_DENY;
	return compute_hash(verifier, answer, member, ticket);
}

/* The member of an open tunnel that is to be renewed. The tunnel's session says that the client
 * knew the password of this very hash. NULL: no tunnel is to be renewed; or the name is gone or
 * locked, or has another hash; or another instance let the client in. */
static const struct member *find_renewed(const struct htpasswd *all, const spore_auth_request *rq)
{
	char name[SPORE_IDENTITY_MAX + 1];
	const struct member *member;

	if (rq->purpose != SPORE_AUTH_RENEW || !rq->same_instance ||
	    rq->identity.len >= sizeof name)
		return NULL;
	memcpy(name, rq->identity.ptr, rq->identity.len);
	name[rq->identity.len] = '\0';
	member = roster_find(&all->roster, name);
	return member && !member->is_locked && member->session == rq->session ? member : NULL;
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	struct verifier *verifier = state;
	const struct member *renewed = find_renewed(verifier->all, rq);
	struct password_answer answer;
	int32_t verdict = SPORE_NEXT;

	if (renewed)
		return allow(verifier->all, renewed, ticket);
	if (password_answer_parse(rq->answer, &answer))
		verdict = judge_password(verifier, rq, &answer, ticket);
	explicit_bzero(&answer, sizeof answer);
	return verdict;
}

static void cancel(void *state, spore_ticket ticket)
{
	const struct verifier *verifier = state;

	trial_cancel(verifier->trials, ticket);
}

static uint32_t needs_challenge(void *instance)
{
	(void)instance;
	return SPORE_CHALLENGE_PLAIN | SPORE_CHALLENGE_ACCEPTS(SPORE_OFFER_PASSWORDS);
}

static int32_t has_identity(void *instance, spore_str identity)
{
	const struct htpasswd *all = instance;
	char name[SPORE_IDENTITY_MAX + 1];

	if (identity.len > SPORE_IDENTITY_MAX)
		return 0;
	memcpy(name, identity.len ? identity.ptr : "", identity.len);
	name[identity.len] = '\0';
	return roster_find(&all->roster, name) != NULL;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.flags = SPORE_AUTHF_RENEWS_BY_SESSION,
	.verify = verify,
	.cancel = cancel,
	.needs_challenge = needs_challenge,
	.has_identity = has_identity,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "htpasswd",
	.summary = "names and hashed passwords, as htpasswd makes them",
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

SPORE_PLUGIN("auth_htpasswd", "1.0.0", "The Spore authors", "MIT", "", &component);
