#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
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
	size_t n, kept;
	va_list ap;

	va_start(ap, format);
	vsnprintf(err->text, sizeof err->text, format, ap);
	va_end(ap);
	n = strlen(err->text);
	if (n + 2 >= sizeof err->text)
		return;
	kept = strnlen(old.text, sizeof err->text - n - 3); /* without ": " and the NUL */
	memcpy(err->text + n, ": ", 2);
	memcpy(err->text + n + 2, old.text, kept);
	err->text[n + 2 + kept] = '\0';
}

void err_set_call(struct err *err, const char *call, int cause)
{
	bool is_refused = cause == EPERM || cause == ENOSYS;

	err_set(err, "%s: %s%s", call, strerrordesc_np(cause),
	        is_refused ? " (does a sandbox refuse this system call?)" : "");
}
