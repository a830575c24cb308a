#include "completion/completion.h"

#include <stdio.h>
#include <string.h>

#include "arguments/arguments.h"
#include "arguments/exit_status.h"
#include "completion/shell_bash.h"
#include "completion/shell_fish.h"
#include "completion/shell_zsh.h"

struct request {
	const char *shell;
};

/* Tables, aligned by hand. */
/* clang-format off */
static const struct argument_word words[] = {
	{ "bash", NULL, "for bash: source it, or put it into .../bash-completion/completions/spore" },
	{ "zsh",  NULL, "for zsh: put it into a folder of $fpath as _spore" },
	{ "fish", NULL, "for fish: put it into ~/.config/fish/completions/spore.fish" },
};
static void (*const writers[])(const struct offer_command *, size_t, FILE *) = {
	shell_bash_write, shell_zsh_write, shell_fish_write,
};
/* clang-format on */
enum { N_SHELLS = sizeof words / sizeof *words };

const struct argument_table completion_arguments = {
	.command = "completion",
	.summary = "Prints a script with which a shell completes the command lines of spore.",
	.words = words,
	.n_words = N_SHELLS,
	.noun = "shell",
	.word_offset = offsetof(struct request, shell),
};

int completion_run(char **argv, const struct offer_command *commands, size_t n)
{
	struct request request = { 0 };
	int status;

	if (!arguments_read(&completion_arguments, argv, &request, &status))
		return status;
	for (size_t i = 0; i < N_SHELLS; i++) {
		if (strcmp(words[i].name, request.shell) == 0)
			writers[i](commands, n, stdout);
	}
	return fflush(stdout) == 0 ? EXIT_GOOD : EXIT_FAILED;
}
