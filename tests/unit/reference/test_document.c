#include "reference/document.h"

#include <string.h>

#include "suite.h"

static char printed[8192];

static struct document begin(enum document_format format)
{
	memset(printed, 0, sizeof printed);
	return (struct document){ .out = fmemopen(printed, sizeof printed, "w"), .format = format };
}

static void check(struct document *d, const char *expected)
{
	fclose(d->out);
	ck_assert_str_eq(printed, expected);
}

START_TEST(headings)
{
	struct document d = begin(DOCUMENT_MARKDOWN);

	document_heading(&d, "The plugin `a_b`");
	check(&d, "### The plugin `a_b`\n\n");
	d = begin(DOCUMENT_SCDOC);
	document_heading(&d, "The plugin `a_b`");
	check(&d, "## The plugin a_b\n\n");
}
END_TEST

START_TEST(texts_are_escaped)
{
	struct document d = begin(DOCUMENT_MARKDOWN);

	document_paragraph(&d, "a*b _c_ d_e <f> g|h \\ `x*y|z` i`j");
	check(&d, "a\\*b \\_c\\_ d_e \\<f> g\\|h \\\\ `x*y\\|z` i`j\n\n");
	d = begin(DOCUMENT_SCDOC);
	document_paragraph(&d, "a*b _c_ d_e <f> g|h \\ `x*y` i`j+");
	check(&d, "a\\*b \\_c\\_ d_e <f> g|h \\\\ *x\\*y* i\\`j\\+\n\n");
}
END_TEST

START_TEST(control_bytes_become_question_marks)
{
	struct document d = begin(DOCUMENT_MARKDOWN);

	document_paragraph(&d, "a\x1b[2J\xff\xc3\xa9\x7f");
	check(&d, "a?[2J?\xc3\xa9?\n\n");
}
END_TEST

START_TEST(paragraphs_are_wrapped)
{
	struct document d = begin(DOCUMENT_MARKDOWN);
	char text[512] = "";

	for (int i = 0; i < 30; i++)
		strcat(text, "123456789 ");
	document_paragraph(&d, text);
	fclose(d.out);
	ck_assert_uint_eq(strcspn(printed, "\n"), 99);
	ck_assert_uint_eq(strcspn(printed + 100, "\n"), 99);
	ck_assert_str_eq(printed + strlen(printed) - 3, "9\n\n");
}
END_TEST

static void write_entries(struct document *d)
{
	static const char *const facts[] = { "type", "default", NULL };

	document_begin_entries(d, "key", facts);
	document_entry(d, "a|b", (const char *[]){ "text", "`5`" }, "a text");
	document_entry(d, "c", (const char *[]){ "", "" }, "more");
	document_end_entries(d);
}

START_TEST(entries_are_a_table_in_markdown)
{
	struct document d = begin(DOCUMENT_MARKDOWN);

	write_entries(&d);
	check(&d, "| key | type | default | meaning |\n|---|---|---|---|\n"
	          "| `a\\|b` | text | `5` | a text |\n| `c` | | | more |\n\n");
}
END_TEST

START_TEST(entries_are_tagged_paragraphs_in_scdoc)
{
	struct document d = begin(DOCUMENT_SCDOC);

	write_entries(&d);
	check(&d, "*a|b*\n\ta text.\n\n\ttype: text; default: *5*\n\n*c*\n\tmore.\n\n\t\n\n");
}
END_TEST

START_TEST(a_backtick_does_not_end_code)
{
	static const char *const facts[] = { NULL };
	struct document d = begin(DOCUMENT_MARKDOWN);

	document_begin_entries(&d, "key", facts);
	document_entry(&d, "a`b", (const char *[]){ NULL }, "x");
	check(&d, "| key | meaning |\n|---|---|\n| `a'b` | x |\n");
}
END_TEST

SUITE("document", headings, texts_are_escaped, control_bytes_become_question_marks,
      paragraphs_are_wrapped, entries_are_a_table_in_markdown,
      entries_are_tagged_paragraphs_in_scdoc, a_backtick_does_not_end_code)
