/* report - reports a mistake in the configuration with a formatted text. [main] */
#ifndef COMMON_REPORT_H
#define COMMON_REPORT_H

#include <spore/plugin.h>
#include <stdarg.h>
#include <stdio.h>

SPORE_PRINTF(3, 4)
static inline void report(const spore_create_args *args, const char *pointer, const char *format,
                          ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	args->report(args, pointer, text);
}

#endif
