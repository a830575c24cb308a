#include "ops/reload.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypto.h"
#include "base/log.h"
#include "config/config.h"
#include "config/diag.h"
#include "config/shorthands.h"
#include "loop/loop.h"
#include "ops/runtime.h"
#include "server/server.h"

/* ---- the command line --------------------------------------------------------------------------- */

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

/* ---- what an operator hears --------------------------------------------------------------------- */

/* Each mistake's first line: the excerpts below it are for a terminal. */
static void log_mistakes(const struct diag *diag)
{
	char *text = NULL, *rest, *line;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	diag_print(diag, out);
	fclose(out);
	rest = text;
	while (rest && (line = strsep(&rest, "\n")) != NULL) {
		if (strstr(line, "error: ") && *line != ' ')
			log_error("reload refused, all stays as it was", log_str("error", line));
	}
	free(text);
}

/* What cannot change in a process that runs. */
static void warn_of_restart(const struct config *old, const struct config *new)
{
	if (old->settings.server.workers != new->settings.server.workers)
		log_warn("a change needs a restart", log_str("key", "/server/workers"));
	if (old->settings.log.format != new->settings.log.format)
		log_warn("a change needs a restart", log_str("key", "/log/format"));
	if (old->settings.server.drain_timeout != new->settings.server.drain_timeout)
		log_warn("a change needs a restart", log_str("key", "/server/drain_timeout"));
}

/* ---- the signal --------------------------------------------------------------------------------- */

static bool take(struct plugin_set *set, void *arg, struct err *err)
{
	const struct reload *reload = arg;

	return server_renew(*reload->server, set, err);
}

static void read_again(struct reload *reload, struct reload_words *words)
{
	struct runtime_swap swap = { take, reload };
	struct config *old = config_ref(reload->runtime->config), *config;
	struct diag diag = { 0 };
	bool good = config_load(ROLE_SERVER, words->n, words->items, &diag, &config) == CONFIG_LOADED &&
	            runtime_renew(reload->runtime, config, &swap, &diag);

	if (good) {
		warn_of_restart(old, config);
		log_info("configuration reloaded");
	} else {
		log_mistakes(&diag);
	}
	diag_fini(&diag);
	config_unref(config);
	config_unref(old);
}

static void on_hangup(struct ev_loop *ev, ev_signal *watcher, int events)
{
	struct reload *reload = watcher->data;
	struct reload_words words;

	(void)ev;
	(void)events;
	if (!reload_words_init(&words, reload->words->n, reload->words->items)) {
		log_error("reload refused, all stays as it was", log_str("error", "out of memory"));
		return;
	}
	read_again(reload, &words);
	reload_words_fini(&words);
}

void reload_start(struct reload *reload, struct runtime *runtime, struct server *const *server,
                  const struct reload_words *words)
{
	*reload = (struct reload){ .runtime = runtime, .server = server, .words = words };
	ev_signal_init(&reload->hangup, on_hangup, SIGHUP);
	reload->hangup.data = reload;
	ev_signal_start(loop_ev(runtime->main_loop), &reload->hangup);
}

void reload_stop(struct reload *reload)
{
	ev_signal_stop(loop_ev(reload->runtime->main_loop), &reload->hangup);
	signal(SIGHUP, SIG_IGN); /* the process is about to end by itself */
}
