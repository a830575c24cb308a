#include "arguments/arguments.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments/argument_help.h"
#include "arguments/exit_status.h"
#include "base/text.h"
#include "diag/usage.h"

enum { SHOWN = 96, MAX_NAMES = ARGUMENT_MAX_FLAGS + 1 };

struct parser {
	const struct argument_table *table;
	char *const *next; /* the word of the command line that is read next */
	void *values;
	struct err *err;
	const struct argument_word *word; /* NULL: not read yet */
	const char *operand;
	uint32_t given; /* bit i: flag i of the table */
	bool only_words, help;
};

/* ---- errors ---- */

static bool refuse_word(struct parser *p, const char *format, const char *found)
{
	char shown[SHOWN];

	text_escape(found, strlen(found), shown, sizeof shown);
	err_set(p->err, format, shown);
	return false;
}

/* `meant`: a name that is similar to what was found; NULL: there is none, so `format` is used. */
static bool refuse_unknown(struct parser *p, const char *found, const char *meant,
                           const char *format, const char *format_like)
{
	char shown[SHOWN];

	text_escape(found, strlen(found), shown, sizeof shown);
	err_set(p->err, meant ? format_like : format, shown, meant);
	return false;
}

/* "a, b or c". */
static const char *join_names(const char *const *names, size_t n, char *out, size_t size)
{
	size_t len = 0;

	*out = '\0';
	for (size_t i = 0; i < n && len < size; i++) {
		const char *joint = i == 0 ? "" : i + 1 == n ? " or " : ", ";

		len += (size_t)snprintf(out + len, size - len, "%s%s", joint, names[i]);
	}
	return out;
}

/* ---- values ---- */

static void *slot(const struct parser *p, size_t offset)
{
	return (char *)p->values + offset;
}

/* `origin`: the flag as it was written, or the variable. */
static bool set_choice(struct parser *p, const struct argument_flag *flag, const char *text,
                       const char *origin)
{
	const char *names[MAX_NAMES];
	char expected[256], shown[SHOWN];
	size_t n = 0;

	for (const struct argument_choice *c = flag->choices; c->name && n < MAX_NAMES; c++) {
		names[n++] = c->name;
		if (strcmp(c->name, text) == 0) {
			*(unsigned *)slot(p, flag->offset) = c->value;
			return true;
		}
	}
	text_escape(text, strlen(text), shown, sizeof shown);
	err_set(p->err, "%s: expected %s, found \"%s\"", origin,
	        join_names(names, n, expected, sizeof expected), shown);
	return false;
}

static bool add_to_list(struct parser *p, const struct argument_flag *flag, const char *text)
{
	size_t *count = slot(p, flag->count_offset);

	if (*count == flag->most) {
		err_set(p->err, "expected %s at most %zu times", flag->name, flag->most);
		return false;
	}
	((const char **)slot(p, flag->offset))[(*count)++] = text;
	return true;
}

static bool set_value(struct parser *p, const struct argument_flag *flag, const char *text,
                      const char *origin)
{
	switch (flag->type) {
	case ARGUMENT_SWITCH:
		*(bool *)slot(p, flag->offset) = true;
		return true;
	case ARGUMENT_TEXT:
		*(const char **)slot(p, flag->offset) = text;
		return true;
	case ARGUMENT_CHOICE:
		return set_choice(p, flag, text, origin);
	case ARGUMENT_LIST:
		return add_to_list(p, flag, text);
	}
	return false;
}

/* ---- flags ---- */

static uint32_t bit_of(const struct parser *p, const struct argument_flag *flag)
{
	return (uint32_t)1 << (flag - p->table->flags);
}

static bool is_given(const struct parser *p, const struct argument_flag *flag)
{
	return p->given & bit_of(p, flag);
}

static bool may_repeat(const struct argument_flag *flag)
{
	return flag->type == ARGUMENT_SWITCH || flag->type == ARGUMENT_LIST;
}

/* `attached`: what follows the flag in the same word; NULL: nothing. */
static bool read_value(struct parser *p, const struct argument_flag *flag, const char *attached,
                       const char *origin)
{
	const char *text = attached;

	if (flag->type == ARGUMENT_SWITCH && attached)
		return refuse_word(p, USAGE_VALUE, origin);
	if (flag->type != ARGUMENT_SWITCH && !attached) {
		text = *p->next;
		if (!text)
			return refuse_word(p, USAGE_NO_VALUE, origin);
		if (usage_is_flag(text))
			return refuse_word(p, USAGE_FLAG_AS_VALUE, origin);
		p->next++;
	}
	if (is_given(p, flag) && !may_repeat(flag))
		return refuse_word(p, USAGE_TWICE, origin);
	p->given |= bit_of(p, flag);
	return set_value(p, flag, text, origin);
}

static bool read_long_flag(struct parser *p, const char *word)
{
	const struct argument_table *table = p->table;
	size_t len = strcspn(word, "=");
	const char *names[MAX_NAMES];
	char name[SHOWN];

	snprintf(name, sizeof name, "%.*s", (int)len, word);
	for (size_t i = 0; i < table->n_flags; i++) {
		names[i] = table->flags[i].name + 2;
		if (strcmp(table->flags[i].name, name) == 0)
			return read_value(p, &table->flags[i], word[len] ? word + len + 1 : NULL,
			                  name);
	}
	names[table->n_flags] = "help";
	if (strcmp(name, "--help") == 0) {
		if (word[len])
			return refuse_word(p, USAGE_VALUE, name);
		p->help = true;
		return true;
	}
	return refuse_unknown(p, name, text_suggest(name + 2, names, table->n_flags + 1),
	                      USAGE_UNKNOWN_FLAG, USAGE_UNKNOWN_FLAG_LIKE);
}

/* "-c FILE", "-cFILE" or "-c=FILE". */
static bool read_short_flag(struct parser *p, const char *word)
{
	const char name[] = { '-', word[1], '\0' };

	if (strcmp(word, "-h") == 0)
		return p->help = true;
	for (size_t i = 0; i < p->table->n_flags; i++) {
		const struct argument_flag *flag = &p->table->flags[i];

		if (flag->letter == word[1])
			return read_value(p, flag, word[2] ? word + 2 + (word[2] == '=') : NULL,
			                  name);
	}
	return refuse_word(p, USAGE_UNKNOWN_FLAG, word);
}

/* ---- words ---- */

static size_t list_words(const struct argument_table *table, const char *names[ARGUMENT_MAX_WORDS])
{
	for (size_t i = 0; i < table->n_words; i++)
		names[i] = table->words[i].name;
	return table->n_words;
}

static bool refuse_noun(struct parser *p, const char *word)
{
	const struct argument_table *table = p->table;
	const char *names[ARGUMENT_MAX_WORDS];
	char all[256], shown[SHOWN];

	text_escape(word, strlen(word), shown, sizeof shown);
	err_set(p->err, "unknown %s \"%s\": expected %s", table->noun, shown,
	        join_names(names, list_words(table, names), all, sizeof all));
	return false;
}

static bool read_word(struct parser *p, const char *word)
{
	const struct argument_table *table = p->table;
	const char *names[ARGUMENT_MAX_WORDS];

	for (size_t i = 0; i < table->n_words; i++) {
		if (strcmp(table->words[i].name, word) == 0) {
			p->word = &table->words[i];
			*(const char **)slot(p, table->word_offset) = p->word->name;
			return true;
		}
	}
	if (table->noun)
		return refuse_noun(p, word);
	return refuse_unknown(p, word, text_suggest(word, names, list_words(table, names)),
	                      USAGE_UNKNOWN_COMMAND, USAGE_UNKNOWN_COMMAND_LIKE);
}

static bool read_positional(struct parser *p, const char *word)
{
	char shown[SHOWN];

	if (p->table->n_words > 0 && !p->word)
		return read_word(p, word);
	if (!p->word || !p->word->operand)
		return refuse_word(p, USAGE_NO_FLAG, word);
	if (p->operand) {
		text_escape(word, strlen(word), shown, sizeof shown);
		err_set(p->err, "expected one %s, found \"%s\" too", p->word->operand, shown);
		return false;
	}
	p->operand = word;
	*(const char **)slot(p, p->table->operand_offset) = word;
	return true;
}

/* ---- the whole ---- */

/* True: the flag is given, but belongs to another word than the one that is given. */
static bool is_misplaced(const struct parser *p, const struct argument_flag *flag)
{
	return is_given(p, flag) && flag->word && strcmp(flag->word, p->word->name) != 0;
}

/* Makes the checks that need the whole command line. */
static bool check_line(struct parser *p)
{
	const char *names[ARGUMENT_MAX_WORDS];
	char all[256];

	if (p->table->n_words > 0 && !p->word) {
		err_set(p->err, USAGE_NO_WORD, p->table->noun ? p->table->noun : "command",
		        join_names(names, list_words(p->table, names), all, sizeof all));
		return false;
	}
	if (p->word && p->word->operand && *p->word->operand != '[' && !p->operand) {
		err_set(p->err, "expected %s after %s, found the end of the command line",
		        p->word->operand, p->word->name);
		return false;
	}
	for (size_t i = 0; i < p->table->n_flags; i++) {
		const struct argument_flag *flag = &p->table->flags[i];

		if (!is_misplaced(p, flag))
			continue;
		err_set(p->err, "%s is a flag of `spore %s %s`", flag->name, p->table->command,
		        flag->word);
		return false;
	}
	return true;
}

/* Sets the value of a flag that is not given: from its variable, or else from its default. */
static bool fill_value(struct parser *p, const struct argument_flag *flag)
{
	const char *text = flag->variable ? getenv(flag->variable) : NULL;

	if (text && *text)
		return set_value(p, flag, text, flag->variable);
	return !flag->dflt || set_value(p, flag, flag->dflt, flag->name);
}

static bool fill_values(struct parser *p)
{
	for (size_t i = 0; i < p->table->n_flags; i++) {
		const struct argument_flag *flag = &p->table->flags[i];

		if (!is_given(p, flag) && !fill_value(p, flag))
			return false;
	}
	return true;
}

static bool read_next(struct parser *p)
{
	const char *word = *p->next++;

	if (p->only_words || word[0] != '-' || !word[1])
		return read_positional(p, word);
	if (strcmp(word, "--") == 0)
		return p->only_words = true;
	return word[1] == '-' ? read_long_flag(p, word) : read_short_flag(p, word);
}

enum arguments_outcome arguments_parse(const struct argument_table *table, char *const *argv,
                                       void *values, struct err *err)
{
	struct parser p = { .table = table, .next = argv, .values = values, .err = err };

	while (*p.next && !p.help) {
		if (!read_next(&p))
			return ARGUMENTS_WRONG;
	}
	if (p.help)
		return ARGUMENTS_HELP;
	return check_line(&p) && fill_values(&p) ? ARGUMENTS_GOOD : ARGUMENTS_WRONG;
}

static int print_refusal(const struct argument_table *table, const struct err *err)
{
	fprintf(stderr, "error: %s\n" USAGE_TRY, err->text, table->command);
	return EXIT_USAGE;
}

bool arguments_read(const struct argument_table *table, char *const *argv, void *values,
                    int *status_out)
{
	struct err err;

	switch (arguments_parse(table, argv, values, &err)) {
	case ARGUMENTS_GOOD:
		return true;
	case ARGUMENTS_HELP:
		argument_help_print(table, stdout);
		*status_out = fflush(stdout) == 0 ? EXIT_GOOD : EXIT_FAILED;
		return false;
	case ARGUMENTS_WRONG:
		*status_out = print_refusal(table, &err);
		return false;
	}
	return false;
}

int arguments_refuse(const struct argument_table *table, const char *format, const char *found)
{
	char shown[SHOWN];
	struct err err;

	text_escape(found, strlen(found), shown, sizeof shown);
	err_set(&err, format, shown);
	return print_refusal(table, &err);
}
