/* meter - what is counted of an instance: for how long its calls hold up a worker, and an auth
 * instance's verdicts. Counting is [worker]. */
#ifndef CORE_METER_H
#define CORE_METER_H

#include <spore/plugin.h>

struct loop;
struct metrics;

enum meter_call { METER_VERIFY, METER_ANSWER, METER_CHECK, METER_WRAP, METER_CALLS };
enum { METER_VERDICTS = 11 };

struct meter {
	struct metrics *metrics; /* borrowed: outlives it */
	uint32_t calls[METER_CALLS];
	uint32_t verdicts[METER_VERDICTS], verdict_time;
};

/* role: SPORE_ROLE_*. Looks up what an instance of that kind has on that side. [main] */
void meter_init(struct meter *meter, struct metrics *metrics, const spore_component *component,
                uint32_t role, const char *instance);
/* A call that began then, on clock_ns()'s clock, has returned. */
void meter_call(const struct meter *meter, const struct loop *loop, enum meter_call call,
                int64_t began_ns);
/* The verdict (SPORE_ALLOW, SPORE_DENY, SPORE_NEXT; all else is an error) on what was asked then.
 */
void meter_verdict(const struct meter *meter, const struct loop *loop, int32_t verdict,
                   int64_t asked_ns);
/* Nobody waits for the verdict any more: the client has left, or the time is over. */
void meter_no_verdict(const struct meter *meter, const struct loop *loop);

#endif
