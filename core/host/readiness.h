/* readiness - whether the process is ready, as load balancers ask (the extension "spore.ready/1").
 * It is not while a worker hangs, in a plugin or elsewhere. [any] */
#ifndef CORE_READINESS_H
#define CORE_READINESS_H

#include <spore/metrics.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* serves: the process accepts connections. False, as at first: not yet, or not any more. */
void readiness_set(bool serves);
/* The reason that is told whenever the process does not serve, in place of the default text. It is
 * copied, and cut if it is long. */
void readiness_give_reason(const char *text);
/* What keeps a process that serves from doing its work at present; "": nothing. The text is copied,
 * and cut if it is long. */
void readiness_set_obstacle(const char *text);
/* How long a worker may hang. INT64_MAX, the default: for ever. */
void readiness_set_limit(int64_t ns);

/* Is the process ready? If it is not, writes the reason, as the extension's explain() does. */
bool readiness_explain(char *text, size_t size);

extern const spore_ext_ready readiness_extension;

#endif
