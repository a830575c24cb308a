#include "commands/words.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

bool words_wrong(const char *command, const char *format, const char *what)
{
	char shown[96];

	text_printable(what, strlen(what), shown, sizeof shown);
	fputs("error: ", stderr);
	fprintf(stderr, format, shown);
	fprintf(stderr, "\ntry: spore %s --help\n", command);
	return false;
}

const char *words_value(const char *command, char ***at, const char *flag)
{
	const char *equals = strchr(**at, '=');

	if (equals)
		return equals + 1;
	if (!*++*at)
		words_wrong(command, "expected a value after %s, found the end of the command line",
		            flag);
	return **at;
}
