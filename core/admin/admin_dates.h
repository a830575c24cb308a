/* admin_dates - moments that plugins know of, such as the end of a certificate: each gauge whose
 * name ends in
 * `_timestamp_seconds`, as a date. [main] */
#ifndef CORE_ADMIN_DATES_H
#define CORE_ADMIN_DATES_H

#include <stdint.h>

#include "json/jsonout.h"

struct metrics;

/* Writes the member "dates": for each series its metric, date in UTC, whole days from now on
 * (negative: so many days ago, begun ones too), and labels. A value below 1 means that there is
 * none. */
void admin_dates_write(struct metrics *metrics, int64_t now_s, struct jsonout *json);

#endif
