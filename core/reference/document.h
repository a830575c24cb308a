/* document - writes headings, paragraphs and tables as Markdown or as scdoc, the source format of
 * manual pages.
 *
 * In all texts `code` is marked with backticks, as in Markdown. Everything else is plain text,
 * which is escaped here, so that texts of plugins may contain any bytes. [main] */
#ifndef CORE_DOCUMENT_H
#define CORE_DOCUMENT_H

#include <stddef.h>
#include <stdio.h>

enum document_format { DOCUMENT_MARKDOWN, DOCUMENT_SCDOC };

struct document {
	FILE *out;
	enum document_format format;
	const char *const *facts; /* column titles of the entries that follow */
};

void document_heading(struct document *d, const char *text);
/* The text is wrapped. Code in it must not contain spaces. */
void document_paragraph(struct document *d, const char *text);
/* Begins a list of entries: a table in Markdown, tagged paragraphs in scdoc. `name`: what an entry
 * is, such as "key". `facts`: titles of the values between an entry's name and its text, such as
 * "type"; NULL-ended, borrowed until document_end_entries. */
void document_begin_entries(struct document *d, const char *name, const char *const *facts);
/* `name` is printed as code. `values`: one text for each fact; "" if the entry has none. */
void document_entry(struct document *d, const char *name, const char *const *values,
                    const char *text);
void document_end_entries(struct document *d);

#endif
