#include "reload/reload.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "config/config.h"
#include "config/shorthands.h"
#include "event/event.h"
#include "log/log.h"
#include "loop/loop.h"
#include "loop/survey.h"
#include "process/culprit.h"
#include "process/drain.h"
#include "process/notify.h"
#include "process/overview.h"
#include "process/runtime.h"
#include "reload/reload_job.h"

/* Main waits this much longer than the control thread, which ends by itself unless a call into a
 * plugin does not return. */
enum { MARGIN_MS = 200 };

/* How long the workers may take to take the new configuration. */
enum { WORKERS_WAIT_MS = 5000 };

enum { STATUS_SIZE = 640 };

/* ---- answers ---- */

static void move_all(struct list *from, struct list *to)
{
	while (!list_is_empty(from)) {
		struct list *node = from->next;

		list_remove(node);
		list_append(to, node);
	}
}

/* Logs the answer and gives it to all in the list. */
static void answer_all(struct list *requests, const struct reload_answer *answer)
{
	reload_answer_log(answer);
	while (!list_is_empty(requests)) {
		struct reload_request *request = CONTAINER_OF(requests->next, struct reload_request,
		                                              node);

		list_remove(&request->node);
		request->done(request, answer);
	}
}

/* The configuration has not failed, so the record of the last reload stays as it is. */
static void refuse_at_end(const struct reload *reload, struct list *requests)
{
	bool is_server = reload->host->role == ROLE_SERVER;
	struct reload_answer answer = {
		.mistakes = strdup(is_server ? "error: the server is shutting down\n"
		                             : "error: the client is shutting down\n")
	};

	answer_all(requests, &answer);
	reload_answer_fini(&answer);
}

static void record_end(struct reload *reload, const struct reload_answer *answer)
{
	struct reload_record *record = &reload->record;

	reload_record_end(record, answer);
	event_reloaded(reload->runtime->plugins.set, !record->is_refused, record->why);
}

/* what: what has failed. A renewal that fails while nobody waits for a reload is not recorded. */
static void refuse_job(struct reload *reload, struct list *requests, const char *what)
{
	bool counts_as_reload = !reload->is_renewal || reload->is_wanted ||
	                        !list_is_empty(requests);
	struct reload_answer answer = { .swapped = false };
	char culprit[CULPRIT_TEXT_SIZE];

	if (asprintf(&answer.mistakes, "error: %s: %s\n", what, culprit_describe(culprit)) < 0)
		answer.mistakes = NULL;
	if (counts_as_reload)
		record_end(reload, &answer);
	answer_all(requests, &answer);
	reload_answer_fini(&answer);
}

/* ---- the swap ---- */

static void begin_if_asked(struct reload *reload);

static bool is_running(const struct reload *reload)
{
	return reload->job || reload->taking;
}

static void tell_manager(struct reload *reload, bool is_good)
{
	const char *text = reload->host->describe(reload->host->arg);
	char status[STATUS_SIZE];

	if (!text)
		return;
	snprintf(status, sizeof status, "%s%s", text,
	         is_good ? "" : ", but the last reload was refused: see the log");
	notify_ready(&reload->runtime->notify, status);
}

/* Ends the reload and gives its answer to those who wait for it, or ends the renewal, which has no
 * answer. Then begins what is asked for next. */
static void end_reload(struct reload *reload)
{
	if (!reload->is_renewal) {
		effective_fini(&reload->before);
		tell_manager(reload, reload->answer.swapped);
		record_end(reload, &reload->answer);
		if (reload->host->on_end)
			reload->host->on_end(reload->host->arg);
		answer_all(&reload->waiting_now, &reload->answer);
		reload_answer_fini(&reload->answer);
	}
	reload->is_renewal = false;
	begin_if_asked(reload);
}

static void tell_taken(struct reload *reload)
{
	char *lines = NULL;
	size_t size;
	FILE *out = reload->host->tell ? open_memstream(&lines, &size) : NULL;

	if (!out)
		return;
	log_copy_warnings(out);
	reload->host->tell(reload->host->arg);
	log_copy_warnings(NULL);
	fclose(out);
	if (!reload->is_renewal && lines && *lines)
		reload_answer_warn(&reload->answer, lines);
	free(lines);
}

static void on_taken(struct survey *survey, void *arg)
{
	struct reload *reload = arg;

	for (unsigned i = 0; i < reload->runtime->n_workers; i++) {
		if (!survey_answer(survey, i))
			log_warn("worker has not taken the new configuration yet",
			         log_int("worker", i));
	}
	reload->taking = NULL;
	tell_taken(reload);
	end_reload(reload);
}

static void find_changes(struct reload *reload)
{
	const struct runtime *runtime = reload->runtime;
	struct effective now;

	if (!overview_make(runtime->config, runtime->plugins.set, &now) ||
	    !changes_find(&reload->before, &now, &reload->answer.changes))
		log_error("cannot list configuration changes", log_str("error", "out of memory"));
	effective_fini(&now);
}

/* The configuration file itself is not listed: its values are compared one by one. */
static void add_file(const char *path, void *arg)
{
	struct reload *reload = arg;
	const char *own = reload->runtime->config->path;

	if (!own || strcmp(path, own) != 0)
		reload_answer_add_file(&reload->answer, path);
}

static struct survey *offer_set(struct reload *reload, struct plugin_set *set, struct err *err)
{
	return reload->host->renew(reload->host->arg, set, WORKERS_WAIT_MS, on_taken, reload, err);
}

static int64_t drain_timeout_of(const struct config *config)
{
	const struct settings *settings = &config->settings;

	return config->role == ROLE_SERVER ? settings->server.drain_timeout
	                                   : settings->client.drain_timeout;
}

/* False: the answer has the reason, and nothing has changed. */
static bool swap_in(struct reload *reload, struct reload_job *job)
{
	struct err err;
	char *doubts;

	reload->taking = offer_set(reload, job->draft.set, &err);
	if (!reload->taking) {
		if (asprintf(&reload->answer.mistakes, "error: %s\n", err.text) < 0)
			reload->answer.mistakes = NULL;
		return false;
	}
	files_compare(&reload->runtime->config->files, &job->config->files, add_file, reload);
	runtime_renew(reload->runtime, job->config, &job->draft);
	drain_set_timeout(reload->drain, drain_timeout_of(job->config));
	reload->answer.swapped = true;
	doubts = runtime_print_warnings(reload->runtime);
	reload_answer_warn(&reload->answer, doubts);
	free(doubts);
	find_changes(reload);
	return true;
}

/* ---- one reload, or renewal ---- */

/* False: nothing has changed, which was logged. */
static bool use_renewal(struct reload *reload, struct reload_job *job)
{
	struct err err;

	if (!job->is_good)
		return false;
	reload->taking = offer_set(reload, job->draft.set, &err);
	if (!reload->taking) {
		log_error("changed files are not used", log_str("error", err.text));
		return false;
	}
	plugins_use(&reload->runtime->plugins, &job->draft);
	for (size_t i = 0; i < job->renewal.n; i++) {
		if (job->renewal.items[i].fresh)
			files_update(&reload->runtime->config->files,
			             &job->renewal.items[i].fresh->files);
	}
	renewal_log(&job->renewal);
	return true;
}

/* False: the reload has ended without a swap. */
static bool use_job(struct reload *reload, struct reload_job *job)
{
	if (reload->is_renewal)
		return use_renewal(reload, job);
	reload_answer_warn(&reload->answer, job->warnings);
	if (job->is_good)
		return swap_in(reload, job);
	reload->answer.mistakes = job->mistakes;
	job->mistakes = NULL;
	return false;
}

/* Watches what was read last, also if it was refused, and the running instances. NULL: the same
 * configuration as before. */
static void watch_what_was_read(struct reload *reload, struct config *config)
{
	const struct server_settings *settings = &reload->runtime->config->settings.server;
	bool is_server = reload->host->role == ROLE_SERVER;

	watch_follow(&reload->watch,
	             &(struct watch_terms){
			     .config = config ? config : reload->watch.config,
			     .set = reload->runtime->plugins.set,
			     .is_config_watched = is_server && settings->watch,
			     .are_instances_watched = is_server && settings->watch_files,
		     });
}

/* Frees the job before the next one begins, since freeing it hands its loaded files on to the next
 * one. */
static void on_job_done(struct reload_job *job)
{
	struct reload *reload = job->reload;
	bool has_ended = false, was_given_up = false;

	if (reload) {
		reload->job = NULL;
		ev_timer_stop(loop_ev(reload->runtime->main_loop), &reload->limit);
		was_given_up = reload_job_is_given_up(job);
		if (was_given_up)
			log_info("reloads work again");
		else
			has_ended = !use_job(reload, job);
		watch_what_was_read(reload, job->config);
	}
	reload_job_free(job);
	if (has_ended)
		end_reload(reload);
	else if (was_given_up)
		begin_if_asked(reload);
}

static void on_limit(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct reload *reload = timer->data;

	(void)ev;
	(void)events;
	reload_job_give_up(reload->job);
	effective_fini(&reload->before);
	move_all(&reload->waiting_next, &reload->waiting_now);
	tell_manager(reload, false);
	refuse_job(reload, &reload->waiting_now,
	           reload->is_renewal ? "the use of changed files was given up"
	                              : "reload given up");
	reload->is_wanted = false;
	reload->is_renewal = false;
}

static void set_limit(struct reload *reload, int64_t wait_ms)
{
	struct ev_loop *ev = loop_ev(reload->runtime->main_loop);

	ev_now_update(ev);
	ev_timer_set(&reload->limit, (double)(wait_ms + MARGIN_MS) / 1000.0, 0.0);
	ev_timer_start(ev, &reload->limit);
}

static void begin_reload(struct reload *reload)
{
	struct runtime *runtime = reload->runtime;
	int64_t wait_ms = runtime->config->settings.plugins.start_timeout;

	if (reload->host->describe(reload->host->arg))
		notify_reloading(&runtime->notify);
	/* Listed before the swap, which ends the old exporters. */
	if (overview_make(runtime->config, runtime->plugins.set, &reload->before)) {
		effective_put(&reload->before, &reload->started);
		reload->job = reload_job_start(reload, &runtime->plugins, reload->host->role,
		                               reload->words, wait_ms, on_job_done);
	}
	if (reload->job)
		set_limit(reload, wait_ms);
	else
		end_reload(reload); /* without a text: out of memory */
}

/* If memory is out, the instances stay as they are until their files change again. */
static void begin_renewal(struct reload *reload)
{
	struct runtime *runtime = reload->runtime;
	int64_t wait_ms = runtime->config->settings.plugins.start_timeout;
	struct renewal renewal = { NULL, 0 };

	if (watch_take_instances(&reload->watch, &renewal))
		reload->job = reload_job_start_renewal(reload, &runtime->plugins, &renewal, wait_ms,
		                                       on_job_done);
	reload->is_renewal = reload->job != NULL;
	if (reload->job)
		set_limit(reload, wait_ms);
	else
		log_error("changed files are not used", log_str("error", "out of memory"));
	renewal_fini(&renewal);
}

/* Begins the next reload if somebody waits for it, or else a renewal if files of instances have
 * changed. A reload reads these files, too. */
static void begin_if_asked(struct reload *reload)
{
	if (is_running(reload))
		return;
	if (reload->is_wanted || !list_is_empty(&reload->waiting_next)) {
		reload->is_wanted = false;
		move_all(&reload->waiting_next, &reload->waiting_now);
		begin_reload(reload);
	} else if (watch_has_instance_changed(&reload->watch)) {
		begin_renewal(reload);
	}
}

/* Begins the reload that somebody has asked for, refuses it, or leaves it for later. */
static void want_reload(struct reload *reload)
{
	if (reload->is_closed)
		refuse_at_end(reload, &reload->waiting_next);
	else if (reload->job && reload_job_is_given_up(reload->job)) {
		refuse_job(reload, &reload->waiting_next, "an earlier reload has not ended");
		reload->is_wanted = false;
	} else
		begin_if_asked(reload);
}

void reload_ask(struct reload *reload, struct reload_request *request)
{
	list_append(&reload->waiting_next, &request->node);
	want_reload(reload);
}

void reload_forget(struct reload_request *request)
{
	list_remove(&request->node);
}

/* ---- HUP and changed files ---- */

static void on_hangup(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct reload *reload = watcher->data;

	(void)ev;
	(void)events;
	if (reload->host->on_hangup && reload->host->on_hangup(reload->host->arg))
		return;
	reload->is_wanted = true;
	want_reload(reload);
}

static void on_change(void *arg)
{
	struct reload *reload = arg;

	if (!watch_take_config(&reload->watch)) {
		begin_if_asked(reload); /* only files of instances have changed */
		return;
	}
	log_info("configuration files changed");
	reload->is_wanted = true;
	want_reload(reload);
}

void reload_hold(bool hold)
{
	sigset_t hangup;

	sigemptyset(&hangup);
	sigaddset(&hangup, SIGHUP);
	pthread_sigmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &hangup, NULL);
}

/* A thread of a plugin in Go may take the signal, and has too little stack for a handler. */
static void use_signal_stack(void)
{
	struct sigaction action;

	if (sigaction(SIGHUP, NULL, &action) < 0)
		return;
	action.sa_flags |= SA_ONSTACK;
	sigaction(SIGHUP, &action, NULL);
}

void reload_start(struct reload *reload, struct runtime *runtime, const struct reload_host *host,
                  struct drain *drain, const struct reload_words *words)
{
	*reload = (struct reload){
		.runtime = runtime, .host = host, .drain = drain, .words = words
	};
	reload_record_init(&reload->record, runtime->metrics, runtime->n_workers);
	list_init(&reload->waiting_now);
	list_init(&reload->waiting_next);
	ev_timer_init(&reload->limit, on_limit, 0.0, 0.0);
	reload->limit.data = reload;
	if (overview_make(runtime->config, runtime->plugins.set, &reload->started))
		effective_keep(&reload->started, OPTION_RESTART);
	ev_signal_init(&reload->hangup, on_hangup, SIGHUP);
	reload->hangup.data = reload;
	ev_signal_start(loop_ev(runtime->main_loop), &reload->hangup);
	use_signal_stack();
	reload_hold(false);
	watch_start(&reload->watch, runtime->main_loop, on_change, reload);
	watch_what_was_read(reload, runtime->config);
}

/* The job ends on its own. Workers that have not taken the new configuration yet still do. */
static void leave_reload(struct reload *reload)
{
	if (reload->job) {
		ev_timer_stop(loop_ev(reload->runtime->main_loop), &reload->limit);
		reload_job_give_up(reload->job);
		reload->job->reload = NULL;
		reload->job = NULL;
	}
	if (reload->taking) {
		survey_forget(reload->taking);
		reload->taking = NULL;
		if (!reload->is_renewal)
			answer_all(&reload->waiting_now, &reload->answer);
	}
	effective_fini(&reload->before);
	reload_answer_fini(&reload->answer);
	move_all(&reload->waiting_next, &reload->waiting_now);
	if (!list_is_empty(&reload->waiting_now))
		refuse_at_end(reload, &reload->waiting_now);
}

void reload_close(struct reload *reload)
{
	if (reload->is_closed)
		return;
	reload->is_closed = true;
	watch_stop(&reload->watch);
	leave_reload(reload);
	effective_fini(&reload->started);
}

void reload_stop(struct reload *reload)
{
	struct ev_loop *ev;

	if (!reload->runtime)
		return;
	reload_close(reload);
	ev = loop_ev(reload->runtime->main_loop);
	reload_hold(true); /* libev restores the default action, which is to end the process */
	ev_signal_stop(ev, &reload->hangup);
	signal(SIGHUP, SIG_IGN); /* the process is ending already */
	reload->runtime = NULL;
}
