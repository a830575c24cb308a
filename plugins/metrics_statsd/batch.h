/* batch - the lines of one push, and their division into datagrams. */
#ifndef BATCH_H
#define BATCH_H

#include <spore/base.h>

struct batch_line {
	size_t start, end; /* in the text, without the newline */
	double *sent;      /* set to `now` once the line is sent; NULL: not a counter */
	double now;        /* the counter's total with this line */
};

/* Zeroed except for datagram_size, it is empty. */
struct batch {
	size_t datagram_size; /* the maximum, in bytes */
	char *text;           /* owned; `len` bytes of `size` are used */
	size_t len, size;
	struct batch_line *lines; /* owned; n of `max` are used */
	size_t n, max;
};

/* Frees all memory. */
void batch_fini(struct batch *batch);
/* Removes all lines; keeps the memory. */
void batch_clear(struct batch *batch);
/* Returns room for a line of datagram_size bytes, for batch_add. NULL: out of memory. */
char *batch_room(struct batch *batch);
/* Adds the line of `len` bytes that was written into the room. */
void batch_add(struct batch *batch, size_t len, double *sent, double now);
/* Returns in *datagram_out as many lines from `first` on as fit. Returns the index of the next
 * line. */
size_t batch_cut(const struct batch *batch, size_t first, spore_str *datagram_out);

#endif
