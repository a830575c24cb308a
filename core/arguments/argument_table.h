/* argument_table - the command line of a subcommand as data. One table serves the parser
 * (arguments), its errors and the help (argument_help), so that they cannot disagree.
 *
 *   spore ctl --json kick 5        a flag, a word of the table, and the word's operand
 *
 * The parser fills a struct of the subcommand, which the tables refer to by offsets. */
#ifndef CORE_ARGUMENT_TABLE_H
#define CORE_ARGUMENT_TABLE_H

#include <stddef.h>

/* What a flag stores at its offset. */
enum argument_type {
	ARGUMENT_SWITCH, /* bool: true if the flag is given; it takes no value */
	ARGUMENT_TEXT,   /* const char *, borrowed from the command line or the environment */
	ARGUMENT_CHOICE, /* unsigned: the value of one of the choices */
	ARGUMENT_LIST    /* const char *[most], borrowed: the flag may be repeated */
};

struct argument_choice {
	const char *name; /* NULL: the end of the array */
	unsigned value;
};

struct argument_flag {
	const char *name; /* "--config" */
	char letter;      /* 'c' for "-c"; 0: no short form */
	enum argument_type type;
	size_t offset;
	const char *metavar;                   /* "FILE"; NULL for a SWITCH */
	const struct argument_choice *choices; /* of a CHOICE */
	size_t count_offset, most;             /* of a LIST; size_t: how many there are */
	const char *variable; /* environment variable that counts if the flag is not given */
	const char *dflt;     /* value if neither is given */
	const char *word;     /* the only word for which the flag is allowed; NULL: any */
	const char *doc;
};

/* What the subcommand is to do: "list" in `spore plugin list`. */
struct argument_word {
	const char *name;
	const char *operand; /* "FILE": exactly one more word follows; NULL: none */
	const char *doc;
};

struct argument_table {
	const char *command; /* "plugin" */
	const char *summary; /* what the subcommand does, for the help */
	const char *remarks; /* last paragraph of the help; may be NULL */
	const struct argument_word *words;
	size_t n_words;                     /* 0: the subcommand takes nothing but flags */
	const char *noun;                   /* what each word is; NULL: a command */
	size_t word_offset, operand_offset; /* const char *, borrowed */
	const struct argument_flag *flags;  /* without --help, which every subcommand has */
	size_t n_flags;                     /* at most ARGUMENT_MAX_FLAGS */
};

enum { ARGUMENT_MAX_FLAGS = 32, ARGUMENT_MAX_WORDS = 32 };

#endif
