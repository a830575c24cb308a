/* offer - what a shell can complete after a subcommand's name, from the same tables as the
 * subcommand's parser and help. [main] */
#ifndef CORE_COMPLETION_OFFER_H
#define CORE_COMPLETION_OFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "arguments/argument_table.h"
#include "config/help.h"

/* What may follow a flag or a word. */
enum offer_value {
	OFFER_NOTHING,
	OFFER_TEXT, /* a value that no shell can guess */
	OFFER_FILE,
	OFFER_FOLDER,
	OFFER_HOST,
	OFFER_CHOICE
};

/* A subcommand. It has either a role or a table. */
struct offer_command {
	const char *name, *summary;
	unsigned role; /* ROLE_*, for server and local; or 0 */
	const struct argument_table *table;
};

enum { OFFER_CHOICES = 160, OFFER_DOC = 160 };

struct offer_flag {
	char name[64];       /* "--config" */
	char letter;         /* 0: no short form */
	const char *metavar; /* "FILE"; NULL if the value is OFFER_NOTHING */
	enum offer_value value;
	char choices[OFFER_CHOICES]; /* of an OFFER_CHOICE: "a b c" */
	const char *only_after;      /* the only word after which the flag is allowed; NULL: any */
	bool repeats;
	char doc[OFFER_DOC]; /* the beginning of the flag's text */
};

struct offer_word {
	const char *name;
	const char *operand; /* "TARGET"; NULL if the value is OFFER_NOTHING */
	enum offer_value value;
	char choices[OFFER_CHOICES];
	char doc[OFFER_DOC];
};

struct offer {
	const char *command;
	const char *operand; /* "LOCAL_PORT" of a command without words; or NULL */
	struct offer_flag flags[HELP_MAX_FLAGS];
	size_t n_flags;
	struct offer_word words[ARGUMENT_MAX_WORDS];
	size_t n_words;
};

/* All texts that it borrows are permanent. */
void offer_read(const struct offer_command *command, struct offer *offer_out);

#endif
