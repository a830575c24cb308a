#include "health/exam.h"

#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/zeroed.h"
#include "health/checker.h"
#include "loop/loop.h"

struct exam {
	struct loop *loop;              /* borrowed */
	struct plugin_set *set;         /* ref */
	const struct instance *checker; /* of the set; NULL: none */
	char *host;                     /* owned: the target's host or path */
	spore_check_target target;
	exam_fn on_done;
	void *arg;
	struct dial *dial; /* NULL once connected */
	int fd;            /* owned; -1 before that */
	ev_io io;
	ev_timer deadline;
	char *request; /* owned; NULL: it has been sent */
	size_t request_len, n_sent;
	char *reply; /* owned, SPORE_CHECK_REPLY_MAX bytes */
	size_t reply_len;
	int64_t until_ms;
	struct loop_task reap;
	bool has_ended;
};

static void run_free(struct loop_task *task)
{
	struct exam *exam = CONTAINER_OF(task, struct exam, reap);

	plugin_set_unref(exam->set);
	free(exam->host);
	free(exam->request);
	free(exam->reply);
	free(exam);
}

void exam_stop(struct exam *exam)
{
	struct ev_loop *ev;

	if (!exam || exam->has_ended)
		return;
	ev = loop_ev(exam->loop);
	exam->has_ended = true;
	dial_stop(exam->dial);
	ev_io_stop(ev, &exam->io);
	ev_timer_stop(ev, &exam->deadline);
	if (exam->fd >= 0)
		close(exam->fd);
	exam->reap.run = run_free;
	loop_reap(exam->loop, &exam->reap);
}

static void finish(struct exam *exam, enum exam_result result, const char *why)
{
	exam_stop(exam); /* its memory lasts until the end of the turn */
	exam->on_done(result, why, exam->arg);
}

static void finish_errno(struct exam *exam, const char *what, int cause)
{
	char why[SPORE_CHECK_WHY_SIZE];

	snprintf(why, sizeof why, "%s: %s", what, strerrordesc_np(cause));
	finish(exam, EXAM_DOWN, why);
}

/* ---- the reply ---- */

/* True: the exam is over. */
static bool judge(struct exam *exam, bool ended)
{
	char why[SPORE_CHECK_WHY_SIZE];
	const spore_check_reply reply = { .ended = ended,
		                          .bytes = { exam->reply, exam->reply_len } };

	switch (checker_judge(exam->checker, exam->loop, &exam->target, &reply, why)) {
	case CHECKER_UP:
		finish(exam, EXAM_UP, "");
		return true;
	case CHECKER_DOWN:
		finish(exam, EXAM_DOWN, why);
		return true;
	case CHECKER_MORE:
		break;
	}
	if (ended)
		finish(exam, EXAM_DOWN, exam->reply_len ? "its reply is not complete" : "no reply");
	return ended;
}

static void receive(struct exam *exam)
{
	ssize_t n = recv(exam->fd, exam->reply + exam->reply_len,
	                 SPORE_CHECK_REPLY_MAX - exam->reply_len, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		finish_errno(exam, "connection broken", errno);
		return;
	}
	exam->reply_len += (size_t)n;
	judge(exam, n == 0 || exam->reply_len == SPORE_CHECK_REPLY_MAX);
}

/* ---- the request ---- */

static void watch(struct exam *exam, int events)
{
	struct ev_loop *ev = loop_ev(exam->loop);

	ev_io_stop(ev, &exam->io);
	ev_io_set(&exam->io, exam->fd, events);
	ev_io_start(ev, &exam->io);
}

static void transmit(struct exam *exam)
{
	ssize_t n = send(exam->fd, exam->request + exam->n_sent, exam->request_len - exam->n_sent,
	                 MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		finish_errno(exam, "connection broken", errno);
		return;
	}
	exam->n_sent += n > 0 ? (size_t)n : 0;
	if (exam->n_sent == exam->request_len) {
		free(exam->request);
		exam->request = NULL;
		watch(exam, EV_READ);
	}
}

static void on_ready(struct ev_loop *ev, ev_io *io, int events)
{
	struct exam *exam = CONTAINER_OF(io, struct exam, io);

	(void)ev;
	(void)events;
	if (exam->request)
		transmit(exam);
	else
		receive(exam);
}

static void on_late(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct exam *exam = CONTAINER_OF(timer, struct exam, deadline);

	(void)ev;
	(void)events;
	finish(exam, EXAM_DOWN,
	       exam->reply_len ? "timed out within its reply" : "no reply in time");
}

/* False: out of memory. */
static bool make_request(struct exam *exam)
{
	exam->reply = malloc(SPORE_CHECK_REPLY_MAX);
	exam->request = malloc(SPORE_CHECK_REQUEST_MAX);
	if (!exam->reply || !exam->request)
		return false;
	exam->request_len = checker_request(exam->checker, exam->loop, &exam->target,
	                                    exam->request);
	if (exam->request_len == 0) {
		free(exam->request);
		exam->request = NULL;
	}
	return true;
}

static void ask(struct exam *exam)
{
	int64_t left_ms = exam->until_ms - clock_ms();

	if (!make_request(exam)) {
		finish(exam, EXAM_UNKNOWN, "out of memory");
		return;
	}
	ev_now_update(loop_ev(exam->loop));
	ev_timer_set(&exam->deadline, (double)(left_ms > 1 ? left_ms : 1) / 1000.0, 0.0);
	ev_timer_start(loop_ev(exam->loop), &exam->deadline);
	watch(exam, exam->request ? EV_WRITE : EV_READ);
}

/* ---- the connection ---- */

static void on_connected(int fd, const spore_addr *addr, const struct net_failure *failure,
                         void *arg)
{
	struct exam *exam = arg;

	(void)addr;
	exam->dial = NULL;
	exam->fd = fd;
	if (fd < 0)
		finish(exam, failure->lacks ? EXAM_UNKNOWN : EXAM_DOWN, failure->why);
	else if (exam->checker)
		ask(exam);
	else
		finish(exam, EXAM_UP, "");
}

/* False: out of memory. */
static bool set_up(struct exam *exam, const struct exam_spec *spec)
{
	struct dial_target target = spec->target;

	exam->loop = spec->loop;
	exam->set = plugin_set_ref(spec->set);
	exam->checker = spec->checker ? checker_find(spec->set, spec->checker) : NULL;
	exam->until_ms = clock_ms() + target.timeout_ms;
	ev_init(&exam->io, on_ready);
	ev_init(&exam->deadline, on_late);
	exam->host = strdup(target.path ? target.path : target.host);
	if (!exam->host)
		return false;
	/* A reload may replace the texts of the target meanwhile. */
	if (target.path)
		target.path = exam->host;
	else
		target.host = exam->host;
	exam->target = (spore_check_target){ .struct_size = sizeof exam->target,
		                             .port = target.path ? 0 : target.port,
		                             .host = exam->host };
	exam->dial = dial_start(spec->loop, spec->resolver, &target, on_connected, exam);
	return exam->dial != NULL;
}

struct exam *exam_start(const struct exam_spec *spec, exam_fn on_done, void *arg)
{
	struct exam *exam = zeroed_new(sizeof *exam);

	if (!exam)
		return NULL;
	exam->fd = -1;
	exam->on_done = on_done;
	exam->arg = arg;
	if (set_up(exam, spec))
		return exam;
	run_free(&exam->reap);
	return NULL;
}
