#include "process/reload.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/shorthands.h"
#include "diag/diag.h"
#include "log/log.h"
#include "loop/loop.h"
#include "process/drain.h"
#include "process/overview.h"
#include "process/runtime.h"
#include "server/server.h"

static char *print_mistakes(const struct diag *diag)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	diag_print(diag, out);
	fclose(out);
	return text;
}

/* ---- the swap ---- */

static bool take_set(struct plugin_set *set, void *arg, struct err *err)
{
	const struct reload *reload = arg;

	return server_renew(*reload->server, set, err);
}

/* False: the diag has the mistakes, which refer to the config. */
static bool swap_in(struct reload *reload, struct config *config, const struct effective *from,
                    struct diag *diag, struct changes *changes_out)
{
	struct runtime *runtime = reload->runtime;
	struct plugins_swap swap = { take_set, reload };
	struct effective to;

	if (!runtime_renew(runtime, config, &swap, diag))
		return false;
	drain_set_timeout(reload->drain, config->settings.server.drain_timeout);
	if (!overview_make(config, runtime->plugins.set, &to) ||
	    !changes_find(from, &to, changes_out))
		log_error("cannot list configuration changes", log_str("error", "out of memory"));
	effective_fini(&to);
	return true;
}

/* Wipes the secrets among the words. */
static void read_again(struct reload *reload, struct reload_words *words,
                       struct reload_answer *answer)
{
	struct diag diag = { 0 };
	struct config *config = NULL;
	struct effective from;

	/* Listed before the swap, which ends the old exporters. */
	if (!overview_make(reload->runtime->config, reload->runtime->plugins.set, &from))
		diag_add(&diag, NULL, "out of memory");
	effective_put(&from, &reload->started);
	answer->swapped = config_load(ROLE_SERVER, words->n, words->items, &diag, &config) ==
	                          CONFIG_LOADED &&
	                  diag.count == 0 &&
	                  swap_in(reload, config, &from, &diag, &answer->changes);
	if (!answer->swapped)
		answer->mistakes = print_mistakes(&diag);
	if (config)
		watch_follow(&reload->watch, config,
		             reload->runtime->config->settings.server.watch);
	effective_fini(&from);
	diag_fini(&diag);
	config_unref(config);
}

void reload_now(struct reload *reload, struct reload_answer *answer_out)
{
	struct reload_words words;

	*answer_out = (struct reload_answer){ .swapped = false };
	if (!reload->runtime) {
		answer_out->mistakes = strdup("error: the server is shutting down\n");
	} else if (reload_words_init(&words, reload->words->n, reload->words->items)) {
		read_again(reload, &words, answer_out);
		reload_words_fini(&words);
	}
	reload_answer_log(answer_out);
}

/* ---- HUP and changed files ---- */

static void on_hangup(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct reload_answer answer;

	(void)ev;
	(void)events;
	reload_now(watcher->data, &answer);
	reload_answer_fini(&answer);
}

static void on_change(void *reload)
{
	struct reload_answer answer;

	log_info("configuration files changed");
	reload_now(reload, &answer);
	reload_answer_fini(&answer);
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

void reload_start(struct reload *reload, struct runtime *runtime, struct server *const *server,
                  struct drain *drain, const struct reload_words *words)
{
	*reload = (struct reload){
		.runtime = runtime, .server = server, .drain = drain, .words = words
	};
	if (overview_make(runtime->config, runtime->plugins.set, &reload->started))
		effective_keep(&reload->started, OPTION_RESTART);
	ev_signal_init(&reload->hangup, on_hangup, SIGHUP);
	reload->hangup.data = reload;
	ev_signal_start(loop_ev(runtime->main_loop), &reload->hangup);
	use_signal_stack();
	reload_hold(false);
	watch_start(&reload->watch, runtime->main_loop, on_change, reload);
	watch_follow(&reload->watch, runtime->config, runtime->config->settings.server.watch);
}

void reload_stop(struct reload *reload)
{
	if (!reload->runtime)
		return;
	watch_stop(&reload->watch);
	reload_hold(true); /* libev restores the default action, which is to end the process */
	ev_signal_stop(loop_ev(reload->runtime->main_loop), &reload->hangup);
	signal(SIGHUP, SIG_IGN); /* the process is ending already */
	effective_fini(&reload->started);
	reload->runtime = NULL;
}
