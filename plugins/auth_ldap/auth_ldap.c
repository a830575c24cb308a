/* auth_ldap - identifies a client by its name and its password, which an LDAP directory checks. For
 * servers.
 *
 *   verify ──▶ attempt ─┐
 *                       ├─▶ directory ──▶ breaker, lines ──▶ link (libldap)
 *   timer  ──▶ watch ───┘
 *
 * libldap blocks, so it runs on threads of the instance only. The directory is asked once for each
 * control connection. Data connections are verified with the MAC of the password that it has
 * accepted, and an open tunnel is renewed by its session, which stands for the client's entry. */
#include <stdlib.h>

#include "../common/client/identity.h"
#include "../common/report.h"
#include "attempt.h"
#include "watch.h"

/* The state of a worker. */
struct verifier {
	struct ldap_instance *ldap;
	struct attempts attempts;
	struct watch *watch; /* owned; NULL: another worker watches, or nobody can */
};

/* ---- create and destroy ---- */

static void destroy(void *instance)
{
	struct ldap_instance *ldap = instance;

	directory_fini(&ldap->directory);
	tunnels_unref(ldap->inherited);
	tunnels_unref(ldap->tunnels);
	explicit_bzero(ldap, sizeof *ldap);
	free(ldap);
}

/* False: no transport is secure, so every password would be refused. */
static bool is_useful(const spore_create_args *args)
{
	bool may = spore_may_be_secure(args);

	if (!may)
		report(args, "", "expected a secure transport, such as tls, found none");
	return may;
}

static void warn_of_options(const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	int64_t most_ms = spore_auth_time(args);

	if (most_ms && conf->timeout >= most_ms)
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
		           "a question may take %lld ms (timeout), but after %lld ms "
		           "(server.auth_timeout) the client is refused: keep timeout below "
		           "server.auth_timeout",
		           (long long)conf->timeout, (long long)most_ms);
	if (!conf->user)
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
		           "without a service account (user) nobody notices when the access of a "
		           "client with a tunnel ends: limit its life by the policy");
}

static bool set_up(struct ldap_instance *ldap, const spore_create_args *args)
{
	const struct ldap_instance *previous = args->previous;
	bool good = is_useful(args);

	ldap->host = args->host;
	ldap->log = args->ctx;
	ldap->tunnels = tunnels_new();
	if (!directory_init(&ldap->directory, args))
		return false;
	if (previous)
		ldap->inherited = tunnels_ref(previous->tunnels);
	good = good && ldap->tunnels && spore_password_key(args, ldap->key) == SPORE_OK;
	if (good)
		warn_of_options(args);
	else
		directory_fini(&ldap->directory);
	return good;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct ldap_instance *ldap = calloc(1, sizeof *ldap);

	if (!ldap)
		return SPORE_ENOMEM;
	if (set_up(ldap, args)) {
		*instance_out = ldap;
		return SPORE_OK;
	}
	tunnels_unref(ldap->inherited);
	tunnels_unref(ldap->tunnels);
	free(ldap);
	return SPORE_ECONFIG;
}

/* ---- workers ---- */

static void on_done(struct attempt *attempt);

static spore_status worker_start(void *instance, spore_worker *worker, spore_ticket ticket,
                                 void **state_out)
{
	struct ldap_instance *ldap = instance;
	struct verifier *verifier = calloc(1, sizeof *verifier);
	bool watches = ldap->host->worker_index(worker) == 0 &&
	               settings_has_service(&ldap->directory.settings);

	(void)ticket;
	if (!verifier)
		return SPORE_ENOMEM;
	verifier->ldap = ldap;
	if (!attempts_start(&verifier->attempts, ldap->host, worker, on_done)) {
		free(verifier);
		return SPORE_ENOMEM;
	}
	verifier->watch = watches ? watch_start(ldap, worker) : NULL;
	if (watches && !verifier->watch) {
		attempts_stop(&verifier->attempts);
		free(verifier);
		return SPORE_ENOMEM;
	}
	*state_out = verifier;
	return SPORE_OK;
}

static void worker_drain(void *state)
{
	struct verifier *verifier = state;

	watch_drain(verifier->watch);
}

static void worker_stop(void *state)
{
	struct verifier *verifier = state;

	watch_free(verifier->watch);
	attempts_stop(&verifier->attempts);
	free(verifier);
}

/* ---- the end of a question ---- */

/* Leaves the answer to the next instance, and tells the operator why. Anyone can cause this, so the
 * lines are limited. */
static int32_t pass_on(struct ldap_instance *ldap, const char *name, const char *why)
{
	if (pace_allows_line(&ldap->refusals, ldap->host, ldap->log, SPORE_LOG_INFO,
	                     "refused passwords"))
		spore_logf(ldap->host, ldap->log, SPORE_LOG_INFO,
		           "the password of %s is refused: %s", name, why);
	return SPORE_NEXT;
}

/* The directory gives no verdict: an earlier one may count ("last_good"). */
static int32_t status_of(enum ask_result result)
{
	return result == ASK_BUSY        ? SPORE_EBUSY
	       : result == ASK_NO_MEMORY ? SPORE_ENOMEM
	       : result == ASK_TIMEOUT   ? SPORE_ETIMEOUT
	                                 : SPORE_EBACKEND;
}

/* Lets the client in. Returns SPORE_EPENDING, because the ticket has been completed, or
 * SPORE_ENOMEM. */
static int32_t allow(const struct attempt *attempt)
{
	struct ldap_instance *ldap = attempt->ldap;
	const struct facts *facts = &attempt->inquiry.facts;
	bool has_password = attempt->purpose == SPORE_AUTH_CONTROL;
	struct policy limits = entry_limits(facts);
	struct tunnels_entry entry = { attempt->name, facts, has_password ? attempt->mac : NULL,
		                       ldap->inherited };
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(facts->identity),
		.session = ldap_session(ldap, facts),
	};

	policy_grant(&limits, &result);
	if (has_password) {
		result.verifier = (spore_str){ (const char *)attempt->mac, sizeof attempt->mac };
		result.verifier_hint = spore_verifier_hint(ldap->host, spore_cstr(attempt->name));
	}
	if (!tunnels_begin(ldap->tunnels, result.session, &entry, ldap->host->now_ms()))
		return SPORE_ENOMEM;
	if (ldap->host->complete_verify(attempt->ticket, SPORE_ALLOW, &result) != SPORE_OK)
		tunnels_end(ldap->tunnels, result.session, facts->identity);
	return SPORE_EPENDING;
}

/* The directory has accepted the client. A data connection and a renewal must also come from the
 * owner of the tunnel. */
static int32_t judge_accepted(const struct attempt *attempt)
{
	struct ldap_instance *ldap = attempt->ldap;
	bool is_same = ldap_session(ldap, &attempt->inquiry.facts) == attempt->session;

	if (attempt->purpose == SPORE_AUTH_DATA) {
		if (is_same)
			tunnels_learn(ldap->tunnels, attempt->session, attempt->mac);
		return is_same ? SPORE_ALLOW : SPORE_DENY;
	}
	if (attempt->purpose == SPORE_AUTH_RENEW && !is_same)
		return pass_on(ldap, attempt->name, "its entry has another name now");
	return allow(attempt);
}

/* What is not understood could be a restriction, so no earlier verdict may count either. */
static int32_t deny(const struct attempt *attempt)
{
	ldap_log_wrong(attempt->ldap, attempt->name, &attempt->inquiry.fault);
	return SPORE_DENY;
}

static void on_done(struct attempt *attempt)
{
	const struct inquiry *inquiry = &attempt->inquiry;
	int32_t verdict;

	if (inquiry->says == DIRECTORY_YES)
		verdict = judge_accepted(attempt);
	else if (inquiry->says == DIRECTORY_NO)
		verdict = pass_on(attempt->ldap, attempt->name, inquiry->fault.text);
	else if (inquiry->fault.result == ASK_BAD_ENTRY)
		verdict = deny(attempt);
	else
		verdict = status_of(inquiry->fault.result);
	if (verdict != SPORE_EPENDING)
		attempt->ldap->host->complete_verify(attempt->ticket, verdict, NULL);
}

/* ---- questions ---- */

static int32_t start(struct verifier *verifier, struct attempt *attempt)
{
	struct ldap_instance *ldap = verifier->ldap;
	struct fault fault;
	spore_status status = attempts_add(&verifier->attempts, attempt);

	if (status == SPORE_OK)
		return SPORE_EPENDING;
	if (status == SPORE_EBUSY) {
		fault_set(&fault, ASK_BUSY, "too many questions wait for it");
		outcomes_count(&ldap->directory.outcomes, &fault, -1);
	}
	return status;
}

static int32_t ask(struct verifier *verifier, const spore_auth_request *rq,
                   const struct password_answer *answer, const uint8_t mac[TUNNELS_MAC_SIZE],
                   spore_ticket ticket)
{
	struct attempt *attempt = calloc(1, sizeof *attempt);

	if (!attempt)
		return SPORE_ENOMEM;
	attempt->ldap = verifier->ldap;
	attempt->ticket = ticket;
	attempt->purpose = rq->purpose == SPORE_AUTH_RENEW ? SPORE_AUTH_CONTROL : rq->purpose;
	attempt->session = rq->session;
	memcpy(attempt->name, answer->name, sizeof answer->name);
	memcpy(attempt->password, answer->password, sizeof answer->password);
	memcpy(attempt->mac, mac, sizeof attempt->mac);
	return start(verifier, attempt);
}

static int32_t judge(struct verifier *verifier, const spore_auth_request *rq,
                     const struct password_answer *answer, spore_ticket ticket)
{
	struct ldap_instance *ldap = verifier->ldap;
	uint8_t mac[TUNNELS_MAC_SIZE];
	enum tunnels_says says = TUNNELS_UNKNOWN;
	int32_t verdict;

	if (!rq->secure)
		return pass_on(ldap, answer->name,
		               "it came over a connection that is not secure, so it is no secret "
		               "any more");
	if (!identity_is_good(spore_cstr(answer->name)))
		return pass_on(ldap, answer->name,
		               "the name is not UTF-8 without control characters");
	if (spore_password_verifier(ldap->host, ldap->key, spore_cstr(answer->name),
	                            spore_cstr(answer->password), mac) != SPORE_OK)
		return SPORE_ESYS;
	if (rq->purpose == SPORE_AUTH_DATA)
		says = tunnels_check(ldap->tunnels, ldap->host, rq->session, mac);
	verdict = says == TUNNELS_RIGHT   ? SPORE_ALLOW
	          : says == TUNNELS_WRONG ? SPORE_DENY
	                                  : ask(verifier, rq, answer, mac, ticket);
	explicit_bzero(mac, sizeof mac);
	return verdict;
}

static void copy_identity(char out[SPORE_IDENTITY_MAX + 1], spore_str identity)
{
	snprintf(out, SPORE_IDENTITY_MAX + 1, "%.*s", (int)identity.len, identity.ptr);
}

/* Asks about the client of an open tunnel, whose answer the host has wiped. Without a service
 * account nobody can say whether it may still have its tunnel, which then stays with the old
 * instance. */
static int32_t renew(struct verifier *verifier, const spore_auth_request *rq, spore_ticket ticket)
{
	struct ldap_instance *ldap = verifier->ldap;
	char identity[SPORE_IDENTITY_MAX + 1];
	struct attempt *attempt;

	if (!settings_has_service(&ldap->directory.settings))
		return SPORE_EUNSUPPORTED;
	attempt = calloc(1, sizeof *attempt);
	if (!attempt)
		return SPORE_ENOMEM;
	attempt->ldap = ldap;
	attempt->ticket = ticket;
	attempt->purpose = rq->purpose;
	attempt->session = rq->session;
	/* The old instance knows how the client spells its name. Otherwise its identity must do. */
	copy_identity(identity, rq->identity);
	if (!ldap->inherited ||
	    !tunnels_name(ldap->inherited, rq->session, identity, attempt->name))
		memcpy(attempt->name, identity, sizeof identity);
	return start(verifier, attempt);
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	struct verifier *verifier = state;
	struct password_answer answer;
	int32_t verdict = SPORE_NEXT;

	if (rq->purpose == SPORE_AUTH_RENEW && rq->same_instance)
		return renew(verifier, rq, ticket);
	if (password_answer_parse(rq->answer, &answer))
		verdict = judge(verifier, rq, &answer, ticket);
	explicit_bzero(&answer, sizeof answer);
	return verdict;
}

static void cancel(void *state, spore_ticket ticket)
{
	struct verifier *verifier = state;

	attempts_cancel(&verifier->attempts, ticket);
}

static void session_end(void *state, const spore_session_end *end)
{
	const struct verifier *verifier = state;
	char identity[SPORE_IDENTITY_MAX + 1];

	copy_identity(identity, end->identity);
	tunnels_end(verifier->ldap->tunnels, end->session, identity);
}

/* The directory fails. A tunnel that is opened now is entered into the table as usual, so that its
 * data connections are verified. When the directory works again, its client is looked at. */
static int32_t recheck(void *state, const spore_auth_request *rq, spore_ticket ticket,
                       const spore_held *held)
{
	struct ldap_instance *ldap = ((struct verifier *)state)->ldap;
	const spore_verifier *verifier = NULL;
	struct password_answer answer;
	bool opens_tunnel = ticket && rq->purpose == SPORE_AUTH_CONTROL;
	struct facts facts = { 0 }; /* only the identity is known */
	bool good = true;

	if (rq->secure && password_answer_parse(rq->answer, &answer))
		verifier = spore_password_find(ldap->host, ldap->key, spore_cstr(answer.name),
		                               spore_cstr(answer.password), held);
	if (verifier && opens_tunnel) {
		struct tunnels_entry entry = { answer.name, &facts,
			                       (const uint8_t *)verifier->bytes.ptr, NULL };

		copy_identity(facts.identity, verifier->identity);
		good = tunnels_begin(ldap->tunnels, verifier->session, &entry,
		                     ldap->host->now_ms());
	}
	explicit_bzero(&answer, sizeof answer);
	return verifier && good ? SPORE_ALLOW : SPORE_NEXT;
}

static uint32_t needs_challenge(void *instance)
{
	(void)instance;
	return SPORE_CHALLENGE_PLAIN | SPORE_CHALLENGE_ACCEPTS(SPORE_OFFER_PASSWORDS);
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.flags = SPORE_AUTHF_RENEWS_BY_SESSION,
	.verify = verify,
	.cancel = cancel,
	.session_end = session_end,
	.needs_challenge = needs_challenge,
	.recheck = recheck,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "ldap",
	.summary = "an LDAP directory checks names and passwords",
	.ops = &ops,
	.options = settings_options,
	.n_options = SETTINGS_N_OPTIONS,
	.option_size = sizeof *settings_options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
	.worker_drain = worker_drain,
	.worker_stop = worker_stop,
};

SPORE_PLUGIN("auth_ldap", "1.0.0", "The Spore authors", "MIT", "", &component);
