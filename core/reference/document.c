#include "reference/document.h"

#include <ctype.h>
#include <string.h>

#include "base/utf8.h"

/* ---- texts ---- */

/* Is the character between letters or digits? There, an underscore is markup in neither format. */
static bool is_in_word(const char *text, const char *at)
{
	return at > text && isalnum((unsigned char)at[-1]) && isalnum((unsigned char)at[1]);
}

static void put_escaped(struct document *d, const char *text, const char *at, bool code)
{
	static const char *const special[] = {
		[DOCUMENT_MARKDOWN] = "\\*_<|", [DOCUMENT_SCDOC] = "\\*_`+"
	};
	bool is_plain = *at == '_' && is_in_word(text, at);
	bool needs_escape = strchr(special[d->format], *at) && !is_plain;

	if (d->format == DOCUMENT_MARKDOWN && code)
		needs_escape = *at == '|'; /* even in code it would end the table cell */
	if (needs_escape)
		fputc('\\', d->out);
	fputc(code && *at == '`' ? '\'' : *at, d->out); /* a backtick would end the code */
}

/* The bytes of the character; 0: it is a control character, or a byte that is not UTF-8. */
static size_t visible_bytes(const char *at)
{
	size_t left = strlen(at);

	return utf8_is_visible(at, left) ? utf8_sequence(at, left) : 0;
}

/* Writes one character, or "?" if it is not visible. Returns how many bytes of the text it takes.
 */
static size_t put_character(struct document *d, const char *text, const char *at, bool code)
{
	size_t n = visible_bytes(at);

	if (n == 0) {
		fputc('?', d->out);
		return 1;
	}
	if (n == 1)
		put_escaped(d, text, at, code);
	else
		fwrite(at, n, 1, d->out);
	return n;
}

static void put_code_mark(struct document *d)
{
	fputc(d->format == DOCUMENT_MARKDOWN ? '`' : '*', d->out);
}

static void put_text(struct document *d, const char *text)
{
	bool code = false;

	for (const char *at = text; *at;) {
		if (*at == '`' && (code || strchr(at + 1, '`'))) {
			put_code_mark(d);
			code = !code;
			at++;
		} else {
			at += put_character(d, text, at, code);
		}
	}
}

static void put_code(struct document *d, const char *code)
{
	put_code_mark(d);
	for (const char *at = code; *at;)
		at += put_character(d, code, at, true);
	put_code_mark(d);
}

/* scdoc takes a heading literally: nothing in it is markup, or needs to be escaped. */
static void put_plain(struct document *d, const char *text)
{
	for (const char *at = text; *at;) {
		size_t n = visible_bytes(at);

		if (n == 0)
			fputc('?', d->out);
		else if (*at != '`')
			fwrite(at, n, 1, d->out);
		at += n ? n : 1;
	}
}

void document_heading(struct document *d, const char *text)
{
	fputs(d->format == DOCUMENT_MARKDOWN ? "### " : "## ", d->out);
	if (d->format == DOCUMENT_MARKDOWN)
		put_text(d, text);
	else
		put_plain(d, text);
	fputs("\n\n", d->out);
}

void document_paragraph(struct document *d, const char *text)
{
	enum { WIDTH = 100 };
	char word[1024];
	size_t column = 0, len;

	for (const char *at = text; *at; at += len + strspn(at + len, " ")) {
		bool is_first = column == 0, fits;

		len = strcspn(at, " ");
		fits = !is_first && column + 1 + len <= WIDTH;
		if (!is_first)
			fputc(fits ? ' ' : '\n', d->out);
		column = fits ? column + 1 + len : len;
		snprintf(word, sizeof word, "%.*s", (int)len, at);
		put_text(d, word);
	}
	fputs("\n\n", d->out);
}

/* ---- entries ---- */

void document_begin_entries(struct document *d, const char *name, const char *const *facts)
{
	d->facts = facts;
	if (d->format != DOCUMENT_MARKDOWN)
		return;
	fprintf(d->out, "| %s |", name);
	for (const char *const *fact = facts; *fact; fact++)
		fprintf(d->out, " %s |", *fact);
	fputs(" meaning |\n|---|", d->out);
	for (const char *const *fact = facts; *fact; fact++)
		fputs("---|", d->out);
	fputs("---|\n", d->out);
}

static void put_row(struct document *d, const char *name, const char *const *values,
                    const char *text)
{
	fputs("| ", d->out);
	put_code(d, name);
	fputs(" |", d->out);
	for (size_t i = 0; d->facts[i]; i++) {
		fputc(' ', d->out);
		put_text(d, values[i]);
		fputs(*values[i] ? " |" : "|", d->out);
	}
	fputc(' ', d->out);
	put_text(d, text);
	fputs(" |\n", d->out);
}

static void put_tagged(struct document *d, const char *name, const char *const *values,
                       const char *text)
{
	const char *between = "";

	put_code(d, name);
	fputs("\n\t", d->out);
	put_text(d, text);
	fputs(".\n\n\t", d->out);
	for (size_t i = 0; d->facts[i]; i++) {
		if (!*values[i])
			continue;
		fprintf(d->out, "%s%s: ", between, d->facts[i]);
		put_text(d, values[i]);
		between = "; ";
	}
	fputs("\n\n", d->out);
}

void document_entry(struct document *d, const char *name, const char *const *values,
                    const char *text)
{
	if (d->format == DOCUMENT_MARKDOWN)
		put_row(d, name, values, text);
	else
		put_tagged(d, name, values, text);
}

void document_end_entries(struct document *d)
{
	if (d->format == DOCUMENT_MARKDOWN)
		fputc('\n', d->out);
}
