/* render - writes the host's metrics as text for scrapers. Pure. */
#ifndef METRICS_PROMETHEUS_RENDER_H
#define METRICS_PROMETHEUS_RENDER_H

#include <spore/metrics.h>

enum format { FORMAT_PROMETHEUS, /* text 0.0.4 */ FORMAT_OPENMETRICS /* 1.0.0 */ };

/* A growing text. Once memory is out, it stays `failed`. */
struct text {
	char *bytes; /* owned */
	size_t len, size;
	int failed;
};

/* Appends a complete exposition. The caller frees the bytes, even if the text has failed. */
void render(const spore_ext_metrics *metrics, enum format format, struct text *text);
/* The Content-Type of a format. */
const char *render_type(enum format format);

#endif
