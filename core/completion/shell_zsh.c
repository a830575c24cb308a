#include "completion/shell_zsh.h"

#include <string.h>

/* Writes a text that stands in single quotes. The characters of `special` get a backslash. */
static void write_text(const char *text, const char *special, FILE *out)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\'", out);
		else if (strchr(special, *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void write_action(enum offer_value value, const char *choices, FILE *out)
{
	switch (value) {
	case OFFER_FILE:
		fputs("_files", out);
		break;
	case OFFER_FOLDER:
		fputs("_files -/", out);
		break;
	case OFFER_HOST:
		fputs("_hosts", out);
		break;
	case OFFER_CHOICE:
		fprintf(out, "(%s)", choices);
		break;
	default:
		fputc(' ', out);
	}
}

/* ---- flags, as specifications of _arguments ---- */

/* Writes what _arguments needs to know of the flag under this name. `end` says how a value follows:
 * '=' for "--config=FILE" and "--config FILE", '+' for "-cFILE" and "-c FILE". */
static void write_spec(const struct offer_flag *flag, const char *name, char end, FILE *out)
{
	fputs("'", out);
	if (flag->repeats)
		fputc('*', out);
	else if (flag->letter)
		fprintf(out, "(-%c %s)", flag->letter, flag->name);
	fputs(name, out);
	if (flag->value != OFFER_NOTHING)
		fputc(end, out);
	fputc('[', out);
	write_text(flag->doc, "[]\\", out);
	fputc(']', out);
	if (flag->value != OFFER_NOTHING) {
		fprintf(out, ":%s:", flag->metavar);
		write_action(flag->value, flag->choices, out);
	}
	fputs("'", out);
}

/* Writes a condition: no word but this one was given. `word` is the only word that the flag belongs
 * to. */
static void write_restriction(const struct offer *offer, const char *word, FILE *out)
{
	fputs("\t(( 0", out);
	for (size_t i = 0; i < offer->n_words; i++) {
		if (strcmp(offer->words[i].name, word) != 0)
			fprintf(out, " || ${words[(Ie)%s]}", offer->words[i].name);
	}
	fputs(" )) ||", out);
}

static void write_flag(const struct offer *offer, const struct offer_flag *flag, FILE *out)
{
	const char letter[] = { '-', flag->letter, '\0' };

	if (flag->only_after)
		write_restriction(offer, flag->only_after, out);
	fputs("\tspecs+=(", out);
	write_spec(flag, flag->name, '=', out);
	if (flag->letter) {
		fputc(' ', out);
		write_spec(flag, letter, '+', out);
	}
	fputs(")\n", out);
}

/* ---- words ---- */

/* An array of "name:description", for _describe. */
static void write_described(const char *name, const char *doc, FILE *out)
{
	fputs("\t\t'", out);
	write_text(name, ":\\", out);
	fputc(':', out);
	write_text(doc, ":\\", out);
	fputs("'\n", out);
}

static void write_operands(const struct offer *offer, FILE *out)
{
	fputs("\toperand)\n\t\tcase $line[1] in\n", out);
	for (size_t i = 0; i < offer->n_words; i++) {
		const struct offer_word *word = &offer->words[i];

		if (word->value == OFFER_NOTHING)
			continue;
		fprintf(out, "\t\t%s) ", word->name);
		if (word->value == OFFER_CHOICE)
			fprintf(out, "compadd -- %s", word->choices);
		else if (word->value == OFFER_TEXT)
			fprintf(out, "_message %s", word->operand);
		else
			write_action(word->value, word->choices, out);
		fputs(" ;;\n", out);
	}
	fputs("\t\tesac\n\t\t;;\n", out);
}

static void write_words(const struct offer *offer, FILE *out)
{
	bool has_operand = false;

	for (size_t i = 0; i < offer->n_words; i++)
		has_operand = has_operand || offer->words[i].value != OFFER_NOTHING;
	fprintf(out,
	        "\tspecs+=('1:command:->word'%s)\n"
	        "\t_arguments -C -s -S : $specs && return\n"
	        "\tcase $state in\n\tword)\n\t\tnames=(\n",
	        has_operand ? " '2:operand:->operand'" : "");
	for (size_t i = 0; i < offer->n_words; i++)
		write_described(offer->words[i].name, offer->words[i].doc, out);
	fputs("\t\t)\n\t\t_describe -t commands command names\n\t\t;;\n", out);
	if (has_operand)
		write_operands(offer, out);
	fputs("\tesac\n", out);
}

static void write_command(const struct offer *offer, FILE *out)
{
	fprintf(out,
	        "_spore_%s()\n{\n\tlocal curcontext=\"$curcontext\" state line\n"
	        "\tlocal -a specs names\n\n",
	        offer->command);
	for (size_t i = 0; i < offer->n_flags; i++)
		write_flag(offer, &offer->flags[i], out);
	if (offer->operand)
		fprintf(out, "\tspecs+=('1:%s: ')\n", offer->operand);
	if (offer->n_words)
		write_words(offer, out);
	else
		fputs("\t_arguments -s -S : $specs\n", out);
	fputs("}\n\n", out);
}

/* ---- the whole ---- */

static const char head[] = "_spore()\n"
			   "{\n"
			   "\tlocal curcontext=\"$curcontext\" state line\n"
			   "\tlocal -a names\n"
			   "\n"
			   "\t_arguments -C '(- *)'{-h,--help}'[print the help]' \\\n"
			   "\t\t'(- *)'{-V,--version}'[print the version]' \\\n"
			   "\t\t'1:command:->command' '*::argument:->argument' && return\n"
			   "\tcase $state in\n"
			   "\tcommand)\n"
			   "\t\tnames=(\n";
static const char tail[] = "\t\t)\n"
			   "\t\t_describe -t commands command names\n"
			   "\t\t;;\n"
			   "\targument)\n"
			   "\t\t(( $+functions[_spore_$words[1]] )) && _spore_$words[1]\n"
			   "\t\t;;\n"
			   "\tesac\n"
			   "}\n"
			   "\n"
			   "if [[ $funcstack[1] == _spore ]]; then\n"
			   "\t_spore \"$@\"\n"
			   "else\n"
			   "\tcompdef _spore spore\n"
			   "fi\n";

void shell_zsh_write(const struct offer_command *commands, size_t n, FILE *out)
{
	struct offer offer;

	fputs("#compdef spore\n# zsh completion for spore, made by `spore completion zsh`.\n\n",
	      out);
	for (size_t i = 0; i < n; i++) {
		offer_read(&commands[i], &offer);
		write_command(&offer, out);
	}
	fputs(head, out);
	for (size_t i = 0; i < n; i++)
		write_described(commands[i].name, commands[i].summary, out);
	fputs(tail, out);
}
