#include "health/health.h"

#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/crypto.h"
#include "config/settings.h"
#include "health/exam.h"
#include "log/log.h"
#include "loop/loop.h"

static const struct check_settings *rules_of(const struct health *health)
{
	return &health->tunnel->check;
}

/* ---- results ---- */

static void change(struct health *health, bool is_down)
{
	health->is_down = is_down;
	health->since_ms = loop_now_ms(health->loop);
	if (is_down)
		log_warn("service down", log_str("tunnel", health->tunnel->name),
		         log_str("error", health->why), log_int("checks", health->falls));
	else
		log_info("service up", log_str("tunnel", health->tunnel->name));
}

static void note_success(struct health *health)
{
	health->has_been_up = true;
	health->falls = 0;
	health->rises++;
	if (!health->is_down || health->rises < rules_of(health)->rise)
		return;
	change(health, false);
	health->on_news(health);
}

static void note_failure(struct health *health, const char *why)
{
	health->rises = 0;
	health->falls++;
	health->failed_ms = loop_now_ms(health->loop);
	snprintf(health->why, sizeof health->why, "%s", why);
	if (!health->is_down && (health->falls >= rules_of(health)->fall || !health->has_been_up))
		change(health, true);
	else
		log_debug("check failed", log_str("tunnel", health->tunnel->name),
		          log_str("error", health->why));
	if (health->is_down)
		health->on_news(health);
}

/* ---- the schedule ---- */

/* The checks of many tunnels drift apart: the pauses differ by up to a tenth. */
static void pause_for_next(struct health *health)
{
	double s = (double)rules_of(health)->interval / 1000.0;
	uint32_t random = 0;

	crypto_random(&random, sizeof random);
	s *= 0.95 + 0.1 * (double)random / (double)UINT32_MAX;
	ev_now_update(loop_ev(health->loop));
	ev_timer_set(&health->pause, s, 0.0);
	ev_timer_start(loop_ev(health->loop), &health->pause);
}

static void on_exam_done(enum exam_result result, const char *why, void *arg)
{
	struct health *health = arg;

	health->exam = NULL;
	pause_for_next(health);
	switch (result) {
	case EXAM_UP:
		note_success(health);
		break;
	case EXAM_DOWN:
		note_failure(health, why);
		break;
	case EXAM_UNKNOWN:
		log_debug("service not checked", log_str("tunnel", health->tunnel->name),
		          log_str("error", why));
		break;
	}
}

static void begin_exam(struct health *health)
{
	const struct tunnel_settings *tunnel = health->tunnel;
	const struct exam_spec spec = {
		.loop = health->loop,
		.resolver = health->resolver,
		.set = *health->set,
		.checker = tunnel->check.use,
		.target = { .host = tunnel->local_host,
		            .path = tunnel->local_path,
		            .port = (uint16_t)tunnel->local_port,
		            .timeout_ms = tunnel->check.timeout,
		            .source = tunnel->source },
	};

	health->exam = exam_start(&spec, on_exam_done, health);
	if (!health->exam) /* out of memory, which says nothing about the service */
		pause_for_next(health);
}

static void on_pause_over(struct ev_loop *ev, ev_timer *timer, int events)
{
	(void)ev;
	(void)events;
	begin_exam(CONTAINER_OF(timer, struct health, pause));
}

static void halt(struct health *health)
{
	exam_stop(health->exam);
	health->exam = NULL;
	ev_timer_stop(loop_ev(health->loop), &health->pause);
}

/* ---- life ---- */

void health_init(struct health *health)
{
	ev_timer_init(&health->pause, on_pause_over, 0.0, 0.0);
}

void health_start(struct health *health, const struct tunnel_settings *tunnel)
{
	health->tunnel = tunnel;
	health->is_checked = tunnel->check.is_wanted;
	health->since_ms = loop_now_ms(health->loop);
	if (health->is_checked)
		begin_exam(health);
}

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool checks_alike(const struct tunnel_settings *a, const struct tunnel_settings *b)
{
	const struct check_settings *x = &a->check, *y = &b->check;

	return x->is_wanted == y->is_wanted && is_same_text(x->use, y->use) &&
	       x->interval == y->interval && x->timeout == y->timeout && x->rise == y->rise &&
	       x->fall == y->fall && is_same_text(a->local_host, b->local_host) &&
	       is_same_text(a->local_path, b->local_path) && a->local_port == b->local_port &&
	       memcmp(&a->source, &b->source, sizeof a->source) == 0;
}

/* Nobody checks the service any more, so nothing is known to be wrong. */
static void forget(struct health *health)
{
	health->has_been_up = false;
	health->failed_ms = 0;
	health->why[0] = '\0';
	health->is_down = false;
	health->since_ms = loop_now_ms(health->loop);
}

void health_use(struct health *health, const struct tunnel_settings *tunnel)
{
	const struct tunnel_settings *before = health->tunnel;

	if (!before)
		return;
	health->tunnel = tunnel;
	if (!checks_alike(before, tunnel)) {
		halt(health);
		health->rises = health->falls = 0;
		health->is_checked = tunnel->check.is_wanted;
		if (health->is_checked)
			begin_exam(health);
		else
			forget(health);
	}
	health->on_news(health); /* the port may be closed for another reason now */
}

void health_stop(struct health *health)
{
	if (!health->tunnel)
		return;
	halt(health);
	health->tunnel = NULL;
}

bool health_closes_port(const struct health *health)
{
	return health->is_down && health->tunnel &&
	       rules_of(health)->when_down == CHECK_CLOSES_PORT;
}
