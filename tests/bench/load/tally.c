/* Counting and reporting for all scenarios of the load generator. */
#include "tally.h"

#include "../clock.h"
#include "plan.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const error_names[TALLY_ERRORS] = {
	[TALLY_CONNECT] = "connect", [TALLY_RESET] = "reset",     [TALLY_SHORT] = "short",
	[TALLY_WRONG] = "wrong",     [TALLY_TIMEOUT] = "timeout", [TALLY_LOCAL] = "local",
};

static bool in_window(const struct tally *tally)
{
	return tally->opened != 0 && tally->closed == 0;
}

void tally_start(struct tally *tally, double warmup, double seconds)
{
	tally->open_at = clock_ns() + (uint64_t)(warmup * (double)CLOCK_SECOND);
	if (seconds > 0)
		tally->close_at = tally->open_at + (uint64_t)(seconds * (double)CLOCK_SECOND);
	if (warmup <= 0)
		tally->opened = tally->open_at;
}

bool tally_is_running(struct tally *tally)
{
	uint64_t now = clock_ns();

	if (tally->opened == 0 && now >= tally->open_at)
		tally->opened = now;
	if (tally->closed == 0 && tally->close_at != 0 && now >= tally->close_at)
		tally_close(tally);
	return tally->closed == 0;
}

void tally_close(struct tally *tally)
{
	uint64_t now = clock_ns();

	if (tally->closed != 0)
		return;
	tally->closed = now;
	if (tally->opened != 0 && now > tally->opened)
		tally->rate = (double)tally->counted * (double)CLOCK_SECOND /
		              (double)(now - tally->opened);
}

void tally_add(struct tally *tally, uint64_t units)
{
	tally->total += units;
	if (in_window(tally))
		tally->counted += units;
}

void tally_add_timed(struct tally *tally, uint64_t latency)
{
	tally_add(tally, 1);
	if (in_window(tally))
		histogram_add(&tally->latency, latency);
}

void tally_fail(struct tally *tally, enum tally_error error)
{
	tally->errors[error]++;
}

uint64_t tally_failures(const struct tally *tally)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < TALLY_ERRORS; i++)
		sum += tally->errors[i];
	return sum;
}

void tally_merge(struct tally *tally, const struct tally *other)
{
	tally->total += other->total;
	tally->counted += other->counted;
	tally->rate += other->rate;
	for (unsigned i = 0; i < TALLY_ERRORS; i++)
		tally->errors[i] += other->errors[i];
	histogram_merge(&tally->latency, &other->latency);
}

static void print_latency(const struct histogram *latency)
{
	static const struct {
		const char *name;
		double share;
	} points[] = { { "p50", .5 }, { "p90", .9 }, { "p99", .99 }, { "p999", .999 } };

	printf(",\"latency_us\":{\"mean\":%.1f", (double)histogram_mean(latency) / 1000);
	for (unsigned i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		printf(",\"%s\":%.1f", points[i].name,
		       (double)histogram_quantile(latency, points[i].share) / 1000);
	printf(",\"max\":%.1f}", (double)latency->max / 1000);
}

void tally_print(const struct tally *tally, const struct plan *plan)
{
	printf("{\"scenario\":\"%s\",\"unit\":\"%s\",\"connections\":%u,\"threads\":%u",
	       plan->scenario->name, plan->scenario->unit, plan->connections, plan->threads);
	printf(",\"total\":%" PRIu64 ",\"counted\":%" PRIu64 ",\"rate\":%.1f", tally->total,
	       tally->counted, tally->rate);
	if (tally->latency.count > 0)
		print_latency(&tally->latency);
	printf(",\"errors\":{");
	for (unsigned i = 0; i < TALLY_ERRORS; i++)
		printf("%s\"%s\":%" PRIu64, i > 0 ? "," : "", error_names[i], tally->errors[i]);
	printf("}}\n");
	fflush(stdout);
}
