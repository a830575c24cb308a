/* render - the host's families as a text for scrapers. Pure. */
#ifndef METRICS_PROMETHEUS_RENDER_H
#define METRICS_PROMETHEUS_RENDER_H

#include <spore/metrics.h>

enum format { FORMAT_PROMETHEUS, /* text 0.0.4 */ FORMAT_OPENMETRICS /* 1.0.0 */ };

/* A text that grows. When memory is out it is `failed`, and stays so. */
struct text {
	char *bytes; /* owned */
	size_t len, size;
	int failed;
};

/* Appends a whole exposition; the text's bytes are the caller's to free, also when it has failed.
 */
void render(const spore_ext_metrics *metrics, enum format format, struct text *text);
/* The Content-Type of a format. */
const char *render_type(enum format format);

#endif
