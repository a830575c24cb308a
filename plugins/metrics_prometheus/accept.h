/* accept - what a scraper's Accept asks for. Pure. */
#ifndef METRICS_PROMETHEUS_ACCEPT_H
#define METRICS_PROMETHEUS_ACCEPT_H

#include "render.h"

/* OpenMetrics where it is named and liked no less than plain text; NULL: no such header. */
enum format accept_format(const char *header);

#endif
