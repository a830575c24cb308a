#include "json/mender.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

int mender_look(const struct mender *m, size_t at)
{
	return at < m->out->len ? (unsigned char)m->out->text[at] : -1;
}

bool mender_is_space(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool mender_is_word(int c)
{
	return c > 0 && (isalnum(c) || strchr("_$.+-", c));
}

bool mender_is_end(int c)
{
	return c < 0 || c == '}' || c == ']';
}

size_t mender_before(const struct mender *m, size_t at)
{
	while (at > 0 && mender_is_space(mender_look(m, at - 1)))
		at--;
	return at - 1;
}

void mender_say(struct mender *m, size_t at, const char *format, ...)
{
	struct mended *out = m->out;
	size_t offset = out->origin[at];
	char text[256];
	va_list ap;

	if (out->n_mistakes > 0 && out->mistakes[out->n_mistakes - 1] == offset)
		return;
	out->mistakes[out->n_mistakes++] = offset;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	m->report(m->arg, offset, text);
}

const char *mender_found(const struct mender *m, size_t at, char out[16])
{
	const char *text = m->out->text + at;
	size_t n;

	if (at >= m->out->len)
		return "the end of the file";
	if (*text == '\n')
		return "the end of the line";
	n = utf8_sequence(text, m->out->len - at);
	if (n == 1 && *text == '\\' && isprint(mender_look(m, at + 1)))
		n = 2;
	if (n == 0 || iscntrl((unsigned char)*text))
		snprintf(out, 16, "'\\x%02x'", (unsigned char)*text);
	else
		snprintf(out, 16, "'%.*s'", (int)n, text);
	return out;
}

void mender_expected(struct mender *m, size_t at, const char *expected)
{
	char shown[16];

	mender_say(m, at, "expected %s, found %s", expected, mender_found(m, at, shown));
}

bool mender_change(struct mender *m, size_t at, size_t n, const char *text)
{
	struct mended *out = m->out;
	size_t added = strlen(text), rest = out->len - at - n;
	uint32_t origin = out->origin[at];

	memmove(out->text + at + added, out->text + at + n, rest);
	memmove(out->origin + at + added, out->origin + at + n, (rest + 1) * sizeof *out->origin);
	memcpy(out->text + at, text, added);
	for (size_t i = 0; i < added; i++)
		out->origin[at + i] = origin;
	out->len += added - n;
	return true;
}

bool mended_copy(struct mended *out, const char *text, size_t len)
{
	size_t room = len + (size_t)MEND_MAX * MENDER_GROWTH + 1;

	*out = (struct mended){ .len = len };
	if (room > UINT32_MAX)
		return false;
	out->text = calloc(room, 1); /* all zeros: it always ends with a NUL */
	out->origin = calloc(room, sizeof *out->origin);
	if (!out->text || !out->origin)
		return false;
	memcpy(out->text, text, len);
	for (size_t i = 0; i <= len; i++)
		out->origin[i] = (uint32_t)i;
	return true;
}

void mended_free(struct mended *mended)
{
	free(mended->text);
	free(mended->origin);
	*mended = (struct mended){ 0 };
}
