#include "completion/shell_fish.h"

#include <string.h>

static const char head[] = "# fish completion for spore, made by `spore completion fish`.\n"
			   "\n"
			   "# Is this the command?\n"
			   "function __spore_command\n"
			   "\tset -l given (commandline -opc)\n"
			   "\ttest (count $given) -ge 2; and test $given[2] = $argv[1]\n"
			   "end\n"
			   "\n"
			   "# Is the line \"spore COMMAND\", with none of these words after it?\n"
			   "function __spore_without\n"
			   "\tset -l given (commandline -opc)\n"
			   "\t__spore_command $argv[1]; or return 1\n"
			   "\tfor word in $given[3..-1]\n"
			   "\t\tcontains -- $word $argv[2..-1]; and return 1\n"
			   "\tend\n"
			   "\treturn 0\n"
			   "end\n"
			   "\n"
			   "# Is the line \"spore COMMAND\", with this word at its end?\n"
			   "function __spore_behind\n"
			   "\tset -l given (commandline -opc)\n"
			   "\t__spore_command $argv[1]; and test $given[-1] = $argv[2]\n"
			   "end\n"
			   "\n"
			   "complete -c spore -f\n";

/* A text in single quotes. */
static void write_text(const char *text, FILE *out)
{
	fputc('\'', out);
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('\'', out);
}

/* The words of the command but `except`; NULL: all. */
static void write_names(const struct offer *offer, const char *except, FILE *out)
{
	for (size_t i = 0; i < offer->n_words; i++) {
		if (!except || strcmp(offer->words[i].name, except) != 0)
			fprintf(out, " %s", offer->words[i].name);
	}
}

/* The candidates for a value, as arguments of `complete`. */
static void write_value(enum offer_value value, const char *choices, FILE *out)
{
	switch (value) {
	case OFFER_FILE:
		fputs(" -F", out);
		break;
	case OFFER_FOLDER:
		fputs(" -x -a '(__fish_complete_directories)'", out);
		break;
	case OFFER_HOST:
		fputs(" -x -a '(__fish_print_hostnames)'", out);
		break;
	case OFFER_CHOICE:
		fprintf(out, " -x -a '%s'", choices);
		break;
	case OFFER_TEXT:
		fputs(" -x", out);
		break;
	default:
		break;
	}
}

static void write_flag(const struct offer *offer, const struct offer_flag *flag, FILE *out)
{
	fprintf(out, "complete -c spore -n '__spore_without %s", offer->command);
	if (flag->only_after)
		write_names(offer, flag->only_after, out);
	fprintf(out, "' -l %s", flag->name + 2);
	if (flag->letter)
		fprintf(out, " -s %c", flag->letter);
	if (flag->value == OFFER_FILE)
		fputs(" -r", out);
	write_value(flag->value, flag->choices, out);
	fputs(" -d ", out);
	write_text(flag->doc, out);
	fputc('\n', out);
}

static void write_word(const struct offer *offer, const struct offer_word *word, FILE *out)
{
	fprintf(out, "complete -c spore -n '__spore_without %s", offer->command);
	write_names(offer, NULL, out);
	fprintf(out, "' -a %s -d ", word->name);
	write_text(word->doc, out);
	fputc('\n', out);
	if (word->value == OFFER_NOTHING || word->value == OFFER_TEXT)
		return;
	fprintf(out, "complete -c spore -n '__spore_behind %s %s'", offer->command, word->name);
	write_value(word->value, word->choices, out);
	fputc('\n', out);
}

static void write_command(const struct offer_command *command, FILE *out)
{
	struct offer offer;

	offer_read(command, &offer);
	fprintf(out, "\ncomplete -c spore -n __fish_use_subcommand -a %s -d ", command->name);
	write_text(command->summary, out);
	fputc('\n', out);
	for (size_t i = 0; i < offer.n_words; i++)
		write_word(&offer, &offer.words[i], out);
	for (size_t i = 0; i < offer.n_flags; i++)
		write_flag(&offer, &offer.flags[i], out);
}

void shell_fish_write(const struct offer_command *commands, size_t n, FILE *out)
{
	fputs(head, out);
	fputs("complete -c spore -n __fish_use_subcommand -l help -s h -d 'print the help'\n"
	      "complete -c spore -n __fish_use_subcommand -l version -s V -d 'print the version'\n",
	      out);
	for (size_t i = 0; i < n; i++)
		write_command(&commands[i], out);
}
