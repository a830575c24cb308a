#include "line.h"

#include <math.h>
#include <stdio.h>

struct cursor {
	char *at, *end; /* where the next byte goes, and the end of the room */
	int is_full;    /* the line does not fit, and is discarded */
};

static void put(struct cursor *c, const char *text, size_t len)
{
	if (len > (size_t)(c->end - c->at)) {
		c->is_full = 1;
		return;
	}
	memcpy(c->at, text, len);
	c->at += len;
}

static void put_text(struct cursor *c, const char *text)
{
	put(c, text, strlen(text));
}

static int is_plain(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' ||
	       c == '-';
}

/* Excludes the separators of tags and control bytes. Allows non-ASCII letters. */
static int is_fit_for_tag(char c)
{
	return is_plain(c) || c == '.' || c == '/' || c == ':' || (unsigned char)c >= 0x80;
}

/* A label value may contain any byte, including separators; bytes that do not fit become '_'. */
static void put_value(struct cursor *c, spore_str value, int (*is_fit)(char))
{
	if (value.len == 0)
		put(c, "_", 1);
	for (size_t i = 0; i < value.len; i++)
		put(c, is_fit(value.ptr[i]) ? &value.ptr[i] : "_", 1);
}

static void put_folded(struct cursor *c, const struct line_name *name)
{
	for (size_t i = 0; i < name->n_labels; i++) {
		put(c, ".", 1);
		put(c, name->labels[i].key.ptr, name->labels[i].key.len);
		put(c, ".", 1);
		put_value(c, name->labels[i].value, is_plain);
	}
}

static void put_tags(struct cursor *c, const struct line_name *name)
{
	for (size_t i = 0; i < name->n_labels; i++) {
		put_text(c, i == 0 ? "|#" : ",");
		put(c, name->labels[i].key.ptr, name->labels[i].key.len);
		put(c, ":", 1);
		put_value(c, name->labels[i].value, is_fit_for_tag);
	}
}

static void put_name(struct cursor *c, const struct line_style *style, const struct line_name *name)
{
	const char *family = name->family;

	if (strncmp(family, "spore_", 6) == 0)
		family += 6;
	put_text(c, style->prefix);
	put_text(c, family);
	if (style->labels == LINE_FOLD)
		put_folded(c, name);
	if (name->part) {
		put(c, ".", 1);
		put_text(c, name->part);
	}
}

int line_prefix_is_good(const char *prefix)
{
	for (; *prefix; prefix++) {
		if (!is_plain(*prefix) && *prefix != '.')
			return 0;
	}
	return 1;
}

size_t line_write(const struct line_style *style, const struct line_name *name, double value,
                  char type, char *out, size_t size)
{
	struct cursor c = { out, out + size, 0 };
	char number[40], kind[] = { '|', type, '\0' };

	if (!isfinite(value))
		return 0;
	snprintf(number, sizeof number, ":%.15g", value);
	put_name(&c, style, name);
	put_text(&c, number);
	put_text(&c, kind);
	if (style->labels == LINE_TAG)
		put_tags(&c, name);
	return c.is_full ? 0 : (size_t)(c.at - out);
}
