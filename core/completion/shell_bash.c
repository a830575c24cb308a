#include "completion/shell_bash.h"

#include <string.h>

/* What follows the tables. COMP_WORDS splits "--flag=value" into three words. */
static const char engine[] =
	"# Puts the candidates for the current word into COMPREPLY.\n"
	"_spore_reply()\n"
	"{\n"
	"\tcase $1 in\n"
	"\tfile) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); compopt -o filenames ;;\n"
	"\tfolder) mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"); compopt -o filenames ;;\n"
	"\thost) mapfile -t COMPREPLY < <(compgen -A hostname -- \"$cur\") ;;\n"
	"\tchoice) mapfile -t COMPREPLY < <(compgen -W \"$2\" -- \"$cur\") ;;\n"
	"\tesac\n"
	"}\n"
	"\n"
	"# Reads the words before the current one: given has the words that are not flags, and "
	"value\n"
	"# is not empty if the current word is a value.\n"
	"_spore_read()\n"
	"{\n"
	"\tlocal i each\n"
	"\n"
	"\tgiven=' ' value='' choices=''\n"
	"\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	"\t\teach=${COMP_WORDS[i]}\n"
	"\t\tif [[ $value && $each == '=' ]]; then\n"
	"\t\t\tcontinue\n"
	"\t\telif [[ $value ]]; then\n"
	"\t\t\tvalue=''\n"
	"\t\telif [[ $each == -* ]]; then\n"
	"\t\t\t_spore_value \"$command $each\"\n"
	"\t\telse\n"
	"\t\t\tgiven+=\"$each \"\n"
	"\t\t\t_spore_value \"$command $each\"\n"
	"\t\tfi\n"
	"\tdone\n"
	"}\n"
	"\n"
	"_spore()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}\n"
	"\tlocal commands flags words given value choices\n"
	"\n"
	"\tCOMPREPLY=()\n"
	"\t_spore_read\n"
	"\t_spore_tables \"$command\"\n"
	"\t[[ $cur != '=' ]] || cur=''\n"
	"\tif ((COMP_CWORD == 1)); then\n"
	"\t\t_spore_reply choice \"$commands\"\n"
	"\telif [[ $value ]]; then\n"
	"\t\t_spore_reply \"$value\" \"$choices\"\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\t_spore_reply choice \"$flags\"\n"
	"\telif [[ $given == ' ' ]]; then\n"
	"\t\t_spore_reply choice \"$words\"\n"
	"\tfi\n"
	"}\n"
	"\n"
	"complete -F _spore spore\n";

/* A flag for one word alone. The script offers it only while no other word of the command was
 * given. */
static void write_restricted(const struct offer *offer, const struct offer_flag *flag, FILE *out)
{
	fputs("\t\t[[ ! $flags", out);
	for (size_t i = 0; i < offer->n_words; i++) {
		if (strcmp(offer->words[i].name, flag->only_after) != 0)
			fprintf(out, " || $given == *' %s '*", offer->words[i].name);
	}
	fprintf(out, " ]] || flags+=' %s'\n", flag->name);
}

/* The flags for any word come first. write_restricted adds the others, by a test that the script
 * makes when it runs. */
static void write_table(const struct offer *offer, FILE *out)
{
	fprintf(out, "\t%s)\n\t\tflags='", offer->command);
	for (size_t i = 0; i < offer->n_flags; i++) {
		if (!offer->flags[i].only_after)
			fprintf(out, "%s ", offer->flags[i].name);
	}
	fputs("'\n\t\twords='", out);
	for (size_t i = 0; i < offer->n_words; i++)
		fprintf(out, "%s ", offer->words[i].name);
	fputs("'\n", out);
	for (size_t i = 0; i < offer->n_flags; i++) {
		if (offer->flags[i].only_after)
			write_restricted(offer, &offer->flags[i], out);
	}
	fputs("\t\t;;\n", out);
}

static void write_tables(const struct offer_command *commands, size_t n, FILE *out)
{
	struct offer offer;

	fputs("# The flags and words of a command.\n_spore_tables()\n{\n\tcommands='", out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s ", commands[i].name);
	fputs("--help --version'\n\tflags='' words=''\n\tcase $1 in\n", out);
	for (size_t i = 0; i < n; i++) {
		offer_read(&commands[i], &offer);
		write_table(&offer, out);
	}
	fputs("\tesac\n}\n\n", out);
}

static const char *name_value(enum offer_value value)
{
	static const char *const names[] = {
		[OFFER_TEXT] = "text", [OFFER_FILE] = "file",     [OFFER_FOLDER] = "folder",
		[OFFER_HOST] = "host", [OFFER_CHOICE] = "choice",
	};

	return names[value];
}

/* Ends a pattern of `case`. */
static void write_value(enum offer_value value, const char *choices, FILE *out)
{
	fprintf(out, ") value=%s", name_value(value));
	if (value == OFFER_CHOICE)
		fprintf(out, " choices='%s'", choices);
	fputs(" ;;\n", out);
}

static void write_values_of(const struct offer *offer, FILE *out)
{
	for (size_t i = 0; i < offer->n_flags; i++) {
		const struct offer_flag *flag = &offer->flags[i];

		if (flag->value == OFFER_NOTHING)
			continue;
		fprintf(out, "\t'%s %s'", offer->command, flag->name);
		if (flag->letter)
			fprintf(out, " | '%s -%c'", offer->command, flag->letter);
		write_value(flag->value, flag->choices, out);
	}
	for (size_t i = 0; i < offer->n_words; i++) {
		const struct offer_word *word = &offer->words[i];

		if (word->value == OFFER_NOTHING)
			continue;
		fprintf(out, "\t'%s %s'", offer->command, word->name);
		write_value(word->value, word->choices, out);
	}
}

static void write_values(const struct offer_command *commands, size_t n, FILE *out)
{
	struct offer offer;

	fputs("# What follows a flag or word of a command, if anything does.\n_spore_value()\n{\n"
	      "\tcase $1 in\n",
	      out);
	for (size_t i = 0; i < n; i++) {
		offer_read(&commands[i], &offer);
		write_values_of(&offer, out);
	}
	fputs("\tesac\n}\n\n", out);
}

void shell_bash_write(const struct offer_command *commands, size_t n, FILE *out)
{
	fputs("# bash completion for spore, made by `spore completion bash`.\n\n", out);
	write_tables(commands, n, out);
	write_values(commands, n, out);
	fputs(engine, out);
}
