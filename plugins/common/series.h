/* series - the metrics of an instance: families whose first label, "plugin", is the instance's
 * name. A series is 0 if the host refuses it, which the host logs. This code is compiled into each
 * plugin that uses it. */
#ifndef COMMON_SERIES_H
#define COMMON_SERIES_H

#include <spore/plugin.h>

/* Adds a gauge and returns its series. The texts are copied. [main], in create() */
uint32_t series_gauge(const spore_create_args *args, const char *name, const char *help);
/* Adds a histogram of seconds and returns its series. Its bounds are 1 and 3 times the powers of
 * ten, from `least` to 3; least >= 0.0003. [main], in create() */
uint32_t series_seconds(const spore_create_args *args, const char *name, const char *help,
                        double least);

/* The values of a label. */
struct series_label {
	const char *name;
	const char *const *values;
	size_t n;
};

/* Adds counters with one more label. out[i] is the series of values[i]. [main], in create() */
void series_counters(const spore_create_args *args, const char *name, const char *help,
                     const struct series_label *label, uint32_t *out);

#endif
