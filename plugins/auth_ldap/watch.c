#include "watch.h"

#include <stdlib.h>

/* The pause after a full batch, which allows about 1000 looks in a second. */
enum { BATCH_PAUSE_MS = 32 };

/* ---- what a look has shown ---- */

static enum look_result end_access(struct ldap_instance *ldap, const struct look *look,
                                   const char *why)
{
	const char *identity = look->known.identity;

	if (pace_allows_line(&ldap->refusals, ldap->host, ldap->log, SPORE_LOG_INFO,
	                     "refused passwords"))
		spore_logf(ldap->host, ldap->log, SPORE_LOG_INFO, "the access of %s has ended: %s",
		           identity, why);
	ldap->host->auth_revalidate(ldap->log, spore_cstr(identity), SPORE_DENY, NULL);
	return LOOK_ENDED;
}

/* A part of the entry that is not understood could be a restriction. So the client is denied, as it
 * would be at a log-in. */
static enum look_result end_wrong(struct ldap_instance *ldap, const struct look *look)
{
	ldap_log_wrong(ldap, look->known.identity, &look->fault);
	ldap->host->auth_revalidate(ldap->log, spore_cstr(look->known.identity), SPORE_DENY, NULL);
	return LOOK_ENDED;
}

static void change_rights(struct ldap_instance *ldap, const struct look *look)
{
	struct policy limits = entry_limits(&look->facts);
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(look->facts.identity),
		.session = look->session,
	};

	policy_grant(&limits, &result);
	tunnels_update(ldap->tunnels, look);
	ldap->host->auth_revalidate(ldap->log, result.identity, SPORE_ALLOW, &result);
}

static enum look_result judge(struct ldap_instance *ldap, const struct look *look)
{
	if (look->says == DIRECTORY_FAILED)
		return look->fault.result == ASK_BAD_ENTRY ? end_wrong(ldap, look) : LOOK_FAILED;
	if (look->says == DIRECTORY_NO)
		return end_access(ldap, look, look->fault.text);
	if (ldap_session(ldap, &look->facts) != look->session ||
	    strcmp(look->facts.identity, look->known.identity) != 0)
		return end_access(ldap, look, "its entry has another name now");
	if (!look->is_uneven && entry_is_same(&look->known, &look->facts))
		return LOOK_SAME;
	change_rights(ldap, look);
	return LOOK_CHANGED;
}

/* ---- the looks ---- */

/* Marks a look as failed, for a fault that has been logged already. */
static void fail(struct look *look)
{
	look->says = DIRECTORY_FAILED;
	look->fault = (struct fault){ 0 };
}

/* Looks at a client that was let in while the directory failed, so its DN is not known. */
static void find_again(struct ldap_instance *ldap, struct look *look)
{
	struct inquiry inquiry = { .name = look->name };

	directory_ask(&ldap->directory, &inquiry);
	look->says = inquiry.says;
	look->facts = inquiry.facts;
	look->fault = inquiry.fault;
	if (look->says == DIRECTORY_FAILED && look->fault.result != ASK_BAD_ENTRY)
		fail(look);
}

/* Moves the looks whose DN is known to the front. Returns how many there are. */
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
	struct ldap_instance *ldap = watch->ldap;
	struct outcomes *outcomes = &ldap->directory.outcomes;
	enum look_result result = judge(ldap, look);

	if (result == LOOK_FAILED && *look->fault.text)
		health_complain(&outcomes->health, look->fault.text);
	ldap->host->metric_add(NULL, outcomes->looks[result], 1);
}

/* Chooses the clients here, on the thread: if this had to wait for a thread, none has lost its
 * turn. */
static void look_at_all(void *arg)
{
	struct watch *watch = arg;
	struct ldap_instance *ldap = watch->ldap;
	int64_t now_ms = ldap->host->now_ms();
	size_t known;

	watch->n = tunnels_due(ldap->tunnels, now_ms - watch->interval_ms, now_ms, watch->looks,
	                       LOOKS_MAX);
	known = sort_known(watch->looks, watch->n);
	if (known && !directory_look(&ldap->directory, watch->looks, known)) {
		for (size_t i = 0; i < known; i++)
			fail(&watch->looks[i]);
	}
	for (size_t i = known; i < watch->n; i++)
		find_again(ldap, &watch->looks[i]);
	for (size_t i = 0; i < watch->n; i++)
		settle(watch, &watch->looks[i]);
}

static void on_looked(void *arg)
{
	struct watch *watch = arg;

	watch->is_looking = false;
	if (watch->n == LOOKS_MAX && watch->timer.id)
		watch->ldap->host->timer_update(watch->timer, BATCH_PAUSE_MS,
		                                watch->interval_ms / 5);
}

/* Logs once that the looks are behind. They are behind from a wait of two intervals on, until the
 * wait is back to one. */
static void note_wait(struct watch *watch, int64_t wait_ms)
{
	struct ldap_instance *ldap = watch->ldap;
	bool is_behind = wait_ms > watch->interval_ms * (watch->is_behind ? 1 : 2);

	if (is_behind && !watch->is_behind)
		spore_logf(ldap->host, ldap->log, SPORE_LOG_WARN,
		           "the looks at clients with tunnels take longer than %lld ms "
		           "(poll_interval): a change is noticed later; each client gets its turn",
		           (long long)watch->interval_ms);
	watch->is_behind = is_behind;
}

static void on_timer(void *arg)
{
	struct watch *watch = arg;
	const spore_host *host = watch->ldap->host;
	int64_t wait_ms = tunnels_wait(watch->ldap->tunnels, host->now_ms());

	note_wait(watch, wait_ms);
	if (!watch->is_looking && wait_ms >= watch->interval_ms)
		watch->is_looking = host->offload(watch->worker, look_at_all, on_looked, watch) ==
		                    SPORE_OK;
}

struct watch *watch_start(struct ldap_instance *ldap, spore_worker *worker)
{
	struct watch *watch = calloc(1, sizeof *watch);
	int64_t interval_ms = ldap->directory.settings.conf->poll_interval;

	if (!watch)
		return NULL;
	watch->ldap = ldap;
	watch->worker = worker;
	watch->interval_ms = interval_ms;
	if (ldap->host->timer_start(worker, interval_ms / 5, interval_ms / 5, on_timer, watch,
	                            &watch->timer) == SPORE_OK)
		return watch;
	free(watch);
	return NULL;
}

void watch_drain(struct watch *watch)
{
	if (!watch)
		return;
	watch->ldap->host->timer_stop(watch->timer);
	watch->timer = (spore_timer){ 0 };
}

void watch_free(struct watch *watch)
{
	watch_drain(watch);
	free(watch);
}
