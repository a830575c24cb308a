#include "arguments/argument_help.h"

#include <stdarg.h>
#include <string.h>

#include "base/wrap.h"

enum { ENTRY = 64, TEXT = 1024, INDENT = 2, GAP = 2 };

static const struct argument_flag help_flag = {
	.name = "--help", .letter = 'h', .type = ARGUMENT_SWITCH, .doc = "print this help"
};

/* ---- entries: a name, and its text in a column of its own ---- */

static void print_entry(const char *name, size_t width, const char *text, FILE *out)
{
	size_t indent = INDENT + width + GAP;

	fprintf(out, "%*s%-*s", INDENT, "", (int)(width + GAP), name);
	wrap_print(text, indent, indent, out);
}

static size_t longer(size_t width, const char *name)
{
	return strlen(name) > width ? strlen(name) : width;
}

/* ---- words ---- */

/* "kick ID". */
static const char *name_word(const struct argument_word *word, char out[ENTRY])
{
	snprintf(out, ENTRY, "%s%s%s", word->name, word->operand ? " " : "",
	         word->operand ? word->operand : "");
	return out;
}

static void print_words(const struct argument_table *table, FILE *out)
{
	char name[ENTRY];
	size_t width = 0;

	fputs("\nCommands:\n", out);
	for (size_t i = 0; i < table->n_words; i++)
		width = longer(width, name_word(&table->words[i], name));
	for (size_t i = 0; i < table->n_words; i++)
		print_entry(name_word(&table->words[i], name), width, table->words[i].doc, out);
}

/* ---- flags ---- */

/* "-c, --config FILE". */
static const char *name_flag(const struct argument_flag *flag, char out[ENTRY])
{
	char letter[] = "    ";

	if (flag->letter)
		snprintf(letter, sizeof letter, "-%c, ", flag->letter);
	snprintf(out, ENTRY, "%s%s%s%s", letter, flag->name, flag->metavar ? " " : "",
	         flag->metavar ? flag->metavar : "");
	return out;
}

__attribute__((format(printf, 2, 3))) static void append(char text[TEXT], const char *format, ...)
{
	size_t len = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + len, TEXT - len, format, args);
	va_end(args);
}

static const char *describe_flag(const struct argument_flag *flag, char text[TEXT])
{
	*text = '\0';
	append(text, "%s", flag->doc);
	for (const struct argument_choice *c = flag->choices; c && c->name; c++)
		append(text, "%s%s", c == flag->choices ? ": " : "|", c->name);
	if (flag->type == ARGUMENT_LIST)
		append(text, "; may be repeated");
	if (flag->word)
		append(text, " (only with %s)", flag->word);
	if (flag->dflt)
		append(text, " [default: %s]", flag->dflt);
	if (flag->variable)
		append(text, " [env: %s]", flag->variable);
	return text;
}

static void print_flags(const struct argument_table *table, FILE *out)
{
	char name[ENTRY], text[TEXT];
	size_t width = longer(0, name_flag(&help_flag, name));

	fputs("\nFlags:\n", out);
	for (size_t i = 0; i < table->n_flags; i++)
		width = longer(width, name_flag(&table->flags[i], name));
	for (size_t i = 0; i <= table->n_flags; i++) {
		const struct argument_flag *flag = i < table->n_flags ? &table->flags[i]
		                                                      : &help_flag;

		print_entry(name_flag(flag, name), width, describe_flag(flag, text), out);
	}
}

void argument_help_print(const struct argument_table *table, FILE *out)
{
	fprintf(out, "Usage: spore %s%s%s\n\n", table->command, table->n_flags ? " [FLAGS]" : "",
	        table->n_words ? " COMMAND" : "");
	wrap_print(table->summary, 0, 0, out);
	if (table->n_words)
		print_words(table, out);
	print_flags(table, out);
	if (table->remarks) {
		fputc('\n', out);
		wrap_print(table->remarks, 0, 0, out);
	}
}
