#include "accept.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The parameter ";q=0.5" of a media range; 1 without it. */
static double quality_of(const char *range, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++) {
		size_t at = i + 1;

		if (range[i] != ';')
			continue;
		while (at < len && (range[at] == ' ' || range[at] == '\t'))
			at++;
		if (at + 1 < len && strncasecmp(range + at, "q=", 2) == 0)
			return strtod(range + at + 2, NULL); /* up to the next comma */
	}
	return 1;
}

static int is_type(const char *range, size_t len, const char *type)
{
	size_t end = 0;

	while (end < len && !strchr("; \t", range[end]))
		end++;
	return end == strlen(type) && strncasecmp(range, type, end) == 0;
}

enum format accept_format(const char *header)
{
	double open = 0, plain = 0;
	size_t len;

	for (const char *range = header; range && *range; range += len + (range[len] == ',')) {
		double quality;

		range += strspn(range, " \t");
		len = strcspn(range, ",");
		quality = quality_of(range, len);
		if (is_type(range, len, "application/openmetrics-text") && quality > open)
			open = quality;
		if (is_type(range, len, "text/plain") && quality > plain)
			plain = quality;
	}
	return open > 0 && open >= plain ? FORMAT_OPENMETRICS : FORMAT_PROMETHEUS;
}
