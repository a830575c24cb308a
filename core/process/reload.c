#include "process/reload.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "config/config.h"
#include "config/shorthands.h"
#include "diag/diag.h"
#include "log/log.h"
#include "loop/loop.h"
#include "process/drain.h"
#include "process/overview.h"
#include "process/runtime.h"
#include "server/server.h"

/* ---- the command line ---- */

bool reload_words_init(struct reload_words *words, int argc, char *const *argv)
{
	*words = (struct reload_words){ 0, calloc((size_t)argc + 1, sizeof *words->items) };
	for (; words->items && words->n < argc; words->n++) {
		words->items[words->n] = strdup(argv[words->n]);
		if (!words->items[words->n])
			break;
	}
	if (words->items && words->n == argc)
		return true;
	reload_words_fini(words);
	return false;
}

void reload_words_fini(struct reload_words *words)
{
	for (int i = 0; i < words->n; i++) {
		crypto_wipe(words->items[i], strlen(words->items[i]));
		free(words->items[i]);
	}
	free(words->items);
	*words = (struct reload_words){ 0, NULL };
}

/* ---- what an operator hears ---- */

static const char refused[] = "reload refused, all stays as it was";

/* Each mistake's first line: the excerpts below it are for a terminal. */
static void log_mistakes(const char *mistakes)
{
	char *copy = mistakes ? strdup(mistakes) : NULL, *rest = copy, *line;

	while (rest && (line = strsep(&rest, "\n")) != NULL) {
		if (strstr(line, "error: ") && *line != ' ')
			log_error(refused, log_str("error", line));
	}
	if (!copy)
		log_error(refused, log_str("error", "out of memory"));
	free(copy);
}

/* A string without its quotes, which a log line has of its own. */
static struct log_field log_value(const char *key, const char *value)
{
	size_t len = value ? strlen(value) : 0;

	if (!value)
		return log_str(key, "none");
	return len >= 2 && value[0] == '"' && value[len - 1] == '"'
	               ? log_text(key, value + 1, len - 2)
	               : log_str(key, value);
}

static void log_change(const struct change *change)
{
	log_at(change->kind == OPTION_RESTART ? LOG_WARN : LOG_INFO, "configuration changed",
	       log_str("key", change->pointer), log_value("from", change->from),
	       log_value("to", change->to), log_str("holds", changes_kind_name(change->kind)));
}

static void log_answer(const struct reload_answer *answer)
{
	if (!answer->swapped) {
		log_mistakes(answer->mistakes);
		return;
	}
	for (size_t i = 0; i < answer->changes.n; i++)
		log_change(&answer->changes.items[i]);
	log_info("configuration reloaded", log_int("changes", (int64_t)answer->changes.n));
}

static char *mistakes_text(const struct diag *diag)
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

static bool take(struct plugin_set *set, void *arg, struct err *err)
{
	const struct reload *reload = arg;

	return server_renew(*reload->server, set, err);
}

/* False: the mistakes are in the diag, whose places are the config's. */
static bool swap_in(struct reload *reload, struct config *config, const struct effective *from,
                    struct diag *diag, struct changes *changes_out)
{
	struct runtime *runtime = reload->runtime;
	struct runtime_swap swap = { take, reload };
	struct effective to;

	if (!runtime_renew(runtime, config, &swap, diag))
		return false;
	drain_set_timeout(reload->drain, config->settings.server.drain_timeout);
	if (!overview_make(config, runtime->set, &to) || !changes_find(from, &to, changes_out))
		log_error("changes not listed", log_str("error", "out of memory"));
	effective_fini(&to);
	return true;
}

/* With the words of a command line, which reading wipes. */
static void read_again(struct reload *reload, struct reload_words *words,
                       struct reload_answer *answer)
{
	struct diag diag = { 0 };
	struct config *config = NULL;
	struct effective from;

	/* Before the swap, which takes the old exporters. */
	if (!overview_make(reload->runtime->config, reload->runtime->set, &from))
		diag_add(&diag, NULL, "out of memory");
	effective_put(&from, &reload->started);
	answer->swapped = config_load(ROLE_SERVER, words->n, words->items, &diag, &config) ==
	                          CONFIG_LOADED &&
	                  diag.count == 0 &&
	                  swap_in(reload, config, &from, &diag, &answer->changes);
	if (!answer->swapped)
		answer->mistakes = mistakes_text(&diag);
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
		answer_out->mistakes = strdup("error: the server is ending\n");
	} else if (reload_words_init(&words, reload->words->n, reload->words->items)) {
		read_again(reload, &words, answer_out);
		reload_words_fini(&words);
	}
	log_answer(answer_out);
}

void reload_answer_fini(struct reload_answer *answer)
{
	changes_fini(&answer->changes);
	free(answer->mistakes);
	*answer = (struct reload_answer){ .swapped = false };
}

/* ---- HUP, and files that change ---- */

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

	log_info("files of the configuration have changed");
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

void reload_start(struct reload *reload, struct runtime *runtime, struct server *const *server,
                  struct drain *drain, const struct reload_words *words)
{
	*reload = (struct reload){
		.runtime = runtime, .server = server, .drain = drain, .words = words
	};
	if (overview_make(runtime->config, runtime->set, &reload->started))
		effective_keep(&reload->started, OPTION_RESTART);
	ev_signal_init(&reload->hangup, on_hangup, SIGHUP);
	reload->hangup.data = reload;
	ev_signal_start(loop_ev(runtime->main_loop), &reload->hangup);
	reload_hold(false);
	watch_start(&reload->watch, runtime->main_loop, on_change, reload);
	watch_follow(&reload->watch, runtime->config, runtime->config->settings.server.watch);
}

void reload_stop(struct reload *reload)
{
	if (!reload->runtime)
		return;
	watch_stop(&reload->watch);
	reload_hold(true); /* while its default, to end the process, is back */
	ev_signal_stop(loop_ev(reload->runtime->main_loop), &reload->hangup);
	signal(SIGHUP, SIG_IGN); /* the process is about to end by itself */
	effective_fini(&reload->started);
	reload->runtime = NULL;
}
