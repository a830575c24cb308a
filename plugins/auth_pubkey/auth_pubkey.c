/* auth_pubkey - identifies a client by a signature of its private key. The server knows public keys
 * only, from files in the form of OpenSSH's authorized_keys.
 *
 * The client answers with its key's fingerprint, a short hash of the server's name, and a signature
 * (proof.h) of a text that holds the purpose, the challenge, the server's name as dialled and the
 * channel binding (statement.h). The fingerprint selects the key and the hash selects the name, so
 * an answer costs the server one signature to check. Instances are read-only after create(), so all
 * workers share one. */
#include <spore/auth.h>
#include <stdlib.h>

#include "../common/pace.h"
#include "../common/pubkey/proof.h"
#include "../common/pubkey/statement.h"
#include "../common/report.h"
#include "keyring.h"
#include "private/private_key.h"

struct conf {
	/* server */
	spore_list authorized_keys, names; /* of const char * */
	/* client */
	const char *keyfile;
	spore_str key_passphrase;
	uint32_t insecure;
};

struct pubkey {
	const spore_host *host;
	spore_ctx *log;
	/* server */
	struct keyring ring;
	struct server_name *names; /* owned */
	size_t n_names;
	struct pace refusals; /* logged ones */
	/* client */
	struct key key;
	bool insecure;
};

static const spore_option_item text_item = { SPORE_OPT_STRING, sizeof(const char *), NULL, 0, 0 };

/* clang-format off */
static const spore_option options[] = {
	SPORE_LIST(struct conf, authorized_keys,
	           SPORE_OPTF_PATH | SPORE_OPTF_READ | SPORE_OPTF_NOT_EMPTY, &text_item,
	           "server: files of public keys in the form of OpenSSH's authorized_keys"),
	SPORE_LIST(struct conf, names, SPORE_OPTF_NOT_EMPTY, &text_item,
	           "server: the names and IP addresses under which clients dial this server, without "
	           "port; a signature for another name is refused"),
	SPORE_STRING(struct conf, keyfile,
	             SPORE_OPTF_PATH | SPORE_OPTF_READ | SPORE_OPTF_NOT_EMPTY, NULL,
	             "client: its private key, Ed25519 or ECDSA P-256, in PEM or OpenSSH form"),
	SPORE_SECRET(struct conf, key_passphrase, 0,
	             "client: passphrase of an encrypted private key"),
	SPORE_BOOL(struct conf, insecure, 0, NULL,
	           "client: also answer on a connection that is not secure, where the answer is "
	           "bound to the server's name only, and anyone in between can take over the "
	           "connection"),
};
/* clang-format on */

/* ---- create and destroy ---- */

static void destroy(void *instance)
{
	struct pubkey *pubkey = instance;

	keyring_fini(&pubkey->ring);
	free(pubkey->names);
	key_fini(&pubkey->key);
	free(pubkey);
}

/* False: the option is given, and this has been reported. `role`: the one that has the option. */
static bool refuse_option(const spore_create_args *args, bool given, const char *pointer,
                          const char *role)
{
	if (given)
		report(args, pointer, "expected this option on a %s only", role);
	return !given;
}

static bool read_names(struct pubkey *pubkey, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	const char *const *texts = conf->names.items;
	bool good = conf->names.count > 0;

	if (!good)
		report(args, "",
		       "expected names: the names under which clients dial this server, such as "
		       "[\"tunnel.example.com\"]");
	pubkey->names = calloc(conf->names.count + 1, sizeof *pubkey->names);
	if (!pubkey->names)
		return false;
	for (size_t i = 0; i < conf->names.count; i++) {
		char pointer[32];

		snprintf(pointer, sizeof pointer, "/names/%zu", i);
		if (server_name_init(&pubkey->names[i], texts[i]))
			continue;
		report(args, pointer,
		       "expected a host name or an IP address without port, as clients dial it");
		good = false;
	}
	pubkey->n_names = conf->names.count;
	return good;
}

static bool set_up_server(struct pubkey *pubkey, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	bool good = refuse_option(args, conf->keyfile, "/keyfile", "client");

	good = refuse_option(args, conf->key_passphrase.ptr, "/key_passphrase", "client") && good;
	good = refuse_option(args, conf->insecure, "/insecure", "client") && good;
	good = read_names(pubkey, args) && good;
	if (conf->authorized_keys.count)
		return keyring_read(&pubkey->ring, args, &conf->authorized_keys) && good;
	report(args, "", "expected authorized_keys: a list of files with the clients' public keys");
	return false;
}

static bool set_up_client(struct pubkey *pubkey, const spore_create_args *args)
{
	const struct conf *conf = args->conf;
	bool good = refuse_option(args, conf->authorized_keys.count, "/authorized_keys", "server");

	good = refuse_option(args, conf->names.count, "/names", "server") && good;
	pubkey->insecure = conf->insecure;
	if (!conf->insecure && !spore_may_be_secure(args)) {
		report(args, "",
		       "expected a secure transport, such as tls that verifies the server, or "
		       "\"insecure\": true, found neither");
		good = false;
	}
	if (conf->keyfile)
		return private_key_read(&pubkey->key, args, conf->keyfile, conf->key_passphrase) &&
		       good;
	report(args, "", "expected keyfile: the client's private key");
	return false;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	struct pubkey *pubkey = calloc(1, sizeof *pubkey);
	bool good;

	if (!pubkey)
		return SPORE_ENOMEM;
	pubkey->host = args->host;
	pubkey->log = args->ctx;
	if (args->role == SPORE_ROLE_SERVER)
		good = set_up_server(pubkey, args);
	else
		good = set_up_client(pubkey, args);
	if (!good) {
		destroy(pubkey);
		return SPORE_ECONFIG;
	}
	*instance_out = pubkey;
	return SPORE_OK;
}

/* ---- the server ---- */

/* Leaves the answer to the next instance, and tells the operator why. Anyone can cause this, so the
 * lines are limited. */
static int32_t pass_on(struct pubkey *pubkey, const struct proof *proof,
                       const struct authorized_key *key, const char *why)
{
	char fingerprint[KEY_FINGERPRINT_TEXT];

	if (!pace_allows_line(&pubkey->refusals, pubkey->host, pubkey->log, SPORE_LOG_INFO,
	                      "refused signatures"))
		return SPORE_NEXT;
	key_print_fingerprint(proof->fingerprint, fingerprint);
	if (key)
		spore_logf(pubkey->host, pubkey->log, SPORE_LOG_INFO,
		           "a signature of %s (%s) is refused: %s", key->restrictions.identity,
		           fingerprint, why);
	else
		spore_logf(pubkey->host, pubkey->log, SPORE_LOG_INFO,
		           "a signature of an unknown client (%s) is refused: %s", fingerprint,
		           why);
	return SPORE_NEXT;
}

static const struct server_name *find_name(const struct pubkey *pubkey, const struct proof *proof)
{
	for (size_t i = 0; i < pubkey->n_names; i++) {
		if (memcmp(pubkey->names[i].hash, proof->name_hash, SERVER_NAME_HASH_SIZE) == 0)
			return &pubkey->names[i];
	}
	return NULL;
}

/* Checks the signature of the proof. The result is that of key_verify. 0: the statement cannot be
 * made. */
static int check_signature(const spore_auth_request *rq, const struct proof *proof,
                           const struct key *key, const struct server_name *name)
{
	struct statement statement;
	struct statement_facts facts = {
		.purpose = rq->purpose,
		.challenge = rq->challenge,
		.fingerprint = proof->fingerprint,
		.name = name,
		.binding = rq->channel_binding,
	};

	return statement_init(&statement, &facts)
	               ? key_verify(key, statement.bytes, statement.len, proof->signature)
	               : 0;
}

/* How long a tunnel of this key may live, from its opening; 0: without limit. A key that expires
 * ends its tunnels. */
static int64_t life_of(const struct restrictions *restrictions, const spore_auth_request *rq,
                       int64_t now_ms)
{
	int64_t own_life = restrictions->terms.policy.life; /* 0: without limit */
	int64_t age_ms = SPORE_HAS(rq, age_ms) ? rq->age_ms : 0;
	int64_t until_expiry = restrictions->expires_ms - now_ms + age_ms;

	if (!restrictions->expires_ms)
		return own_life;
	return own_life && own_life < until_expiry ? own_life : until_expiry;
}

static int32_t allow(const struct pubkey *pubkey, const struct authorized_key *key,
                     const spore_auth_request *rq, int64_t now_ms, spore_ticket ticket)
{
	const struct restrictions *restrictions = &key->restrictions;
	struct policy policy = terms_policy(&restrictions->terms);
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(restrictions->identity),
		.session = keyring_session(key),
	};

	policy.life = life_of(restrictions, rq, now_ms);
	policy_grant(&policy, &result);
	/* A verdict with a result is given by the ticket. */
	pubkey->host->complete_verify(ticket, SPORE_ALLOW, &result);
	return SPORE_EPENDING;
}

static int32_t verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	struct pubkey *pubkey = state;
	const struct authorized_key *key;
	const struct server_name *name;
	struct proof proof;
	int64_t now_ms;
	int right;

	if (!proof_parse(rq->answer, &proof))
		return SPORE_NEXT;
	key = keyring_find(&pubkey->ring, proof.fingerprint);
	if (!key)
		return pass_on(pubkey, &proof, NULL, "no file of authorized_keys has this key");
	now_ms = pubkey->host->wall_ms();
	if (key->restrictions.expires_ms && now_ms >= key->restrictions.expires_ms)
		return pass_on(pubkey, &proof, key, "the key has expired");
	name = find_name(pubkey, &proof);
	if (!name)
		return pass_on(pubkey, &proof, key,
		               "the client dialled a name that \"names\" does not have");
	right = check_signature(rq, &proof, &key->key, name);
	if (right < 0)
		return SPORE_EBACKEND;
	if (!right)
		return pass_on(pubkey, &proof, key, "it is wrong for this connection");
	/* A data connection must belong to the owner of its tunnel. */
	if (rq->purpose == SPORE_AUTH_DATA && rq->session != keyring_session(key))
		return SPORE_DENY;
	return allow(pubkey, key, rq, now_ms, ticket);
}

/* If a connection has a TLS session, its answer is bound to the session. */
static uint32_t needs_challenge(void *instance)
{
	(void)instance;
	return SPORE_CHALLENGE_BINDS | SPORE_CHALLENGE_ACCEPTS(SPORE_OFFER_SIGNATURES);
}

static int32_t has_identity(void *instance, spore_str identity)
{
	const struct pubkey *pubkey = instance;

	return keyring_has_identity(&pubkey->ring, identity);
}

/* ---- the client ---- */

/* Why the server must not get an answer; NULL: it may get one. */
static const char *find_obstacle(const struct pubkey *pubkey, const spore_answer_request *rq)
{
	if (!rq->secure && !pubkey->insecure)
		return "this connection is not secure: use the transport tls, or set \"insecure\": "
		       "true";
	if (!(spore_challenge_offers(rq->challenge) & SPORE_OFFER_SIGNATURES))
		return "the server does not accept signatures";
	if (rq->channel_binding.len && !spore_challenge_binds(rq->challenge))
		return "the server does not bind answers to the TLS session, or a proxy between "
		       "ends that session";
	return NULL;
}

static bool make_proof(const struct pubkey *pubkey, const spore_answer_request *rq,
                       const struct server_name *name, struct proof *proof)
{
	struct statement statement;
	struct statement_facts facts = {
		.purpose = rq->purpose,
		.challenge = rq->challenge,
		.fingerprint = pubkey->key.fingerprint,
		.name = name,
		.binding = rq->channel_binding,
	};

	memcpy(proof->fingerprint, pubkey->key.fingerprint, KEY_FINGERPRINT_SIZE);
	memcpy(proof->name_hash, name->hash, SERVER_NAME_HASH_SIZE);
	return statement_init(&statement, &facts) &&
	       key_sign(&pubkey->key, statement.bytes, statement.len, proof->signature);
}

static spore_status answer(void *state, const spore_answer_request *rq, spore_ticket ticket)
{
	const struct pubkey *pubkey = state;
	const char *obstacle = find_obstacle(pubkey, rq);
	struct server_name name;
	struct proof proof;
	char text[PROOF_SIZE];

	if (!obstacle && !server_name_init(&name, rq->server_name))
		obstacle = "the server's name is not a host name or an IP address";
	if (obstacle) {
		spore_logf(pubkey->host, pubkey->log, SPORE_LOG_ERROR, "no answer given: %s",
		           obstacle);
		return SPORE_EUNSUPPORTED;
	}
	if (!make_proof(pubkey, rq, &name, &proof))
		return SPORE_EBACKEND;
	proof_write(&proof, text);
	pubkey->host->complete_answer(ticket, SPORE_OK, (spore_str){ text, sizeof text });
	return SPORE_EPENDING;
}

static const spore_auth_ops ops = {
	.struct_size = sizeof ops,
	.verify = verify,
	.answer = answer,
	.needs_challenge = needs_challenge,
	.has_identity = has_identity,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_AUTH,
	.name = "pubkey",
	.summary = "signatures by a private key; the server knows public keys only",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("auth_pubkey", "1.0.0", "The Spore authors", "MIT", "", &component);
