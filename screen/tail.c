#include "tail.h"

#include <errno.h>
#include <unistd.h>

#include "clean.h"

static void end_line(struct tail *tail)
{
	tail->lines[tail->n % TAIL_LINES][tail->partial] = '\0';
	tail->n++;
	tail->partial = 0;
}

static void take(struct tail *tail, char c)
{
	if (c == '\n')
		end_line(tail);
	else if (tail->partial + 1 < TAIL_LINE_SIZE && c)
		tail->lines[tail->n % TAIL_LINES][tail->partial++] = c;
}

bool tail_read(struct tail *tail, int fd)
{
	char bytes[4096];
	ssize_t n = read(fd, bytes, sizeof bytes);

	for (ssize_t i = 0; i < n; i++)
		take(tail, bytes[i]);
	return n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN));
}

/* The place of the line that has not ended is not shown. */
const char *tail_line(const struct tail *tail, unsigned back)
{
	if (back >= tail->n || back >= TAIL_LINES - 1)
		return NULL;
	return tail->lines[(tail->n - 1 - back) % TAIL_LINES];
}

void tail_print(struct tail *tail, FILE *out)
{
	char text[CLEAN_SIZE];

	if (tail->partial > 0)
		end_line(tail);
	for (unsigned back = TAIL_LINES - 1; back-- > 0;) {
		const char *line = tail_line(tail, back);

		if (line) {
			clean(line, 0, text);
			fprintf(out, "%s\n", text);
		}
	}
}
