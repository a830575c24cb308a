/* tail - the last lines that the program behind the screen has written. */
#ifndef SCREEN_TAIL_H
#define SCREEN_TAIL_H

#include <stdbool.h>
#include <stdio.h>

enum { TAIL_LINES = 64, TAIL_LINE_SIZE = 512 };

struct tail {
	char lines[TAIL_LINES][TAIL_LINE_SIZE];
	unsigned n;     /* lines that have ended, ever */
	size_t partial; /* bytes of the line that has not */
};

/* Reads what has come on the descriptor. False: the writer has ended. */
bool tail_read(struct tail *tail, int fd);
/* The line that came so many lines before the last one; NULL: it is not there any more. */
const char *tail_line(const struct tail *tail, unsigned back);
/* Writes all lines that are still there, cleaned. */
void tail_print(struct tail *tail, FILE *out);

#endif
