#include "talk.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void talk_wipe(struct talk *talk)
{
	explicit_bzero(talk->out, sizeof talk->out);
	talk->out_len = 0;
}

enum talk_result talk_fail(struct talk *talk, const char *format, ...)
{
	const struct proxy_url *url = talk->url;
	size_t n = (size_t)snprintf(
		talk->error, sizeof talk->error,
		strchr(url->host, ':') ? "proxy [%.100s]:%u: " : "proxy %.100s:%u: ", url->host,
		url->port);
	va_list args;

	va_start(args, format);
	vsnprintf(talk->error + n, sizeof talk->error - n, format, args);
	va_end(args);
	return TALK_FAILED;
}

void talk_skip(struct talk *talk, size_t n)
{
	memmove(talk->in, talk->in + n, talk->in_len - n);
	talk->in_len -= n;
}

void talk_escape(const void *bytes, size_t len, char *out, size_t size)
{
	const unsigned char *at = bytes;
	size_t n = 0;

	for (size_t i = 0; i < len && n + 5 < size; i++) {
		if (at[i] >= 0x20 && at[i] < 0x7f && at[i] != '\\')
			out[n++] = (char)at[i];
		else
			n += (size_t)snprintf(out + n, size - n, "\\x%02x", at[i]);
	}
	out[n] = '\0';
}
