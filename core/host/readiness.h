/* readiness - whether the process serves, as load balancers ask (the extension "spore.ready/1"). It
 * does not while a worker hangs, in a plugin or elsewhere. [any] */
#ifndef CORE_READINESS_H
#define CORE_READINESS_H

#include <spore/metrics.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The process accepts connections, or does not accept them yet or any more. */
void readiness_set(bool serves);
/* Why the process does not serve while it does not: copied, maybe cut. Without it the reason is
 * that it does not serve yet or any more. */
void readiness_give_reason(const char *text);
/* Why a process that serves cannot do its work at present: copied, maybe cut. "": nothing. */
void readiness_set_obstacle(const char *text);
/* How long a worker may hang. INT64_MAX, the default: for ever. */
void readiness_set_limit(int64_t ns);

/* Writes why the process is not ready, as the extension's explain() does. */
bool readiness_explain(char *text, size_t size);

extern const spore_ext_ready readiness_extension;

#endif
