#include "rehearsal/alone.h"

#include <stdlib.h>

#include "admin/admin_answer.h"
#include "arguments/exit_status.h"
#include "commands/serve.h"
#include "config/shorthands.h"
#include "loop/loop.h"
#include "process/complaint.h"
#include "process/runtime.h"
#include "process/watchdog.h"
#include "rehearsal/asking.h"
#include "rehearsal/print.h"

/* How long the end may take after a plugin has hung. */
enum { HANG_END_MS = 100 };

struct alone {
	struct runtime runtime;
	struct asking *asking;
	int status;
};

/* There are no tunnels. */
static void ignore_revision(void *arg, const struct revision *revision)
{
	(void)arg;
	(void)revision;
}

static void on_report(void *arg, const struct trial_report *report)
{
	struct alone *alone = arg;
	struct admin_answer answer;
	char *text;

	admin_answer_begin(&answer);
	if (answer.json.out)
		admin_trial_write(report, alone->runtime.config, &answer.json);
	text = admin_answer_end(&answer);
	if (text)
		alone->status = print_answer(text, answer.len, alone->asking->as_json, stdout);
	free(text);
	if (report->hangs)
		watchdog_end_within(HANG_END_MS);
	loop_break(alone->runtime.main_loop);
}

static int ask_chain(struct alone *alone)
{
	struct runtime *runtime = &alone->runtime;
	struct asking *asking = alone->asking;
	struct plugin_set *set = runtime->plugins.set;
	struct stand_in_facts *facts = &asking->question.facts;
	struct trial_plan plan;

	if (set->needs_challenge && !stand_in_challenge(set, facts->secure, &facts->challenge)) {
		complain("no random bytes are available");
		return EXIT_FAILED;
	}
	if (set->needs_challenge &&
	    !answerer_ask(&asking->answerer, facts, runtime->config->settings.server.auth_timeout,
	                  asking->question.answer))
		return EXIT_FAILED;
	plan = admin_trial_plan(&asking->question, set);
	plan.home = runtime->main_loop;
	plan.loop = runtime->loops[0];
	plan.done = on_report;
	plan.arg = alone;
	if (trial_start(&plan))
		loop_run(runtime->main_loop);
	else
		complain("out of memory");
	return alone->status;
}

int alone_ask(struct asking *asking, const char *path)
{
	static const struct runtime_terms terms = { .workers = 1 };
	char config_flag[] = "--config", check[] = "--check";
	char *argv[] = { config_flag, (char *)(uintptr_t)path, check, NULL };
	struct alone alone = { .asking = asking, .status = EXIT_FAILED };
	struct diag diag = { 0 };
	int status = EXIT_FAILED;
	struct config *config;

	serve_watch();
	config = serve_load(ROLE_SERVER, 3, argv, &diag, &status);
	if (!config)
		return status;
	status = EXIT_FAILED;
	if (runtime_start(&alone.runtime, config, &terms, ignore_revision, NULL, &diag))
		status = ask_chain(&alone);
	return serve_end(&alone.runtime, config, &diag, status);
}
