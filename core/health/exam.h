/* exam - checks a service once: connects to it, and if a plugin judges it, sends the plugin's
 * request and shows it the reply. [worker] */
#ifndef CORE_EXAM_H
#define CORE_EXAM_H

#include <stdint.h>

#include "chain/plugin_set.h"
#include "net/dial.h"

struct exam;
struct loop;
struct resolver;

/* UNKNOWN: this machine lacks something, which says nothing about the service. */
enum exam_result { EXAM_UP, EXAM_DOWN, EXAM_UNKNOWN };

/* Runs once, and never from within exam_start. why: valid during the call; "" if the service is up.
 * The exam does not exist any more. */
typedef void (*exam_fn)(enum exam_result result, const char *why, void *arg);

struct exam_spec {
	/* All borrowed; they outlive the exam. */
	struct loop *loop;
	struct resolver *resolver;
	struct plugin_set *set; /* a reference is taken */
	const char *checker; /* the name of the instance that judges; NULL: a connection is enough;
	                         * used during the call alone */
	struct dial_target target; /* with the time for all of the exam */
};

/* NULL: out of memory. */
struct exam *exam_start(const struct exam_spec *spec, exam_fn on_done, void *arg);
/* on_done will not run. NULL is fine. */
void exam_stop(struct exam *exam);

#endif
