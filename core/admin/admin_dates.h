/* admin_dates - shows as dates the moments that plugins export, such as the end of a certificate:
 * every gauge whose name ends in `_timestamp_seconds`. [main] */
#ifndef CORE_ADMIN_DATES_H
#define CORE_ADMIN_DATES_H

#include <stdint.h>

#include "json/jsonout.h"

struct metrics;

/* Writes the member "dates". Each series gives its metric, its date in UTC, its labels, and the
 * days left: complete days until a future date; the negated days since a past one, rounded up. A
 * value below 1 is not a date and is left out. */
void admin_dates_write(struct metrics *metrics, int64_t now_s, struct jsonout *json);

#endif
