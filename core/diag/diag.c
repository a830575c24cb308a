#include "diag/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "diag/excerpt.h"
#include "diag/mask.h"
#include "json/pointer.h"

/* More mistakes do not help the operator, and finding the place of each takes time. */
enum { MAX_SHOWN = 100 };

struct diag_entry {
	struct diag_entry *next;
	const struct json_source *source; /* borrowed: the document outlives the diag */
	size_t offset;
	unsigned number; /* counts the entries in the order in which they are added */
	char *pointer, *text;
};

bool diag_is_flag(const struct json_source *source)
{
	return source && !source->text && source->name[0] == '-';
}

static void append_entry(struct diag *diag, const struct json_source *source, size_t offset,
                         const char *pointer, const char *text)
{
	struct diag_entry *entry;

	diag->count++;
	diag->count_elsewhere += !diag_is_flag(source);
	entry = diag->count <= MAX_SHOWN ? calloc(1, sizeof *entry) : NULL;
	if (!entry)
		return;
	entry->number = diag->count;
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

enum place { AT_VALUE, AT_KEY };

static void add_entry(struct diag *diag, const struct json *node, enum place place,
                      const char *format, va_list ap)
{
	char pointer[512] = "", text[1024];
	size_t offset = node ? node->offset : 0;

	if (node && place == AT_KEY && node->key_offset)
		offset = node->key_offset;
	vsnprintf(text, sizeof text, format, ap);
	if (node && diag->count < MAX_SHOWN)
		json_pointer(node, pointer, sizeof pointer);
	append_entry(diag, node ? node->source : NULL, offset, pointer, text);
}

void diag_add(struct diag *diag, const struct json *node, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add_entry(diag, node, AT_VALUE, format, ap);
	va_end(ap);
}

/* The rest of the pointer after `at`, which json_at has found below `node`. */
static const char *rest_of_pointer(const char *pointer, const struct json *node,
                                   const struct json *at)
{
	for (; at != node; at = at->parent)
		pointer += 1 + strcspn(pointer + 1, "/");
	return pointer;
}

void diag_add_below(struct diag *diag, const struct json *node, const char *pointer,
                    const char *text)
{
	const struct json *at = json_at(node, pointer);
	char full[512];
	size_t n;

	/* The value may be written at another place. */
	json_pointer(at, full, sizeof full);
	n = strlen(full);
	snprintf(full + n, sizeof full - n, "%s", rest_of_pointer(pointer, node, at));
	append_entry(diag, at->source, at->offset, full, text);
}

void diag_add_key(struct diag *diag, const struct json *node, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	add_entry(diag, node, AT_KEY, format, ap);
	va_end(ap);
}

void diag_add_at(struct diag *diag, const struct json_source *source, size_t offset,
                 const char *text)
{
	append_entry(diag, source, offset, "", text);
}

bool diag_has(const struct diag *diag, const struct json *node)
{
	for (const struct diag_entry *i = diag->first; i && node; i = i->next) {
		bool is_same_source = i->source && i->source == node->source;
		bool is_within = i->offset >= node->offset && i->offset < node->end;

		/* The value of a flag or a variable has no offsets. */
		if (is_same_source && (is_within || !node->source->text))
			return true;
	}
	return diag->count > MAX_SHOWN; /* it may be one of those that were not kept */
}

/* ---- printing ---- */

/* Messages contain names and texts of the file, with any bytes. */
static void print_text(const char *text, FILE *out)
{
	for (size_t left = strlen(text), n; left > 0; text += n, left -= n) {
		n = utf8_sequence(text, left);
		if (utf8_is_visible(text, left))
			fwrite(text, 1, n, out);
		else
			fputc('?', out);
		if (n == 0)
			n = 1; /* a byte that is not UTF-8 */
	}
}

static struct diag_mistake describe_entry(const struct diag_entry *entry)
{
	const struct json_source *source = entry->source;
	struct diag_mistake mistake = {
		.source = source ? source->name : NULL,
		.pointer = "",
		.text = entry->text ? entry->text : "out of memory",
	};

	if (!source || !source->text)
		return mistake;
	json_position(source->text, source->len, entry->offset, &mistake.line, &mistake.column);
	if (entry->pointer)
		mistake.pointer = entry->pointer;
	return mistake;
}

static void print_entry(const struct diag_entry *entry, struct mask *mask, FILE *out)
{
	struct diag_mistake mistake = describe_entry(entry);

	if (mistake.source)
		print_text(mistake.source, out);
	if (mistake.line)
		fprintf(out, ":%u:%u", mistake.line, mistake.column);
	fputs(mistake.source ? ": error: " : "error: ", out);
	if (*mistake.pointer) {
		print_text(mistake.pointer, out);
		fputs(": ", out);
	}
	print_text(mistake.text, out);
	fputc('\n', out);
	if (mistake.line)
		excerpt_print(mask, entry->source, entry->offset, out);
}

/* Entries without a file come first, in the order in which they were added. The others follow by
 * offset. */
static int compare_entries(const void *a, const void *b)
{
	const struct diag_entry *x = *(const struct diag_entry *const *)a;
	const struct diag_entry *y = *(const struct diag_entry *const *)b;
	bool x_is_in_file = x->source && x->source->text;
	bool y_is_in_file = y->source && y->source->text;

	if (x_is_in_file != y_is_in_file)
		return x_is_in_file ? 1 : -1;
	if (x_is_in_file && x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

/* Returns how many entries are in sorted_out. */
static size_t sort_entries(const struct diag *diag, const struct diag_entry *sorted_out[MAX_SHOWN])
{
	size_t n = 0;

	for (const struct diag_entry *entry = diag->first; entry; entry = entry->next)
		sorted_out[n++] = entry;
	if (n > 0)
		qsort(sorted_out, n, sizeof *sorted_out, compare_entries);
	return n;
}

void diag_each(const struct diag *diag, void (*take)(const struct diag_mistake *mistake, void *arg),
               void *arg)
{
	const struct diag_entry *sorted[MAX_SHOWN];
	size_t n = sort_entries(diag, sorted);

	for (size_t i = 0; i < n; i++) {
		struct diag_mistake mistake = describe_entry(sorted[i]);

		take(&mistake, arg);
	}
}

void diag_print(const struct diag *diag, FILE *out)
{
	const struct diag_entry *sorted[MAX_SHOWN];
	struct mask mask = { 0 };
	size_t n = sort_entries(diag, sorted);

	for (size_t i = 0; i < n; i++)
		print_entry(sorted[i], &mask, out);
	if (diag->count > MAX_SHOWN)
		fprintf(out, "%u errors, of which %d are shown\n", diag->count, MAX_SHOWN);
	else if (diag->count > 3)
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
