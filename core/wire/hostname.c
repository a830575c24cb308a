#include "wire/hostname.h"

#include <string.h>

enum { LABEL_MAX = 63 };

static bool is_in_label(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_label(const char *label, size_t len)
{
	if (len == 0 || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_in_label(label[i]))
			return false;
	}
	return true;
}

static bool is_name(const char *name)
{
	for (;;) {
		size_t len = strcspn(name, ".");

		if (!is_label(name, len))
			return false;
		if (!name[len])
			return true;
		name += len + 1;
	}
}

static bool is_pattern(const char *text)
{
	return strncmp(text, "*.", 2) == 0;
}

bool hostname_read(const char *text, unsigned forms, char out[HOSTNAME_SIZE])
{
	size_t len = strlen(text);

	if (len > 1 && text[len - 1] == '.')
		len--;
	if (len >= HOSTNAME_SIZE)
		return false;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
	out[len] = '\0';
	if (strcmp(out, "*") == 0)
		return !text[1] && forms & HOSTNAME_ALL; /* not "*." */
	if (is_pattern(out))
		return forms & HOSTNAME_PATTERN && is_name(out + 2);
	return is_name(out);
}

bool hostname_covers(const char *outer, const char *inner)
{
	size_t n = strlen(inner), tail;

	if (strcmp(outer, "*") == 0 || strcmp(outer, inner) == 0)
		return true;
	if (!is_pattern(outer))
		return false;
	tail = strlen(outer + 1); /* with the dot */
	return n > tail && strcmp(inner + n - tail, outer + 1) == 0;
}

const char *hostname_parent(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot ? dot + 1 : NULL;
}
