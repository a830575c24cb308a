#include "rehearsal/answerer.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arguments/exit_status.h"
#include "base/clock.h"
#include "base/container.h"
#include "commands/serve.h"
#include "config/command.h"
#include "log/status.h"
#include "loop/loop.h"
#include "process/complaint.h"
#include "process/runtime.h"
#include "process/watchdog.h"
#include "verdict/auth.h"

/* How long the end may take after the plugin has given no answer. */
enum { HANG_END_MS = 500 };

/* What the two processes send each other. */
struct question {
	struct stand_in_facts facts;
	int64_t wait_ms;
};
struct reply {
	int32_t status; /* SPORE_OK, or why there is no answer */
	char answer[SPORE_AUTH_ANSWER_MAX + 1];
};

/* ---- the client's process ---- */

/* The question on a worker. If the plugin hangs, the process ends without freeing this. */
struct inquiry {
	struct runtime *runtime;
	struct question question;
	struct stand_in stand_in;
	struct auth_run run;
	struct loop_task begin;
	struct reply reply;
	sem_t replied;
};

static void take_answer(struct inquiry *inquiry, int32_t status)
{
	inquiry->reply.status = status;
	if (status == SPORE_OK)
		memcpy(inquiry->reply.answer, inquiry->run.answer, sizeof inquiry->run.answer);
	crypto_wipe(inquiry->run.answer, sizeof inquiry->run.answer);
	stand_in_close(&inquiry->stand_in);
	sem_post(&inquiry->replied);
}

static void on_answer(struct auth_run *run, int32_t status)
{
	take_answer(CONTAINER_OF(run, struct inquiry, run), status);
}

/* [worker] */
static void run_begin(struct loop_task *task)
{
	struct inquiry *inquiry = CONTAINER_OF(task, struct inquiry, begin);
	const struct runtime *runtime = inquiry->runtime;
	struct auth_question question = {
		.set = runtime->plugins.set,
		.purpose = SPORE_AUTH_CONTROL,
		.deadline_ms = clock_ms() + inquiry->question.wait_ms,
		.server_name = runtime->config->settings.client.servers[0].host,
	};
	const struct stand_in_facts *facts = &inquiry->question.facts;
	int32_t status = SPORE_ENOMEM;

	memcpy(question.challenge, facts->challenge.bytes, sizeof question.challenge);
	if (stand_in_open(&inquiry->stand_in, runtime->loops[0], facts)) {
		question.stream = inquiry->stand_in.stream;
		status = auth_answer(&inquiry->run, &question, on_answer);
	}
	if (status != SPORE_EPENDING)
		take_answer(inquiry, status);
}

/* False: the plugin has not answered in time. */
static bool await_reply(struct inquiry *inquiry)
{
	int64_t wait_ms = inquiry->question.wait_ms;
	struct timespec until;
	int64_t ns;
	int result;

	clock_gettime(CLOCK_REALTIME, &until);
	ns = until.tv_nsec + wait_ms % 1000 * 1000000;
	until.tv_sec += wait_ms / 1000 + ns / 1000000000;
	until.tv_nsec = ns % 1000000000;
	do
		result = sem_timedwait(&inquiry->replied, &until);
	while (result < 0 && errno == EINTR);
	return result == 0;
}

/* Waits until the plugin uses the inquiry no longer. If the plugin hangs, the watchdog names it and
 * ends the process. */
static void await_end(struct inquiry *inquiry)
{
	watchdog_end_within(HANG_END_MS);
	while (sem_wait(&inquiry->replied) < 0 && errno == EINTR)
		;
}

static bool send_reply(int fd, const struct reply *reply)
{
	return send(fd, reply, sizeof *reply, MSG_NOSIGNAL) == sizeof *reply;
}

static bool ask_plugin(struct runtime *runtime, const struct question *question, int fd)
{
	struct inquiry *inquiry = calloc(1, sizeof *inquiry);
	bool good;

	if (!inquiry)
		return send_reply(fd, &(struct reply){ .status = SPORE_ENOMEM });
	*inquiry = (struct inquiry){ .runtime = runtime,
		                     .question = *question,
		                     .begin.run = run_begin };
	sem_init(&inquiry->replied, 0, 0);
	loop_post(runtime->loops[0], &inquiry->begin);
	if (await_reply(inquiry)) {
		good = send_reply(fd, &inquiry->reply);
	} else {
		good = send_reply(fd, &(struct reply){ .status = SPORE_ETIMEOUT });
		await_end(inquiry);
	}
	crypto_wipe(&inquiry->reply, sizeof inquiry->reply);
	sem_destroy(&inquiry->replied);
	free(inquiry);
	return good;
}

/* Answers one question. False: there is none, since the other process has ended. */
static bool answer_question(struct runtime *runtime, int fd)
{
	struct question question;

	if (runtime->config->chains[CHAIN_AUTH].n == 0)
		return complain("the client's configuration has no instance in \"auth\"");
	if (recv(fd, &question, sizeof question, 0) != sizeof question)
		return false;
	return ask_plugin(runtime, &question, fd);
}

/* What configures a server in this environment must not configure the client. */
static void clear_environment(void)
{
	static const char *const prefixes[] = { "SPORE", "BORE" };
	char name[64];

	for (size_t i = 0; i < n_shorthands; i++) {
		for (size_t k = 0; k < 2; k++)
			unsetenv(command_variable_name(&shorthands[i], prefixes[k], name,
			                               sizeof name));
	}
}

/* Returns the exit status. */
static int run_client(int fd, const char *path, const struct made_client *made)
{
	char config_flag[] = "--config", check[] = "--check";
	char *argv[] = { config_flag, (char *)(uintptr_t)path, check, NULL };
	const struct runtime_terms terms = { .workers = 1 };
	struct made_command command;
	struct runtime runtime;
	struct diag diag = { 0 };
	struct config *config;
	int status = EXIT_FAILED;

	clear_environment();
	serve_watch();
	if (path)
		config = serve_load(ROLE_LOCAL, 3, argv, &diag, &status);
	else
		config = serve_load_command(ROLE_LOCAL, made_client_command(made, &command), &diag,
		                            &status);
	if (!config)
		return status;
	status = EXIT_FAILED;
	if (runtime_start(&runtime, config, &terms, NULL, NULL, &diag) &&
	    answer_question(&runtime, fd))
		status = EXIT_GOOD;
	return serve_end(&runtime, config, &diag, status);
}

/* ---- the process that asks ---- */

bool answerer_start(struct answerer *answerer, const char *path, const struct made_client *made,
                    struct err *err)
{
	int ends[2];

	*answerer = (struct answerer){ .fd = -1, .remedy = "" };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		err_set_call(err, "socketpair", errno);
		return false;
	}
	fflush(NULL);
	answerer->pid = fork();
	if (answerer->pid == 0) {
		close(ends[0]);
		_exit(run_client(ends[1], path, made));
	}
	close(ends[1]);
	answerer->fd = ends[0];
	if (answerer->pid > 0)
		return true;
	err_set_call(err, "fork", errno);
	answerer->pid = 0;
	close(answerer->fd);
	return false;
}

bool answerer_ask(struct answerer *answerer, const struct stand_in_facts *facts, int64_t wait_ms,
                  char answer_out[SPORE_AUTH_ANSWER_MAX + 1])
{
	struct question question = { *facts, wait_ms };
	struct reply reply = { .status = SPORE_EINVAL };
	char text[STATUS_TEXT_SIZE];
	struct err err;
	ssize_t n = send(answerer->fd, &question, sizeof question, MSG_NOSIGNAL);

	if (n == sizeof question)
		n = recv(answerer->fd, &reply, sizeof reply, 0);
	if (n != sizeof reply)
		return false;
	memcpy(answer_out, reply.answer, sizeof reply.answer);
	crypto_wipe(reply.answer, sizeof reply.answer);
	err_set(&err, "the client's plugin gives no answer: %s%s", status_text(reply.status, text),
	        answerer->remedy);
	return reply.status == SPORE_OK || complain(err.text);
}

void answerer_stop(struct answerer *answerer)
{
	if (answerer->pid == 0)
		return;
	close(answerer->fd);
	while (waitpid(answerer->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	answerer->pid = 0;
}
