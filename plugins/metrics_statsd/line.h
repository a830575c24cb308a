/* line - one value in statsd's line format. Pure.
 *
 *     spore.tunnels:3|g
 *     spore.auth_failures_total.plugin.hmac:2|c     LINE_FOLD: labels are part of the name
 *     spore.auth_failures_total:2|c|#plugin:hmac    LINE_TAG: labels are tags, as in DogStatsD
 */
#ifndef LINE_H
#define LINE_H

#include <spore/base.h>

enum line_labels { LINE_FOLD, LINE_TAG }; /* in the order of the option's choices */

struct line_style {
	const char *prefix;
	enum line_labels labels;
};

struct line_name {
	const char *family; /* the leading "spore_" is left out: the prefix replaces it */
	const char *part;   /* "count" or "sum" of a histogram; NULL otherwise */
	const spore_kv *labels;
	size_t n_labels;
};

/* True: every character is allowed in a name. */
int line_prefix_is_good(const char *prefix);
/* Writes the line, without a newline, and returns its length. 0: it is longer than `size`, or the
 * value is not finite. `type` is 'c' or 'g'. */
size_t line_write(const struct line_style *style, const struct line_name *name, double value,
                  char type, char *out, size_t size);

#endif
