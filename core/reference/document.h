/* document - what a reference is made of, written as Markdown (a README) or as scdoc (a manual
 * page).
 *
 * In its texts `code` stands between backticks, as in Markdown; all else is plain and escaped here,
 * so that a plugin's texts, which may hold any bytes, harm nothing. [main] */
#ifndef CORE_DOCUMENT_H
#define CORE_DOCUMENT_H

#include <stddef.h>
#include <stdio.h>

enum document_format { DOCUMENT_MARKDOWN, DOCUMENT_SCDOC };

struct document {
	FILE *out;
	enum document_format format;
	const char *const *facts; /* of the entries that follow */
};

void document_heading(struct document *d, const char *text);
/* Its code has no spaces. */
void document_paragraph(struct document *d, const char *text);
/* Entries follow: a table (Markdown), or paragraphs with a tag (scdoc). `facts`: what is told of
 * each between its name and its text ("type", "default"); NULL-ended, borrowed until the end of the
 * entries. */
void document_begin_entries(struct document *d, const char *name, const char *const *facts);
/* `name` is code; `values`: a text for each fact, "" for none. */
void document_entry(struct document *d, const char *name, const char *const *values,
                    const char *text);
void document_end_entries(struct document *d);

#endif
