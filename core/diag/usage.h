/* usage - the messages about wrong command lines, in the same words by every subcommand. Each text
 * is a format; "%s" stands for a flag or for a word of the command line, both escaped. */
#ifndef CORE_USAGE_H
#define CORE_USAGE_H

#define USAGE_UNKNOWN_FLAG         "unknown flag %s"
#define USAGE_UNKNOWN_FLAG_LIKE    "unknown flag %s: did you mean --%s?"
#define USAGE_UNKNOWN_COMMAND      "unknown command \"%s\""
#define USAGE_UNKNOWN_COMMAND_LIKE "unknown command \"%s\": did you mean \"%s\"?"
#define USAGE_NO_COMMAND           "expected a command: %s"
#define USAGE_NO_VALUE             "expected a value after %s, found the end of the command line"
#define USAGE_VALUE                "expected %s without a value"
#define USAGE_TWICE                "%s is given twice"
#define USAGE_NO_FLAG              "expected a flag, found \"%s\""

/* The last line, with the subcommand's name. */
#define USAGE_TRY "try: spore %s --help\n"

#endif
