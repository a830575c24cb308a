#include "carry/decline.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "link/link.h"
#include "log/log.h"
#include "loop/loop.h"

/* The log tells of the visitors without a line when no other one was declined for this long. */
static const double quiet_s = 5;

/* A visitor of another worker, on its way to the session's. */
struct decline_report {
	struct loop_task task;
	struct decliner *decliner;
	struct declined declined; /* its pointers lead into this struct */
	struct uuid id;
	char error[400];
};

static const char unreached[] = "local service not reached";

static void tell_rest_of(const struct decliner *decliner, const char *event, unsigned n)
{
	if (n > 0)
		log_warn("further lines were left out", log_str("of", event), log_int("others", n),
		         log_str("tunnel", decliner->tunnel));
}

static void tell_rest(struct decliner *decliner)
{
	tell_rest_of(decliner, decliner->unlogged, decliner->n_unlogged);
	decliner->n_unlogged = 0;
}

static void on_quiet(struct ev_loop *ev, ev_timer *quiet, int events)
{
	(void)events;
	ev_timer_stop(ev, quiet);
	tell_rest(CONTAINER_OF(quiet, struct decliner, quiet));
}

void decline_init(struct decliner *decliner, struct loop *loop, const char *tunnel,
                  struct users *users)
{
	*decliner = (struct decliner){ .loop = loop, .tunnel = tunnel, .users = users };
	trouble_init(&decliner->unreached);
	ev_timer_init(&decliner->quiet, on_quiet, 0, quiet_s);
}

void decline_stop(struct decliner *decliner)
{
	ev_timer_stop(loop_ev(decliner->loop), &decliner->quiet);
	tell_rest(decliner);
	tell_rest_of(decliner, unreached, trouble_take_held(&decliner->unreached));
}

void decline_fini(struct decliner *decliner)
{
	trouble_fini(&decliner->unreached);
}

void decline_on(struct decliner *decliner, struct link *link, bool reads_unserved)
{
	size_t i;

	decline_no_more_on(decliner, link);
	i = decliner->links[0] != NULL;
	decliner->links[i] = link;
	atomic_store(&decliner->reads[i],
	             reads_unserved ? DECLINE_READS_BOTH : DECLINE_READS_DECLINE);
}

void decline_no_more_on(struct decliner *decliner, const struct link *link)
{
	for (size_t i = 0; i < 2; i++) {
		if (decliner->links[i] != link)
			continue;
		decliner->links[i] = NULL;
		atomic_store(&decliner->reads[i], DECLINE_READS_NOTHING);
	}
}

bool decline_is_read(const struct decliner *decliner, enum decline_reads least)
{
	return atomic_load(&decliner->reads[0]) >= (int)least ||
	       atomic_load(&decliner->reads[1]) >= (int)least;
}

static void write_line(const struct decliner *decliner, const struct declined *declined,
                       unsigned others)
{
	const char *remedy = shortage_remedy(declined->lacks);
	char id[UUID_TEXT_SIZE];

	uuid_format(declined->id, id);
	log_event(LOG_WARN, declined->event,
	          (const struct log_field[]){ log_str("tunnel", decliner->tunnel),
	                                      log_str("id", id), log_str("error", declined->error),
	                                      log_int("others", others), log_str("raise", remedy) },
	          remedy ? 5 : 4);
}

static void log_declined(struct decliner *decliner, const struct declined *declined)
{
	int64_t now_ms = loop_now_ms(decliner->loop);
	unsigned others;

	if (declined->is_unserved) {
		if (trouble_note(&decliner->unreached, clock_ms(), &others))
			write_line(decliner, declined, others);
		return;
	}
	if (decliner->logged_ms && now_ms - decliner->logged_ms < DECLINE_LOG_MS) {
		decliner->n_unlogged++;
		decliner->unlogged = declined->event;
		ev_timer_again(loop_ev(decliner->loop), &decliner->quiet);
		return;
	}
	write_line(decliner, declined, decliner->n_unlogged);
	decliner->logged_ms = now_ms;
	decliner->n_unlogged = 0;
	ev_timer_stop(loop_ev(decliner->loop), &decliner->quiet);
}

static void decline_here(struct decliner *decliner, const struct declined *declined)
{
	struct message message = { .id = *declined->id };

	log_declined(decliner, declined);
	for (size_t i = 0; i < 2 && !declined->is_ended; i++) {
		bool says_why = declined->is_unserved &&
		                atomic_load(&decliner->reads[i]) == DECLINE_READS_BOTH;

		message.type = says_why ? MESSAGE_UNSERVED : MESSAGE_DECLINE;
		if (decliner->links[i])
			link_send(decliner->links[i], &message);
	}
}

static void run_report(struct loop_task *task)
{
	struct decline_report *report = CONTAINER_OF(task, struct decline_report, task);

	decline_here(report->decliner, &report->declined);
	users_leave(report->decliner->users);
	free(report);
}

void decline_visitor(struct decliner *decliner, const struct declined *declined)
{
	struct decline_report *report;

	if (loop_current() == decliner->loop) {
		decline_here(decliner, declined);
		return;
	}
	report = calloc(1, sizeof *report);
	if (!report)
		return; /* the visitor expires */
	report->task.run = run_report;
	report->decliner = decliner;
	report->declined = *declined;
	report->id = *declined->id;
	report->declined.id = &report->id;
	snprintf(report->error, sizeof report->error, "%s", declined->error);
	report->declined.error = report->error;
	users_enter(decliner->users);
	loop_post(decliner->loop, &report->task);
}

void decline_heed_service(struct decliner *decliner, const char *tunnel)
{
	struct trouble_end end;

	if (trouble_ends(&decliner->unreached, clock_ms(), &end))
		log_info("local service reached again", log_str("tunnel", tunnel),
		         log_int("failed_for_ms", end.lasted_ms), log_int("others", end.held));
}
