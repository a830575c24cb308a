/* meter - metrics of a plugin instance: the time that its calls take on a worker, its slow calls,
 * and the verdicts of an auth instance. */
#ifndef CORE_METER_H
#define CORE_METER_H

#include "plugin/kind.h"

struct loop;
struct metrics;

enum { METER_VERDICTS = 12 };

/* What becomes of an event. */
enum meter_events { METER_EVENTS_TAKEN, METER_EVENTS_DROPPED, METER_EVENTS };

struct meter {
	struct metrics *metrics;        /* borrowed: outlives the meter */
	uint32_t calls[KIND_MAX_SLOTS]; /* series of the kind's slots */
	uint32_t verdicts[METER_VERDICTS], verdict_time;
	uint32_t good_control, good_data; /* 0: without "last_good" */
	uint32_t events[METER_EVENTS];
};

/* Registers the series of an instance of this component in this role (SPORE_ROLE_*). The instance's
 * name must be permanent (guest_name). [main] */
void meter_init(struct meter *meter, struct metrics *metrics, const spore_component *component,
                uint32_t role, const char *instance);
/* Registers the further series of an auth instance with "on_error": "last_good". Returns the gauge
 * for the number of its entries (host/last_good). [main] */
uint32_t meter_add_last_good(struct meter *meter, const char *instance);
/* A call of a slot (AUTH_VERIFY, ...) has returned. began_ns: when it began, by clock_ns().
 * [worker] */
void meter_call(const struct meter *meter, const struct loop *loop, size_t slot, int64_t began_ns);
/* An auth instance gave a verdict: SPORE_ALLOW, SPORE_DENY or SPORE_NEXT; anything else counts as
 * an error. asked_ns: when it was asked, by clock_ns(). [worker] */
void meter_verdict(const struct meter *meter, const struct loop *loop, int32_t verdict,
                   int64_t asked_ns);
/* A client was let in by an earlier verdict. purpose: SPORE_AUTH_*. [worker] */
void meter_last_good(const struct meter *meter, const struct loop *loop, uint32_t purpose);
/* The verdict is no longer needed: the client has left, or the time is up. [worker] */
void meter_no_verdict(const struct meter *meter, const struct loop *loop);
/* A listener has taken `n` events, or missed them. [any] */
void meter_events(const struct meter *meter, enum meter_events what, double n);

#endif
