#include "completion/offer.h"

#include <stdio.h>
#include <string.h>

/* What a metavar stands for. All others are texts. */
static const struct {
	const char *metavar;
	enum offer_value value;
} kinds[] = {
	{ "FILE", OFFER_FILE },  { "PATH", OFFER_FILE }, { "[PROGRAM]", OFFER_FILE },
	{ "DIR", OFFER_FOLDER }, { "HOST", OFFER_HOST },
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static enum offer_value value_of(const char *metavar)
{
	if (!metavar || !*metavar)
		return OFFER_NOTHING;
	for (size_t i = 0; i < N_KINDS; i++) {
		if (strcmp(kinds[i].metavar, metavar) == 0)
			return kinds[i].value;
	}
	return OFFER_TEXT;
}

/* A list of candidates has room for one clause only. */
static void shorten(const char *doc, char out[OFFER_DOC])
{
	static const char *const ends[] = { "; ", ": ", ". ", " (" };
	size_t len = strlen(doc);

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		const char *end = strstr(doc, ends[i]);

		if (end && (size_t)(end - doc) < len)
			len = (size_t)(end - doc);
	}
	snprintf(out, OFFER_DOC, "%.*s", (int)len, doc);
}

/* "a|b" becomes "a b". */
static enum offer_value take_choices(const char *choices, char out[OFFER_CHOICES])
{
	size_t n = 0;

	for (; choices[n] && n + 1 < OFFER_CHOICES; n++)
		out[n] = (char)(choices[n] == '|' ? ' ' : choices[n]);
	out[n] = '\0';
	return OFFER_CHOICE;
}

/* ---- server and local ---- */

static void read_help_flag(const struct help_flag *help, struct offer_flag *out)
{
	*out = (struct offer_flag){ .letter = help->letter, .value = value_of(help->metavar) };
	snprintf(out->name, sizeof out->name, "%s", help->flag);
	out->metavar = out->value == OFFER_NOTHING ? NULL : help->metavar;
	if (out->metavar && help->option && help->option->choices)
		out->value = take_choices(help->option->choices, out->choices);
	shorten(help->doc, out->doc);
}

static bool has_letter(const struct offer *offer, char letter)
{
	for (size_t i = 0; i < offer->n_flags; i++) {
		if (offer->flags[i].letter == letter)
			return true;
	}
	return false;
}

/* A letter of two flags, as -t of `spore local`, is offered for the first of them. */
static void read_role(unsigned role, struct offer *offer)
{
	struct help_flag help[HELP_MAX_FLAGS];
	size_t n = help_list(role, help);

	for (size_t i = 0; i < n; i++) {
		struct offer_flag *flag = &offer->flags[offer->n_flags];

		read_help_flag(&help[i], flag);
		if (flag->letter && has_letter(offer, flag->letter))
			flag->letter = '\0';
		offer->n_flags++;
	}
	offer->operand = role == ROLE_LOCAL ? "LOCAL_PORT" : NULL;
}

/* ---- subcommands with an argument table ---- */

static void join_choices(const struct argument_choice *choice, char out[OFFER_CHOICES])
{
	size_t len = 0;

	for (; choice->name && len < OFFER_CHOICES; choice++)
		len += (size_t)snprintf(out + len, OFFER_CHOICES - len, "%s%s", len ? " " : "",
		                        choice->name);
}

static void read_flag(const struct argument_flag *flag, struct offer_flag *out)
{
	*out = (struct offer_flag){
		.letter = flag->letter,
		.metavar = flag->metavar,
		.value = flag->choices ? OFFER_CHOICE : value_of(flag->metavar),
		.only_after = flag->word,
		.repeats = flag->type == ARGUMENT_LIST,
	};
	snprintf(out->name, sizeof out->name, "%s", flag->name);
	if (flag->choices)
		join_choices(flag->choices, out->choices);
	shorten(flag->doc, out->doc);
}

static void read_word(const struct argument_word *word, struct offer_word *out)
{
	const spore_option *level = help_target_option(ROLE_SERVER, "/log/level");

	*out = (struct offer_word){ .name = word->name,
		                    .operand = word->operand,
		                    .value = value_of(word->operand) };
	if (word->operand && strcmp(word->operand, "LEVEL") == 0 && level)
		out->value = take_choices(level->choices, out->choices);
	shorten(word->doc, out->doc);
}

static void read_table(const struct argument_table *table, struct offer *offer)
{
	const struct argument_flag help = { .name = "--help",
		                            .letter = 'h',
		                            .doc = "print this help" };

	for (size_t i = 0; i < table->n_flags; i++)
		read_flag(&table->flags[i], &offer->flags[offer->n_flags++]);
	read_flag(&help, &offer->flags[offer->n_flags++]);
	for (size_t i = 0; i < table->n_words; i++)
		read_word(&table->words[i], &offer->words[offer->n_words++]);
}

void offer_read(const struct offer_command *command, struct offer *offer_out)
{
	offer_out->command = command->name;
	offer_out->operand = NULL;
	offer_out->n_flags = offer_out->n_words = 0;
	if (command->table)
		read_table(command->table, offer_out);
	else
		read_role(command->role, offer_out);
}
