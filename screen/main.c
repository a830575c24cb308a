/* spore-screen - shows a client or a server on a terminal.
 *
 *	spore-screen probe                 exit status 0: this terminal can show it
 *	spore-screen top SOCKET            `spore top`: asks an admin socket
 *	spore-screen local SOCKET FD PID   `spore local`: the client is the child PID, which writes
 *	                                   its lines to the pipe FD
 *
 * `spore` starts it. It is a program of its own so that neither `spore` nor its packages need
 * ncurses, and so that the terminal is restored even if the client crashes. */
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "clean.h"
#include "draw.h"
#include "model.h"
#include "probe.h"
#include "tail.h"

enum { EVERY_MS = 1000, WRONG_USE = 2, NOT_POSSIBLE = 1 };

struct app {
	bool is_local;
	int log_fd, signals;
	pid_t child;
	struct ask ask;
	bool asks_tunnels; /* the question that is open */
	struct model model;
	struct tail tail;
	enum model_sort sort;
	unsigned first;
	int64_t next_ms;
	bool ends;       /* the screen is over */
	bool is_lost;    /* nobody answers */
	bool is_ending;  /* the client was asked to end */
	bool has_no_tty; /* the terminal is gone */
	char lost[160];
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static const char *sort_name(enum model_sort sort)
{
	static const char *const names[SORT_WAYS] = { "rate", "visitors", "bytes", "name" };

	return names[sort];
}

/* ---- showing ---- */

/* In the background the terminal belongs to somebody else: nothing is drawn or read. */
static bool has_foreground(const struct app *app)
{
	return !app->has_no_tty && tcgetpgrp(STDOUT_FILENO) == getpgrp();
}

static void show(struct app *app)
{
	char help[160];
	struct view view = { .title = app->is_local ? "spore local" : "spore top",
		             .model = &app->model,
		             .tail = app->is_local ? &app->tail : NULL,
		             .notice = app->is_ending ? "ending: open visitors may finish; "
		                                        "Ctrl-C again ends at once"
		                       : app->is_lost ? app->lost
		                                      : NULL,
		             .help = help,
		             .sort = app->sort,
		             .first = app->first,
		             .now_ms = now_ms() };

	if (!has_foreground(app))
		return;
	if (app->is_local)
		snprintf(help, sizeof help, "Ctrl-C ends  Up/Down scroll");
	else
		snprintf(help, sizeof help,
		         "q quits  s sorts (by %s)  Up/Down scroll  %.0f tunnels",
		         sort_name(app->sort), app->model.n_all);
	draw(&view);
}

static void scroll_by(struct app *app, int rows)
{
	int first = (int)app->first + rows, most = (int)app->model.n - (int)draw_page();

	first = first > most ? most : first;
	app->first = first > 0 ? (unsigned)first : 0;
}

static void take_key(struct app *app, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
		app->ends = !app->is_local;
		break;
	case 's':
	case 'S':
		app->sort = (app->sort + 1) % SORT_WAYS;
		if (!app->is_local)
			model_sort(&app->model, app->sort);
		break;
	case KEY_UP:
	case 'k':
		scroll_by(app, -1);
		break;
	case KEY_DOWN:
	case 'j':
		scroll_by(app, 1);
		break;
	case KEY_PPAGE:
		scroll_by(app, -(int)draw_page());
		break;
	case KEY_NPAGE:
		scroll_by(app, (int)draw_page());
		break;
	case 'L' & 0x1f:
		draw_anew();
		break;
	default:
		break;
	}
}

/* ---- asking ---- */

static void lose(struct app *app, const char *why)
{
	snprintf(app->lost, sizeof app->lost, "no answer: %.120s", why);
	app->is_lost = true;
	/* A client that starts does not listen yet, and its end is seen by other means. */
	if (!app->is_local)
		app->ends = true;
}

static void ask_for(struct app *app, bool tunnels)
{
	app->asks_tunnels = tunnels;
	if (!ask_start(&app->ask, tunnels ? "tunnels\n" : "status\n", now_ms()) &&
	    app->model.is_known)
		lose(app, strerror(errno));
	else if (app->ask.fd < 0 && !app->is_local)
		lose(app, strerror(errno));
}

static void take_answer(struct app *app, const cJSON *answer)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(answer, "error");

	if (cJSON_IsString(error)) {
		lose(app, error->valuestring);
		return;
	}
	app->is_lost = false;
	if (app->asks_tunnels)
		model_take_tunnels(&app->model, answer, now_ms());
	else
		model_take_status(&app->model, answer, now_ms());
	if (!app->is_local)
		model_sort(&app->model, app->sort);
	scroll_by(app, 0);
	if (!app->asks_tunnels && !app->model.is_client)
		ask_for(app, true);
}

static void go_on_asking(struct app *app)
{
	cJSON *answer = NULL;
	enum ask_state state = ask_go_on(&app->ask, now_ms(), &answer);

	if (state == ASK_ANSWERED)
		take_answer(app, answer);
	else if (state == ASK_FAILED)
		lose(app, "the connection was closed, or the answer took too long");
	cJSON_Delete(answer);
}

/* ---- signals ---- */

/* By the default action: it does nothing where no shell could resume this process. */
static void stop_like_the_others(struct app *app)
{
	sigset_t stop;

	if (!app->has_no_tty)
		draw_end();
	signal(SIGTSTP, SIG_DFL); /* ncurses has a handler */
	raise(SIGTSTP);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &stop, NULL);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	draw_resize();
}

/* A terminal that is gone fails every call. */
static bool has_terminal(void)
{
	struct pollfd terminal = { STDOUT_FILENO, 0, 0 };

	return poll(&terminal, 1, 0) == 0 || !(terminal.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void lose_terminal(struct app *app)
{
	app->has_no_tty = true;
	if (app->is_local)
		kill(app->child, SIGTERM);
	else
		app->ends = true;
}

/* The terminal sends its signals to the client, too. Those that somebody sends to this process are
 * meant for the client. */
static void take_signal(struct app *app, const struct signalfd_siginfo *info)
{
	int signal = (int)info->ssi_signo;
	bool is_ours = info->ssi_code == SI_KERNEL;

	if (signal == SIGWINCH || signal == SIGCONT) {
		draw_resize();
	} else if (signal == SIGTSTP) {
		stop_like_the_others(app);
	} else if (signal == SIGHUP && !has_terminal()) {
		lose_terminal(app);
	} else if (signal != SIGCHLD && app->is_local) {
		if (!is_ours)
			kill(app->child, signal);
		app->is_ending = app->is_ending || signal == SIGINT || signal == SIGTERM;
	} else if (signal != SIGCHLD && !app->is_local) {
		app->ends = true;
	}
}

static int open_signals(void)
{
	static const int all[] = { SIGINT,   SIGTERM, SIGHUP,  SIGTSTP, SIGQUIT,
		                   SIGWINCH, SIGCONT, SIGCHLD, SIGUSR1, SIGUSR2 };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sigaddset(&set, all[i]);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGTTOU, SIG_IGN); /* the terminal is restored even from the background */
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* ---- the loop ---- */

static void read_keys(struct app *app, short events)
{
	int key;

	while (has_foreground(app) && (key = draw_key()) >= 0)
		take_key(app, key);
	if (events & (POLLHUP | POLLERR) && !has_terminal())
		lose_terminal(app);
}

static void read_signals(struct app *app)
{
	struct signalfd_siginfo info;

	while (read(app->signals, &info, sizeof info) == sizeof info)
		take_signal(app, &info);
}

static void wait_for_events(struct app *app)
{
	struct pollfd fds[] = { { app->signals, POLLIN, 0 },
		                { app->has_no_tty ? -1 : STDIN_FILENO,
		                  has_foreground(app) ? POLLIN : 0, 0 },
		                { app->log_fd, POLLIN, 0 },
		                { app->ask.fd, POLLIN, 0 } };
	int64_t left_ms = app->next_ms - now_ms();

	if (poll(fds, 4, left_ms > 0 ? (int)left_ms : 0) < 0)
		return;
	if (fds[0].revents)
		read_signals(app);
	if (fds[1].revents && !app->has_no_tty)
		read_keys(app, fds[1].revents);
	if (fds[2].revents && !tail_read(&app->tail, app->log_fd))
		app->ends = true;
	if (fds[3].revents)
		go_on_asking(app);
}

static void run(struct app *app)
{
	while (!app->ends) {
		if (now_ms() >= app->next_ms) {
			app->next_ms = now_ms() + EVERY_MS;
			if (app->ask.fd >= 0)
				go_on_asking(app);
			else
				ask_for(app, false);
		}
		show(app);
		wait_for_events(app);
	}
}

/* ---- the end ---- */

/* The exit status is that of the client, as a shell tells it. */
static int end_with_client(struct app *app)
{
	int status = 0;

	while (waitpid(app->child, &status, 0) < 0 && errno == EINTR)
		;
	if (!app->has_no_tty)
		tail_print(&app->tail, stderr);
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	if (!app->has_no_tty)
		fprintf(stderr, "spore local was ended by signal %d (%s)\n", WTERMSIG(status),
		        strsignal(WTERMSIG(status)));
	return 128 + WTERMSIG(status);
}

static int end_top(const struct app *app)
{
	if (app->is_lost && !app->has_no_tty)
		fprintf(stderr, "spore top: %s\n", app->lost);
	return app->is_lost ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int start(struct app *app, const char *socket)
{
	int status;

	clean_use_locale();
	app->signals = open_signals();
	ask_init(&app->ask, socket);
	if (app->signals < 0 || !draw_begin()) {
		if (app->is_local)
			kill(app->child, SIGTERM);
		return NOT_POSSIBLE;
	}
	run(app);
	if (!app->has_no_tty)
		draw_end();
	ask_stop(&app->ask);
	status = app->is_local ? end_with_client(app) : end_top(app);
	model_fini(&app->model);
	return status;
}

int main(int argc, char **argv)
{
	static struct app app = { .log_fd = -1, .ask.fd = -1 };

	if (argc == 2 && strcmp(argv[1], "probe") == 0)
		return probe_terminal() ? EXIT_SUCCESS : NOT_POSSIBLE;
	if (argc == 3 && strcmp(argv[1], "top") == 0)
		return start(&app, argv[2]);
	if (argc != 5 || strcmp(argv[1], "local") != 0) {
		fputs("spore-screen is started by `spore local` and `spore top`\n", stderr);
		return WRONG_USE;
	}
	app.is_local = true;
	app.log_fd = atoi(argv[3]);
	app.child = (pid_t)atoi(argv[4]);
	return start(&app, argv[2]);
}
