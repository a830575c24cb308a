#include "watch.h"

#include <stdlib.h>

/* So long after a full batch the next one may begin: about 1000 looks in a second. */
enum { BATCH_PAUSE_MS = 32 };

/* ---- what a look has shown ---- */

static enum look_result end_access(struct ldap_instance *all, const struct look *look,
                                   const char *why)
{
	const char *identity = look->known.identity;

	if (pace_allows_line(&all->refusals, all->host, all->log, SPORE_LOG_INFO,
	                     "refused passwords"))
		spore_logf(all->host, all->log, SPORE_LOG_INFO, "the access of %s has ended: %s",
		           identity, why);
	all->host->auth_revalidate(all->log, spore_cstr(identity), SPORE_DENY, NULL);
	return LOOK_ENDED;
}

/* As at a log-in, what is not understood could be a restriction. */
static enum look_result end_wrong(struct ldap_instance *all, const struct look *look)
{
	ldap_log_wrong(all, look->known.identity, &look->fault);
	all->host->auth_revalidate(all->log, spore_cstr(look->known.identity), SPORE_DENY, NULL);
	return LOOK_ENDED;
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
		return look->fault.result == ASK_BAD_ENTRY ? end_wrong(all, look) : LOOK_FAILED;
	if (look->says == DIRECTORY_NO)
		return end_access(all, look, look->fault.text);
	if (ldap_session(all, &look->facts) != look->session ||
	    strcmp(look->facts.identity, look->known.identity) != 0)
		return end_access(all, look, "its entry has another name now");
	if (!look->is_uneven && entry_is_same(&look->known, &look->facts))
		return LOOK_SAME;
	change_rights(all, look);
	return LOOK_CHANGED;
}

/* ---- the looks ---- */

/* The fault has been logged. */
static void fail(struct look *look)
{
	look->says = DIRECTORY_FAILED;
	look->fault = (struct fault){ 0 };
}

/* A client that was let in while the directory failed: its DN is not known. */
static void find_again(struct ldap_instance *all, struct look *look)
{
	struct inquiry inquiry = { .name = look->name };

	directory_ask(&all->directory, &inquiry);
	look->says = inquiry.says;
	look->facts = inquiry.facts;
	look->fault = inquiry.fault;
	if (look->says == DIRECTORY_FAILED && look->fault.result != ASK_BAD_ENTRY)
		fail(look);
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

static void settle(struct watch *watch, const struct look *look)
{
	struct ldap_instance *all = watch->all;
	struct outcomes *outcomes = &all->directory.outcomes;
	enum look_result result = judge(all, look);

	if (result == LOOK_FAILED && *look->fault.text)
		health_complain(&outcomes->health, look->fault.text);
	all->host->metric_add(NULL, outcomes->looks[result], 1);
}

/* Which clients are due is found out here, so that none loses its turn if this has to wait. */
static void look_at_all(void *arg)
{
	struct watch *watch = arg;
	struct ldap_instance *all = watch->all;
	int64_t now_ms = all->host->now_ms();
	size_t known;

	watch->n = tunnels_due(all->tunnels, now_ms - watch->interval_ms, now_ms, watch->looks,
	                       LOOKS_MAX);
	known = sort_known(watch->looks, watch->n);
	if (known && !directory_look(&all->directory, watch->looks, known)) {
		for (size_t i = 0; i < known; i++)
			fail(&watch->looks[i]);
	}
	for (size_t i = known; i < watch->n; i++)
		find_again(all, &watch->looks[i]);
	for (size_t i = 0; i < watch->n; i++)
		settle(watch, &watch->looks[i]);
}

static void on_looked(void *arg)
{
	struct watch *watch = arg;

	watch->is_looking = false;
	if (watch->n == LOOKS_MAX && watch->timer.id)
		watch->all->host->timer_update(watch->timer, BATCH_PAUSE_MS,
		                               watch->interval_ms / 5);
}

/* Says once that the clients wait longer for their looks than the interval, until they do not. */
static void note_wait(struct watch *watch, int64_t wait_ms)
{
	struct ldap_instance *all = watch->all;

	if (wait_ms > 2 * watch->interval_ms && !watch->is_behind)
		spore_logf(all->host, all->log, SPORE_LOG_WARN,
		           "the looks at clients with tunnels take longer than %lld ms "
		           "(poll_interval): a change is noticed later; each client gets its turn",
		           (long long)watch->interval_ms);
	watch->is_behind = wait_ms > watch->interval_ms * (watch->is_behind ? 1 : 2);
}

static void on_timer(void *arg)
{
	struct watch *watch = arg;
	const spore_host *host = watch->all->host;
	int64_t wait_ms = tunnels_wait(watch->all->tunnels, host->now_ms());

	note_wait(watch, wait_ms);
	if (!watch->is_looking && wait_ms >= watch->interval_ms)
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
