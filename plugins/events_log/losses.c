#include "losses.h"

#include <errno.h>

#include "../common/series.h"

void losses_init(struct losses *losses, const spore_create_args *args, const char *target)
{
	static const char *const reasons[LOSSES] = { "no_space", "other" };
	static const struct series_label label = { "reason", reasons, LOSSES };

	*losses = (struct losses){ .host = args->host, .log = args->ctx, .target = target };
	series_counters(args, "event_lines_lost_total",
	                "Lines that could not be written to the log of events.", &label,
	                losses->series);
}

static void begin(struct losses *losses, int cause)
{
	losses->is_failing = true;
	losses->n = 0;
	spore_logf(losses->host, losses->log, SPORE_LOG_ERROR,
	           "events are not written to %s: %s; further failures are only counted",
	           losses->target, strerrordesc_np(cause));
}

static void end(struct losses *losses)
{
	losses->is_failing = false;
	spore_logf(losses->host, losses->log, SPORE_LOG_INFO,
	           "events are written to %s again; %llu lines are lost", losses->target,
	           (unsigned long long)losses->n);
}

/* What `spore ctl status` shows. */
static void show(const struct losses *losses)
{
	losses->host->state_show(losses->log, spore_cstr(losses->is_failing ? "cannot write" : ""));
}

void losses_note(struct losses *losses, size_t n, int cause)
{
	bool was_failing = losses->is_failing;
	enum loss loss = cause == ENOSPC || cause == EDQUOT ? LOSS_NO_SPACE : LOSS_OTHER;

	if (n > 0 && !was_failing)
		begin(losses, cause);
	else if (n == 0 && was_failing)
		end(losses);
	losses->n += n;
	if (n > 0)
		losses->host->metric_add(NULL, losses->series[loss], (double)n);
	if (was_failing != losses->is_failing)
		show(losses);
}
