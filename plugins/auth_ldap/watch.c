#include "watch.h"

#include <stdlib.h>

/* So long after a full batch the next one may begin: about 1000 looks in a second. */
enum { BATCH_PAUSE_MS = 32 };

/* ---- what a look has shown ---- */

static void end_access(struct ldap_instance *all, const struct look *look, const char *why)
{
	const char *identity = look->known.identity;

	if (pace_allows_line(&all->refusals, all->host, all->log, SPORE_LOG_INFO,
	                     "refused passwords"))
		spore_logf(all->host, all->log, SPORE_LOG_INFO, "the access of %s has ended: %s",
		           identity, why);
	all->host->auth_revalidate(all->log, spore_cstr(identity), SPORE_DENY, NULL);
}

static void change_rights(struct ldap_instance *all, const struct look *look)
{
	struct policy limits = entry_limits(&look->facts);
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(look->facts.identity),
		.session = look->session,
	};

	policy_grant(&limits, &result);
	tunnels_update(all->tunnels, look);
	all->host->auth_revalidate(all->log, result.identity, SPORE_ALLOW, &result);
}

static enum look_result judge(struct ldap_instance *all, const struct look *look)
{
	if (look->says == DIRECTORY_FAILED)
		return LOOK_FAILED;
	if (look->says == DIRECTORY_NO) {
		end_access(all, look, look->fault.text);
		return LOOK_ENDED;
	}
	if (ldap_session(all, &look->facts) != look->session ||
	    strcmp(look->facts.identity, look->known.identity) != 0) {
		end_access(all, look, "its entry has another name now");
		return LOOK_ENDED;
	}
	if (!look->is_uneven && entry_is_same(&look->known, &look->facts))
		return LOOK_SAME;
	change_rights(all, look);
	return LOOK_CHANGED;
}

/* ---- the looks ---- */

/* A client that was let in while the directory failed: its DN is not known. */
static void find_again(struct ldap_instance *all, struct look *look)
{
	struct inquiry inquiry = { .name = look->name };

	directory_ask(&all->directory, &inquiry);
	look->says = inquiry.says;
	look->facts = inquiry.facts;
	look->fault = inquiry.fault;
}

/* Puts those whose DN is known in front. Returns how many they are. */
static size_t sort_known(struct look *looks, size_t n)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++) {
		struct look other;

		if (!*looks[i].known.dn)
			continue;
		if (i != known) {
			other = looks[known];
			looks[known] = looks[i];
			looks[i] = other;
		}
		known++;
	}
	return known;
}

static void look_at_all(void *arg)
{
	struct watch *watch = arg;
	struct ldap_instance *all = watch->all;
	struct outcomes *outcomes = &all->directory.outcomes;
	size_t known = sort_known(watch->looks, watch->n);

	if (known && !directory_look(&all->directory, watch->looks, known)) {
		for (size_t i = 0; i < known; i++)
			watch->looks[i].says = DIRECTORY_FAILED;
	}
	for (size_t i = known; i < watch->n; i++)
		find_again(all, &watch->looks[i]);
	for (size_t i = 0; i < watch->n; i++) {
		enum look_result result = judge(all, &watch->looks[i]);

		if (result == LOOK_FAILED && watch->looks[i].fault.result == ASK_BAD_ENTRY &&
		    i < known)
			health_complain(&outcomes->health, watch->looks[i].fault.text);
		all->host->metric_add(NULL, outcomes->looks[result], 1);
	}
}

static void on_looked(void *arg)
{
	struct watch *watch = arg;

	watch->is_looking = false;
	if (watch->n == DIRECTORY_LOOKS_MAX)
		watch->all->host->timer_update(watch->timer, BATCH_PAUSE_MS,
		                               watch->interval_ms / 5);
}

static void on_timer(void *arg)
{
	struct watch *watch = arg;
	const spore_host *host = watch->all->host;
	int64_t now_ms = host->now_ms();

	if (watch->is_looking)
		return;
	watch->n = tunnels_due(watch->all->tunnels, now_ms - watch->interval_ms, now_ms,
	                       watch->looks, DIRECTORY_LOOKS_MAX);
	if (watch->n)
		watch->is_looking = host->offload(watch->worker, look_at_all, on_looked, watch) ==
		                    SPORE_OK;
}

struct watch *watch_start(struct ldap_instance *all, spore_worker *worker)
{
	struct watch *watch = calloc(1, sizeof *watch);
	int64_t interval_ms = all->directory.settings.conf->poll_interval;

	if (!watch)
		return NULL;
	watch->all = all;
	watch->worker = worker;
	watch->interval_ms = interval_ms;
	if (all->host->timer_start(worker, interval_ms / 5, interval_ms / 5, on_timer, watch,
	                           &watch->timer) == SPORE_OK)
		return watch;
	free(watch);
	return NULL;
}

void watch_drain(struct watch *watch)
{
	if (!watch)
		return;
	watch->all->host->timer_stop(watch->timer);
	watch->timer = (spore_timer){ 0 };
}

void watch_free(struct watch *watch)
{
	watch_drain(watch);
	free(watch);
}
