#include "link/pulse.h"

#include <math.h>

#include "link/link.h"

/* Each tunnel sends its heartbeats at one of POINTS moments of the period. If all tunnels sent
 * theirs at once, these would hold up everything else. If each had a turn of its own, the turn
 * would cost more than the heartbeat. */
enum { POINTS = 10 };

static void on_pulse_timer(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct pulse *pulse = timer->data;

	(void)ev;
	(void)events;
	link_send(pulse->link, &(struct message){ .type = MESSAGE_HEARTBEAT });
}

void pulse_init(struct pulse *pulse, struct loop *loop, struct link *link)
{
	pulse->loop = loop;
	pulse->link = link;
	ev_timer_init(&pulse->timer, on_pulse_timer, 0.0, 0.0);
	pulse->timer.data = pulse;
}

void pulse_start(struct pulse *pulse, double every_s, double random)
{
	struct ev_loop *ev = loop_ev(pulse->loop);
	double step_s = every_s / POINTS, first_s;

	ev_now_update(ev);
	/* The moments are multiples of step_s on the loop's clock, so they are the same for all. */
	first_s = step_s * (1.0 + floor(POINTS * random)) - fmod(ev_now(ev), step_s);
	ev_timer_stop(ev, &pulse->timer);
	ev_timer_set(&pulse->timer, first_s, every_s);
	ev_timer_start(ev, &pulse->timer);
}

bool pulse_beat(struct pulse *pulse)
{
	return ev_is_active(&pulse->timer) &&
	       link_send(pulse->link, &(struct message){ .type = MESSAGE_HEARTBEAT });
}

void pulse_stop(struct pulse *pulse)
{
	ev_timer_stop(loop_ev(pulse->loop), &pulse->timer);
}
