#include "upgrade/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/config.h"
#include "files/access.h"
#include "host/listeners.h"
#include "keep/elders.h"
#include "keep/keeper.h"
#include "log/log.h"
#include "loop/loop.h"
#include "loop/survey.h"
#include "net/addr.h"
#include "process/drain.h"
#include "process/runtime.h"
#include "server/server.h"
#include "upgrade/greeting.h"
#include "upgrade/protocol.h"
#include "upgrade/state.h"
#include "version.h"

/* How long the steps may take. A start may take this much longer than the plugins. */
enum { START_MS = 60000, HOLD_MS = 3000, GIVE_MS = 5000, WORKERS_MS = 2000 };

/* A visitor who is in a handshake, or silent after it at a routed port, may hold up the others
 * for so long. */
enum { UNDECIDED_MS = 1500 };

/* How often it is asked whether clients have taken all visitors. */
static const double look_s = 0.002;

static void give_up(struct upgrade *upgrade, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static struct ev_loop *ev_of(const struct upgrade *upgrade)
{
	return loop_ev(upgrade->host->runtime->main_loop);
}

static void set_limit(struct upgrade *upgrade, int64_t ms)
{
	ev_now_update(ev_of(upgrade));
	ev_timer_stop(ev_of(upgrade), &upgrade->limit);
	ev_timer_set(&upgrade->limit, (double)ms / 1000.0, 0.0);
	ev_timer_start(ev_of(upgrade), &upgrade->limit);
}

static bool is_running(const struct upgrade *upgrade)
{
	return upgrade->step != UPGRADE_IDLE && upgrade->step != UPGRADE_DONE;
}

static int64_t start_limit_ms(const struct upgrade *upgrade)
{
	return upgrade->host->runtime->config->settings.plugins.start_timeout + START_MS;
}

/* ---- the end ---- */

static void answer(struct upgrade *upgrade, const struct upgrade_answer *answer)
{
	struct upgrade_request *request = upgrade->request;

	upgrade->request = NULL;
	if (request)
		request->done(request, answer);
}

static void end_in_vain(struct upgrade *upgrade)
{
	log_error("not upgraded: this process goes on", log_str("program", upgrade->path),
	          log_str("error", upgrade->why.text));
	upgrade->step = UPGRADE_IDLE;
	upgrade->is_held = false;
	answer(upgrade,
	       &(struct upgrade_answer){ .error = upgrade->why.text, .program = upgrade->path });
}

static void on_taken_back(struct survey *survey, void *arg)
{
	struct upgrade *upgrade = arg;

	(void)survey; /* a worker that has not answered takes its part back later */
	upgrade->survey = NULL;
	end_in_vain(upgrade);
}

/* The new process has ended, so nobody else accepts at the ports. */
static void undo(struct upgrade *upgrade)
{
	if (upgrade->is_held)
		upgrade->survey = server_take_back(upgrade->host->server, WORKERS_MS, on_taken_back,
		                                   upgrade);
	if (!upgrade->survey)
		end_in_vain(upgrade);
}

static void forget_step(struct upgrade *upgrade)
{
	ev_timer_stop(ev_of(upgrade), &upgrade->limit);
	ev_timer_stop(ev_of(upgrade), &upgrade->look);
	if (upgrade->survey)
		survey_forget(upgrade->survey);
	upgrade->survey = NULL;
}

static void close_returns(struct upgrade *upgrade)
{
	if (upgrade->returns >= 0)
		close(upgrade->returns);
	upgrade->returns = -1;
}

static void give_up(struct upgrade *upgrade, const char *format, ...)
{
	va_list ap;

	if (upgrade->step == UPGRADE_UNDOING)
		return;
	va_start(ap, format);
	vsnprintf(upgrade->why.text, sizeof upgrade->why.text, format, ap);
	va_end(ap);
	upgrade->step = UPGRADE_UNDOING;
	forget_step(upgrade);
	channel_close(&upgrade->channel);
	close_returns(upgrade);
	vetting_stop(&upgrade->vetting);
	keeper_open(upgrade->host->keeper, notify_has_manager(&upgrade->host->runtime->notify));
	if (upgrade->heir.pid)
		child_kill(&upgrade->heir);
	else
		undo(upgrade);
}

static void on_limit(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct upgrade *upgrade = timer->data;
	enum upgrade_step step = upgrade->step;

	(void)ev;
	(void)events;
	/* This process may have stood still, and the answer is there. */
	channel_catch_up(&upgrade->channel);
	if (upgrade->step != step)
		return;
	if (upgrade->channel.fd < 0 && upgrade->heir.pid)
		give_up(upgrade, "the new process has closed its connection to this one");
	else if (upgrade->step == UPGRADE_HOLDING)
		give_up(upgrade, "visitors who wait are not taken by their clients within %d s",
		        HOLD_MS / 1000);
	else if (upgrade->step == UPGRADE_GIVING)
		give_up(upgrade, "the new process does not serve within %d s", GIVE_MS / 1000);
	else
		give_up(upgrade, "the new process is not ready within %lld s",
		        (long long)start_limit_ms(upgrade) / 1000);
}

/* Clients that cannot move stay, if the new process sends back their data connections. */
static void let_clients_stay(struct upgrade *upgrade)
{
	if (upgrade->returns >= 0)
		server_let_stay(upgrade->host->server, upgrade->returns);
	else
		server_forget_elders(upgrade->host->server);
	upgrade->returns = -1;
}

static void take_serving(struct upgrade *upgrade)
{
	const struct upgrade_host *host = upgrade->host;

	forget_step(upgrade);
	upgrade->step = UPGRADE_DONE;
	keeper_open(host->keeper, false);
	log_info("upgraded: the new process serves, and this one drains",
	         log_str("program", upgrade->path), log_str("version", upgrade->version),
	         log_int("pid", upgrade->pid));
	let_clients_stay(upgrade);
	server_leave(host->server);
	host->leave(host->arg, upgrade->pid);
	/* The channel stays, since that process tells when it is upgraded itself. */
	channel_send(&upgrade->channel, PROTOCOL_LEFT, -1);
	answer(upgrade, &(struct upgrade_answer){ .program = upgrade->path,
	                                          .version = upgrade->version,
	                                          .pid = upgrade->pid });
}

/* ---- the ports ---- */

/* False also if the new process has closed the channel: its end will tell why. */
static bool pass(struct upgrade *upgrade, const char *text, int fd)
{
	bool sent = channel_send(&upgrade->channel, text, fd);

	if (!sent && upgrade->channel.fd >= 0)
		give_up(upgrade, "out of memory");
	return sent;
}

static bool pass_state(struct upgrade *upgrade)
{
	struct server *server = upgrade->host->server;
	struct err err;
	int fd = state_write(server_sources(server), server_usage(server), &err);

	if (fd < 0) {
		give_up(upgrade, "%s", err.text);
		return false;
	}
	return pass(upgrade, PROTOCOL_STATE, fd);
}

/* Takes the descriptors. */
static void pass_visitors(struct upgrade *upgrade, struct survey *survey)
{
	for (unsigned i = 0; i < upgrade->host->runtime->n_workers; i++) {
		struct parked_copies *copies = survey_answer(survey, i);

		while (copies->n > 0)
			channel_send(&upgrade->channel, PROTOCOL_VISITOR, copies->fds[--copies->n]);
	}
}

/* The keeper has passed the public ports. */
static void on_given(struct survey *survey, void *arg)
{
	struct upgrade *upgrade = arg;
	bool all_answered = server_all_answered(upgrade->host->server, survey);

	upgrade->survey = NULL;
	if (all_answered)
		pass_visitors(upgrade, survey);
	if (!all_answered)
		give_up(upgrade, "a worker does not answer, or too few file descriptors are left");
	else if (upgrade->generation != upgrade->host->runtime->plugins.generation)
		give_up(upgrade, "the configuration was reloaded meanwhile: try again");
	else if (pass_state(upgrade))
		pass(upgrade, PROTOCOL_GO, -1);
}

static void give(struct upgrade *upgrade)
{
	upgrade->step = UPGRADE_GIVING;
	keeper_open(upgrade->host->keeper, true);
	set_limit(upgrade, GIVE_MS);
	upgrade->survey = server_give(upgrade->host->server, WORKERS_MS, on_given, upgrade);
	if (!upgrade->survey)
		give_up(upgrade, "out of memory");
}

static void on_held(struct survey *survey, void *arg)
{
	struct upgrade *upgrade = arg;

	upgrade->survey = NULL;
	if (server_all_answered(upgrade->host->server, survey))
		ev_timer_again(ev_of(upgrade), &upgrade->look);
	else
		give_up(upgrade, "a worker does not answer");
}

static void end_undecided(struct upgrade *upgrade)
{
	upgrade->has_ended = true;
	upgrade->survey = server_end_undecided(upgrade->host->server, WORKERS_MS, on_held, upgrade);
	if (!upgrade->survey)
		give_up(upgrade, "out of memory");
}

static void on_look(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct upgrade *upgrade = timer->data;

	(void)ev;
	(void)events;
	if (server_is_still(upgrade->host->server)) {
		ev_timer_stop(ev_of(upgrade), &upgrade->look);
		give(upgrade);
	} else if (!upgrade->has_ended && clock_ms() >= upgrade->end_at_ms) {
		ev_timer_stop(ev_of(upgrade), &upgrade->look);
		end_undecided(upgrade);
	}
}

static void hold_visitors(struct upgrade *upgrade)
{
	upgrade->step = UPGRADE_HOLDING;
	upgrade->is_held = true;
	upgrade->has_ended = false;
	upgrade->end_at_ms = clock_ms() + UNDECIDED_MS;
	set_limit(upgrade, HOLD_MS);
	upgrade->survey = server_hold(upgrade->host->server, upgrade->takes_visitors, WORKERS_MS,
	                              on_held, upgrade);
	if (!upgrade->survey)
		give_up(upgrade, "out of memory");
}

bool upgrade_gives(const struct upgrade *upgrade)
{
	return upgrade->step == UPGRADE_GIVING || upgrade->step == UPGRADE_DONE;
}

void upgrade_keep(struct upgrade *upgrade, int fd, const char *name)
{
	char *text;
	int copy;

	if (upgrade->step != UPGRADE_GIVING)
		return;
	text = channel_object(PROTOCOL_PORT_KEY, name);
	copy = text ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (!text)
		give_up(upgrade, "out of memory");
	else if (copy < 0)
		give_up(upgrade, "cannot pass a public port: %s", strerrordesc_np(errno));
	else
		pass(upgrade, text, copy);
	free(text);
}

/* ---- the new process ---- */

static void pass_listener(void *arg, const spore_addr *address, int fd)
{
	struct upgrade *upgrade = arg;
	char address_text[ADDR_TEXT_SIZE];
	char *text = channel_object(PROTOCOL_LISTENER_KEY, addr_format(address, address_text));

	if (text)
		channel_send(&upgrade->channel, text, fd);
	else
		close(fd);
	free(text);
}

/* Takes the descriptors. */
static void pass_sockets(struct upgrade *upgrade, const char *text, struct sockets *copies)
{
	for (unsigned i = 0; i < copies->n; i++)
		channel_send(&upgrade->channel, text, copies->fds[i]);
	copies->n = 0;
}

static void pass_ports(struct upgrade *upgrade, struct port_copies *copies)
{
	const char *text = server_control_is_given(upgrade->host->server) ? PROTOCOL_CONTROL_FIXED
	                                                                  : PROTOCOL_CONTROL;

	pass_sockets(upgrade, text, &copies->control);
	for (unsigned i = 0; i < copies->n_shared; i++)
		pass_sockets(upgrade, PROTOCOL_SHARED, &copies->shared[i]);
}

/* Without the channel, clients that cannot move lose their ports. */
static void pass_elders(struct upgrade *upgrade)
{
	int elders[ELDERS_MOST], younger;
	unsigned n;

	if (!elders_pair(&upgrade->returns, &younger)) {
		log_warn("clients that cannot move will lose their ports",
		         log_str("error", strerrordesc_np(errno)));
		return;
	}
	channel_send(&upgrade->channel, PROTOCOL_ELDER, younger);
	n = server_copy_elders(upgrade->host->server, elders);
	for (unsigned i = 0; i < n; i++)
		channel_send(&upgrade->channel, PROTOCOL_ELDER, elders[i]);
}

static void on_copies(struct survey *survey, void *arg)
{
	struct upgrade *upgrade = arg;
	const struct upgrade_host *host = upgrade->host;
	unsigned n = 0;
	int admin;

	upgrade->survey = NULL;
	for (unsigned i = 0; i < host->runtime->n_workers; i++) {
		struct port_copies *copies = survey_answer(survey, i);

		n += copies != NULL;
		if (copies)
			pass_ports(upgrade, copies);
	}
	if (n < host->runtime->n_workers) {
		give_up(upgrade, "a worker does not answer, or too few file descriptors are left");
		return;
	}
	listeners_copy(pass_listener, upgrade);
	admin = host->copy_admin(host->arg);
	if (admin >= 0)
		channel_send(&upgrade->channel, PROTOCOL_ADMIN, admin);
	pass_elders(upgrade);
	pass(upgrade, PROTOCOL_LOAD, -1);
}

static void take_greeting(struct upgrade *upgrade, const struct json *message)
{
	struct err err;

	upgrade->takes_visitors = json_get(message, "visitors") != NULL;
	if (!greeting_read(message, upgrade->version, &err))
		give_up(upgrade, "%s", err.text);
}

static void take_ready(struct upgrade *upgrade, const struct json *message)
{
	if (!json_get(message, "returns"))
		close_returns(upgrade);
	hold_visitors(upgrade);
}

/* What this version does not know is ignored. */
static void on_message(void *arg, const struct json *message)
{
	struct upgrade *upgrade = arg;
	const struct json *error = json_get(message, PROTOCOL_ERROR_KEY);

	if (upgrade->step == UPGRADE_DONE)
		upgrade->is_succeeded |= json_get(message, "upgraded") != NULL;
	else if (error && error->type == JSON_STRING)
		give_up(upgrade, "the new process: %s", error->raw);
	else if (greeting_is_one(message))
		take_greeting(upgrade, message);
	else if (!upgrade->heir.pid)
		return; /* these are its last words: it does nothing any more */
	else if (json_get(message, "ready") && upgrade->step == UPGRADE_STARTING)
		take_ready(upgrade, message);
	else if (json_get(message, "serving") && upgrade->step == UPGRADE_GIVING)
		take_serving(upgrade);
}

/* The process of the new server usually ends now, and its exit status says more. */
static void on_channel_end(void *arg)
{
	struct upgrade *upgrade = arg;

	if (upgrade->step != UPGRADE_DONE)
		set_limit(upgrade, WORKERS_MS);
}

static void on_heir_end(void *arg, int status)
{
	struct upgrade *upgrade = arg;
	bool has_exited = WIFEXITED(status), is_expected = upgrade->step == UPGRADE_UNDOING;
	const char *how = has_exited ? "status" : "signal";
	int number = has_exited ? WEXITSTATUS(status) : WTERMSIG(status);

	if (is_expected) {
		undo(upgrade);
		return;
	}
	channel_catch_up(&upgrade->channel); /* with its last words */
	if (upgrade->step == UPGRADE_DONE && upgrade->is_succeeded)
		log_debug("a server that was upgraded, too, has ended",
		          log_int("pid", upgrade->pid), log_int(how, number));
	else if (upgrade->step == UPGRADE_DONE)
		log_at(has_exited && number == 0 ? LOG_INFO : LOG_ERROR,
		       "the new server has ended while this one drains",
		       log_int("pid", upgrade->pid), log_int(how, number));
	else if (is_running(upgrade))
		give_up(upgrade,
		        "the new process has ended with %s %d; its messages are in the log", how,
		        number);
}

/* NULL-ended; the caller frees the array. `last` may be NULL. NULL: out of memory. */
static char **make_argv(const struct upgrade *upgrade, char *last)
{
	const struct reload_words *words = upgrade->host->words;
	static char server[] = "server";
	char **argv = calloc((size_t)words->n + 4, sizeof *argv);

	if (!argv)
		return NULL;
	argv[0] = upgrade->path;
	argv[1] = server;
	for (int i = 0; i < words->n; i++)
		argv[2 + i] = words->items[i];
	argv[2 + words->n] = last;
	return argv;
}

/* Takes our end of the channel. False and *err. */
static bool run_heir(struct upgrade *upgrade, const int ends[2], struct err *err)
{
	static char variable[] = PROTOCOL_VARIABLE "=" PROTOCOL_FD_TEXT;
	char **argv = make_argv(upgrade, NULL), **environment = child_environment(variable);
	struct child_plan plan = { upgrade->path, argv, environment, ends[1], -1 };
	bool runs = false;

	err_set(err, "out of memory");
	upgrade->heir.on_end = on_heir_end;
	upgrade->heir.arg = upgrade;
	if (argv && environment)
		runs = child_start(&upgrade->heir, upgrade->host->runtime->main_loop, &plan, err);
	free(argv);
	free(environment);
	if (!runs) {
		close(ends[0]);
		return false;
	}
	upgrade->pid = upgrade->heir.pid;
	upgrade->channel.on_message = on_message;
	upgrade->channel.on_end = on_channel_end;
	upgrade->channel.arg = upgrade;
	channel_open(&upgrade->channel, upgrade->host->runtime->main_loop, ends[0]);
	return true;
}

static void start_heir(struct upgrade *upgrade)
{
	int ends[2];
	struct err err;
	bool runs;

	upgrade->step = UPGRADE_STARTING;
	upgrade->generation = upgrade->host->runtime->plugins.generation;
	*upgrade->version = '\0';
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		give_up(upgrade, "socketpair: %s", strerrordesc_np(errno));
		return;
	}
	runs = run_heir(upgrade, ends, &err);
	close(ends[1]);
	if (!runs) {
		give_up(upgrade, "%s", err.text);
		return;
	}
	set_limit(upgrade, start_limit_ms(upgrade));
	if (!pass(upgrade, PROTOCOL_GREETING, -1))
		return;
	upgrade->survey = server_copy_ports(upgrade->host->server, WORKERS_MS, on_copies, upgrade);
	if (!upgrade->survey)
		give_up(upgrade, "out of memory");
}

/* ---- the check ---- */

static void on_checked(void *arg, const char *why)
{
	struct upgrade *upgrade = arg;

	if (why)
		give_up(upgrade, "%s", why);
	else
		start_heir(upgrade);
}

/* Only root and the user of this process may write what it runs, or replace it. */
static bool is_safe(const char *path, const struct stat *st, struct err *err)
{
	struct access_verdict verdict = { .forbidden.text = "" };
	char real[PATH_MAX];

	if (!realpath(path, real)) {
		err_set(err, "%s: %s", path, strerrordesc_np(errno));
		return false;
	}
	if (!access_check_folders(path, real, &verdict) || !access_check(real, st, &verdict)) {
		*err = verdict.forbidden;
		return false;
	}
	if (verdict.doubtful.text[0])
		access_warn("program", verdict.doubtful.text);
	return true;
}

static bool is_program(const char *path, struct err *err)
{
	struct stat st;

	err_set(err, "expected an absolute path, found %s", path);
	if (*path != '/')
		return false;
	if (stat(path, &st) < 0) {
		err_set(err, "%s: %s", path, strerrordesc_np(errno));
		return false;
	}
	err_set(err, "%s is not an executable file", path);
	return S_ISREG(st.st_mode) && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 &&
	       is_safe(path, &st, err);
}

static void start_check(struct upgrade *upgrade)
{
	static char flag[] = "--check";
	char **argv;
	struct err err;
	bool runs;

	if (!is_program(upgrade->path, &err)) {
		give_up(upgrade, "%s", err.text);
		return;
	}
	argv = make_argv(upgrade, flag);
	err_set(&err, "out of memory");
	upgrade->vetting.on_end = on_checked;
	upgrade->vetting.arg = upgrade;
	runs = argv && vetting_start(&upgrade->vetting, upgrade->host->runtime->main_loop,
	                             upgrade->path, argv, start_limit_ms(upgrade), &err);
	free(argv);
	if (!runs)
		give_up(upgrade, "%s", err.text);
}

/* ---- questions ---- */

/* NULL: an upgrade may begin. */
static const char *find_obstacle(const struct upgrade *upgrade)
{
	if (upgrade->step == UPGRADE_DONE || upgrade->host->drain->begun ||
	    atomic_load(&upgrade->host->drain->is_caused))
		return "the server drains";
	if (upgrade->step != UPGRADE_IDLE)
		return "an upgrade runs already";
	if (getpid() == 1)
		return "this is process 1, with whose end its container ends: replace the "
		       "container";
	return NULL;
}

void upgrade_ask(struct upgrade *upgrade, const char *path, struct upgrade_request *request)
{
	const char *obstacle = find_obstacle(upgrade);
	char *copy = obstacle ? NULL : strdup(path ? path : upgrade->own);

	if (!obstacle && (!copy || !*copy))
		obstacle = "the path of this program is not known: say which is to run";
	if (obstacle) {
		log_warn("not upgraded", log_str("error", obstacle));
		if (request)
			request->done(request, &(struct upgrade_answer){ .error = obstacle });
		free(copy);
		return;
	}
	free(upgrade->path);
	upgrade->path = copy;
	upgrade->request = request;
	upgrade->step = UPGRADE_CHECKING;
	log_info("upgrading", log_str("program", upgrade->path));
	start_check(upgrade);
}

void upgrade_forget(struct upgrade *upgrade, const struct upgrade_request *request)
{
	if (upgrade->request == request)
		upgrade->request = NULL;
}

/* ---- start and stop ---- */

static void on_signal(struct ev_loop *ev, ev_signal *watcher, int events)
{
	(void)ev;
	(void)events;
	upgrade_ask(watcher->data, NULL, NULL);
}

void upgrade_hold(bool hold)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR2);
	pthread_sigmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &signals, NULL);
}

/* A thread of a plugin in Go may take the signal, and has too little stack for a handler. */
static void use_signal_stack(void)
{
	struct sigaction action;

	if (sigaction(SIGUSR2, NULL, &action) < 0)
		return;
	action.sa_flags |= SA_ONSTACK;
	sigaction(SIGUSR2, &action, NULL);
}

/* The path as it is now: when the file is replaced, the kernel calls the old one deleted. */
static char *find_own_path(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	path[n > 0 ? n : 0] = '\0';
	return strdup(path);
}

void upgrade_start(struct upgrade *upgrade, const struct upgrade_host *host)
{
	*upgrade = (struct upgrade){
		.host = host, .channel.fd = -1, .returns = -1, .own = find_own_path()
	};
	ev_timer_init(&upgrade->limit, on_limit, 0.0, 0.0);
	ev_timer_init(&upgrade->look, on_look, 0.0, look_s);
	upgrade->limit.data = upgrade->look.data = upgrade;
	ev_signal_init(&upgrade->signal, on_signal, SIGUSR2);
	upgrade->signal.data = upgrade;
	ev_signal_start(ev_of(upgrade), &upgrade->signal);
	use_signal_stack();
	upgrade_hold(false);
}

void upgrade_close(struct upgrade *upgrade)
{
	struct err why;

	if (!is_running(upgrade))
		return;
	give_up(upgrade, "the server was asked to end meanwhile");
	why = upgrade->why;
	/* Now: the end of the process does not wait for the end of the new one. */
	answer(upgrade, &(struct upgrade_answer){ .error = why.text, .program = upgrade->path });
}

void upgrade_stop(struct upgrade *upgrade)
{
	if (!upgrade->host)
		return;
	upgrade->request = NULL;
	forget_step(upgrade);
	channel_close(&upgrade->channel);
	close_returns(upgrade);
	vetting_stop(&upgrade->vetting);
	if (is_running(upgrade))
		child_kill(&upgrade->heir);
	child_leave(&upgrade->heir);
	upgrade_hold(true); /* libev restores the default action, which is to end the process */
	ev_signal_stop(ev_of(upgrade), &upgrade->signal);
	signal(SIGUSR2, SIG_IGN);
	free(upgrade->own);
	free(upgrade->path);
	*upgrade = (struct upgrade){ .channel.fd = -1, .returns = -1 };
}
