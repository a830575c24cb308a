/* usage - the messages about wrong command lines, in the same words by every subcommand. Each text
 * is a format; "%s" stands for a flag or for a word of the command line, both escaped. */
#ifndef CORE_USAGE_H
#define CORE_USAGE_H

#include <ctype.h>
#include <stdbool.h>

#define USAGE_UNKNOWN_FLAG         "unknown flag %s"
#define USAGE_UNKNOWN_FLAG_LIKE    "unknown flag %s: did you mean --%s?"
#define USAGE_UNKNOWN_COMMAND      "unknown command \"%s\""
#define USAGE_UNKNOWN_COMMAND_LIKE "unknown command \"%s\": did you mean \"%s\"?"
#define USAGE_NO_COMMAND           "expected a command: %s"
#define USAGE_NO_WORD              "expected a %s: %s"
#define USAGE_NO_VALUE             "expected a value after %s, found the end of the command line"
#define USAGE_FLAG_AS_VALUE                                                                        \
	"expected a value after %s, found a word that begins with \"-\"; if it is the value, "     \
	"write it behind \"=\""
#define USAGE_VALUE   "expected %s without a value"
#define USAGE_TWICE   "%s is given twice"
#define USAGE_NO_FLAG "expected a flag, found \"%s\""
#define USAGE_NO_LOCAL_PORT                                                                        \
	"expected the port of the service, found \"%s\": spore local LOCAL_PORT --to HOST (and "   \
	"--local-host, if the service is on another machine)"
#define USAGE_NO_PORTS "expected local ports from 1 to 65535, such as 80 or 8000-8003, found \"%s\""

/* True if a word looks like a flag although a value is expected. In a shell script, an unset
 * variable may have made the next flag the value. A lone "-" and negative numbers are values. */
static inline bool usage_is_flag(const char *word)
{
	return word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]);
}

/* The last line, with the subcommand's name. */
#define USAGE_TRY "try: spore %s --help\n"

#endif
