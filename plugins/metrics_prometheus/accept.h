/* accept - the format that a scraper's Accept header asks for. Pure. */
#ifndef METRICS_PROMETHEUS_ACCEPT_H
#define METRICS_PROMETHEUS_ACCEPT_H

#include "render.h"

/* OpenMetrics, if the header names it with at least the quality of text/plain. NULL: no header. */
enum format accept_format(const char *header);

#endif
