#include "config/diag.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct diag_entry {
	struct diag_entry *next;
	const struct json_source *source; /* borrowed: the document outlives the diag */
	size_t offset;
	char *pointer, *text;
	bool hidden; /* the line holds a secret */
};

static void append(struct diag *diag, const struct json_source *source, size_t offset,
                   const char *pointer, const char *text, bool hidden)
{
	struct diag_entry *entry = calloc(1, sizeof *entry);

	diag->count++;
	diag->count_elsewhere += !source || source->text || source->name[0] != '-';
	if (!entry)
		return;
	entry->hidden = hidden;
	entry->source = source;
	entry->offset = offset;
	entry->pointer = strdup(pointer);
	entry->text = strdup(text);
	if (diag->last)
		diag->last->next = entry;
	else
		diag->first = entry;
	diag->last = entry;
}

enum place { AT_VALUE, AT_KEY, AT_SECRET };

static void add(struct diag *diag, const struct json *node, enum place place, const char *format,
                va_list ap)
{
	char pointer[512] = "", text[1024];

	vsnprintf(text, sizeof text, format, ap);
	if (node)
		json_pointer(node, pointer, sizeof pointer);
	append(diag, node ? node->source : NULL,
	       !node                                 ? 0
	       : place == AT_KEY && node->key_offset ? node->key_offset
	                                             : node->offset,
	       pointer, text, place == AT_SECRET);
}

void diag_add(struct diag *diag, const struct json *node, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add(diag, node, AT_VALUE, format, ap);
	va_end(ap);
}

void diag_add_below(struct diag *diag, const struct json *node, const char *pointer, const char *text)
{
	const struct json *at = json_at(node, pointer);
	char full[512];
	size_t n;

	json_pointer(node, full, sizeof full);
	n = strlen(full);
	snprintf(full + n, sizeof full - n, "%s", pointer);
	append(diag, at->source, at->offset, full, text, false);
}

void diag_add_key(struct diag *diag, const struct json *node, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add(diag, node, AT_KEY, format, ap);
	va_end(ap);
}

void diag_add_secret(struct diag *diag, const struct json *node, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add(diag, node, AT_SECRET, format, ap);
	va_end(ap);
}

void diag_add_at(struct diag *diag, const struct json_source *source, size_t offset, const char *text)
{
	append(diag, source, offset, "", text, false);
}

/* A key whose value is not for everybody's eyes, whatever table it belongs to. */
static bool is_secret_key(const char *key, size_t len)
{
	static const char *const words[] = { "secret", "pass", "token", "key" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (memmem(key, len, words[i], strlen(words[i])))
			return true;
	}
	return false;
}

/* Is the byte at `offset` within a string that holds a secret: one that a SECRET option has read, or
 * the value of a key that sounds like one? Looks from the start of its line. */
static bool is_hidden(const struct json_source *source, size_t line_start, size_t offset)
{
	const char *text = source->text;
	size_t key = 0, key_len = 0;
	bool colon = false;

	for (const struct json_secret *s = source->secrets; s; s = s->next) {
		if (offset > s->start && offset < s->end)
			return true;
	}
	for (size_t i = line_start; i < offset; i++) {
		size_t start = i + 1;

		colon = text[i] == ':' || (colon && text[i] == ' ');
		if (text[i] != '"')
			continue;
		for (i++; i < source->len && text[i] != '"' && text[i] != '\n'; i++)
			i += text[i] == '\\';
		if (offset < i && i > start)
			return colon && is_secret_key(text + key, key_len);
		key = start;
		key_len = i - start;
	}
	return false;
}

/* The line with its control bytes made visible as spaces, and a caret below the column. */
static void print_excerpt(const struct json_source *source, size_t offset, FILE *out)
{
	enum { WIDTH = 160 };
	size_t start = offset < source->len ? offset : source->len, end = start, from;

	while (start > 0 && source->text[start - 1] != '\n')
		start--;
	while (end < source->len && source->text[end] != '\n')
		end++;
	from = offset - start > WIDTH / 2 ? offset - WIDTH / 2 : start;
	fputs("    ", out);
	for (size_t i = from; i < end && i < from + WIDTH; i++) {
		unsigned char c = (unsigned char)source->text[i];

		fputc(is_hidden(source, start, i) ? '*' : c < 0x20 || c == 0x7F ? ' ' : c, out);
	}
	fputs("\n    ", out);
	for (size_t i = from; i < offset; i++) {
		if (((unsigned char)source->text[i] & 0xC0) != 0x80)
			fputc(' ', out);
	}
	fputs("^\n", out);
}

static void print_entry(const struct diag_entry *entry, FILE *out)
{
	const struct json_source *source = entry->source;
	unsigned line, column;

	if (source && source->text) {
		json_position(source->text, source->len, entry->offset, &line, &column);
		fprintf(out, "%s:%u:%u: ", source->name, line, column);
	} else if (source) {
		fprintf(out, "%s: ", source->name);
	}
	fputs("error: ", out);
	if (source && source->text && entry->pointer && *entry->pointer)
		fprintf(out, "%s: ", entry->pointer);
	fprintf(out, "%s\n", entry->text ? entry->text : "out of memory");
	if (source && source->text && !entry->hidden)
		print_excerpt(source, entry->offset, out);
}

void diag_print(const struct diag *diag, FILE *out)
{
	for (const struct diag_entry *entry = diag->first; entry; entry = entry->next)
		print_entry(entry, out);
	if (diag->count > 3)
		fprintf(out, "%u errors\n", diag->count);
}

void diag_fini(struct diag *diag)
{
	while (diag->first) {
		struct diag_entry *entry = diag->first;

		diag->first = entry->next;
		free(entry->pointer);
		free(entry->text);
		free(entry);
	}
	*diag = (struct diag){ 0 };
}

const char *diag_suggest(const char *found, const char *const *names, size_t n)
{
	/* More edits are another word; as many as it has letters leave nothing in common. */
	unsigned limit = strlen(found) < 5 ? 2 : 3, least = UINT_MAX;
	const char *best = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned distance = text_distance(found, names[i]);

		if (distance < least && distance <= limit && distance < strlen(found)) {
			least = distance;
			best = names[i];
		}
	}
	return best;
}
