#include "keeper.h"

#include <spore/verifier.h>
#include <stdio.h>
#include <stdlib.h>

#include "../report.h"

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

/* True: while the store fails, the host may let in whom this instance has let in before. The option
 * belongs to the host. */
static bool has_last_good(const spore_create_args *args)
{
	const spore_cfg *value = args->host->cfg_get(args->raw, "on_error");
	const char *text = value ? args->host->cfg_string(value) : NULL;

	return text && strcmp(text, "last_good") == 0;
}

static bool make_sessions(struct keeper *keeper, const spore_create_args *args,
                          const struct keeper *previous)
{
	keeper->sessions = sessions_new(has_last_good(args));
	if (previous)
		keeper->before = sessions_ref(previous->sessions);
	return keeper->sessions &&
	       (!previous || sessions_succeed(keeper->sessions, keeper->before));
}

bool keeper_init(struct keeper *keeper, const spore_create_args *args,
                 const struct keeper_options *options)
{
	*keeper = (struct keeper){ .host = args->host, .log = args->ctx };
	pthread_mutex_init(&keeper->lock, NULL);
	keeper->rules.host = args->host;
	keeper->rules.binding = options->binding;
	/* Signatures are bound, so clients learn that they may bind other answers, too. */
	if (options->names.count && options->binding == BINDING_OFF)
		keeper->rules.binding = BINDING_PREFER;
	if (options->bore)
		keeper->roll = roll_new(options->max_keys);
	if (!make_sessions(keeper, args, options->previous) || (options->bore && !keeper->roll) ||
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
	if (keeper->host)
		pthread_mutex_destroy(&keeper->lock);
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

void keeper_deny(const struct keeper *keeper, const struct session *session)
{
	keeper->host->auth_revalidate_session(keeper->log, spore_cstr(session->identity),
	                                      session->number, SPORE_DENY, NULL);
}

void keeper_renew(const struct keeper *keeper, const struct session *session,
                  const struct terms *terms)
{
	struct policy policy = terms_policy(terms);
	spore_auth_result result = { .struct_size = sizeof result };

	policy_grant(&policy, &result);
	keeper->host->auth_revalidate_session(keeper->log, spore_cstr(session->identity),
	                                      session->number, SPORE_ALLOW, &result);
}

/* For sessions_visit(). */
static bool deny_visited(void *keeper, struct session *session, bool is_news)
{
	(void)is_news;
	keeper_deny(keeper, session);
	return false;
}

void keeper_deny_name(struct keeper *keeper, const char *name)
{
	sessions_touch(keeper->sessions, name);
	sessions_visit(keeper->sessions, name, deny_visited, keeper);
}

void keeper_note_hash(struct keeper *keeper, const char *hash)
{
	pthread_mutex_lock(&keeper->lock);
	snprintf(keeper->stand_in, sizeof keeper->stand_in, "%s", hash);
	pthread_mutex_unlock(&keeper->lock);
}

void keeper_stand_in(struct keeper *keeper, char out[HASH_MAX + 1])
{
	pthread_mutex_lock(&keeper->lock);
	memcpy(out, keeper->stand_in, sizeof keeper->stand_in);
	pthread_mutex_unlock(&keeper->lock);
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
