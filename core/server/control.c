#include "server/control.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "log/log.h"
#include "net/addr.h"
#include "net/stream.h"
#include "quota/ahead.h"
#include "server/takeover.h"
#include "server/tunnel.h"

/* ---- the beginning ---- */

static void run_reap(struct loop_task *task)
{
	free(CONTAINER_OF(task, struct control, reap));
}

static void on_life_over(struct ev_loop *ev, ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	control_end_with_error(timer->data, "the tunnel's time is over");
}

struct control *control_new(struct worker *worker, struct source *source, int fd,
                            const spore_addr *peer, const spore_addr *local)
{
	struct control *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->stream = stream_new(worker->loop, fd, peer, local);
	if (!c->stream) {
		free(c);
		return NULL;
	}
	c->worker = worker;
	c->set = plugin_set_ref(worker->set);
	c->peer = *peer;
	c->state = OPENING;
	c->reap.run = run_reap;
	ev_timer_init(&c->life, on_life_over, 0.0, 0.0);
	c->life.data = c;
	stranger_init(&c->stranger);
	c->source = source_ref(source);
	deadline_init(&c->first_frame);
	deadline_init(&c->next_frame);
	deadline_init(&c->silence);
	deadline_init(&c->waiting);
	list_append(&worker->sessions, &c->node);
	deadline_start(&worker->first_frame, &c->first_frame);
	return c;
}

void control_start_life(struct control *c)
{
	const struct grant *grant = tunnel_account(c->tunnel)->grant;
	int64_t left_ms;

	ev_timer_stop(loop_ev(c->worker->loop), &c->life);
	if (!grant || !(grant->fields & SPORE_AUTH_F_LIFE))
		return;
	left_ms = c->life_from_ms + grant->life_ms - clock_ms();
	ev_timer_set(&c->life, (double)(left_ms > 0 ? left_ms : 0) / 1000.0, 0.0);
	ev_timer_start(loop_ev(c->worker->loop), &c->life);
}

void control_end_waiting(struct control *c)
{
	if (!c->under)
		return;
	deadline_stop(&c->waiting);
	ahead_leave(c->under);
	c->under = NULL;
	stats_add(&c->worker->shared->stats, c->worker->loop, STAT_AHEAD, -1);
}

/* ---- the end ---- */

void control_retire(struct control *c)
{
	auth_cancel(&c->auth);
	takeover_forget(c->takeover);
	deadline_stop(&c->first_frame);
	deadline_stop(&c->next_frame);
	deadline_stop(&c->silence);
	control_end_waiting(c);
	ahead_withdraw(c->pass);
	ev_timer_stop(loop_ev(c->worker->loop), &c->life);
	tunnel_close(c->tunnel);
	grant_free(c->grant);
	stranger_remove(&c->worker->strangers, &c->stranger);
	source_unref(c->source);
	if (c->owner)
		account_unref(c->owner);
	plugin_set_unref(c->set);
	free(c->answer);
	free(c->next);
	list_remove(&c->node);
	loop_reap(c->worker->loop, &c->reap);
}

void control_end(struct control *c)
{
	if (c->state == OPENING)
		stream_close(c->stream, false);
	else
		link_fini(&c->link, false);
	control_retire(c);
}

void control_end_all(struct list *sessions)
{
	while (!list_is_empty(sessions))
		control_end(CONTAINER_OF(sessions->next, struct control, node));
}

/* ---- refusals ---- */

void control_log(struct control *c, enum log_level level, const char *event, const char *reason)
{
	char text[ADDR_TEXT_SIZE];

	log_at(level, event, log_str("peer", addr_format(&c->peer, text)),
	       log_str("reason", reason));
}

void control_count_refusal(const struct worker *worker, enum refusal why)
{
	stats_refuse(&worker->shared->stats, worker->loop, REFUSED_AT_CONTROL, why);
}

void control_refuse_silently(struct control *c, enum refusal why)
{
	control_count_refusal(c->worker, why);
	control_log(c, LOG_INFO, "connection refused", refusal_text(why));
	link_finish(&c->link, &c->worker->lingerers);
	control_retire(c);
}

void control_end_with_error(struct control *c, const char *text)
{
	struct message message = { .type = MESSAGE_ERROR };

	control_log(c, LOG_WARN, "client refused", text);
	strcpy(message.text, text);
	link_send(&c->link, &message);
	link_finish(&c->link, &c->worker->lingerers);
	control_retire(c);
}

void control_refuse_because(struct control *c, enum refusal why, const char *text)
{
	control_count_refusal(c->worker, why);
	control_end_with_error(c, text);
}

void control_refuse(struct control *c, enum refusal why)
{
	control_refuse_because(c, why, refusal_text(why));
}

void control_cut_off(struct control *c, enum refusal why)
{
	control_count_refusal(c->worker, why);
	if (log_is_enabled(LOG_DEBUG))
		control_log(c, LOG_DEBUG, "connection refused", refusal_text(why));
	if (c->state == OPENING)
		stream_close(c->stream, true);
	else
		link_fini(&c->link, true);
	control_retire(c);
}
