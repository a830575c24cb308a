#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_set(struct err *err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err->text, sizeof err->text, format, ap);
	va_end(ap);
}

void err_prefix(struct err *err, const char *format, ...)
{
	struct err old = *err;
	size_t n;
	va_list ap;

	va_start(ap, format);
	vsnprintf(err->text, sizeof err->text, format, ap);
	va_end(ap);
	n = strlen(err->text);
	if (n + 2 < sizeof err->text) {
		size_t room = sizeof err->text - n - 3, len = strlen(old.text);

		memcpy(err->text + n, ": ", 2);
		memcpy(err->text + n + 2, old.text, len < room ? len : room);
		err->text[n + 2 + (len < room ? len : room)] = '\0';
	}
}
