/* batch - the lines of one push, one behind the other, cut into datagrams between them. */
#ifndef BATCH_H
#define BATCH_H

#include <spore/base.h>

struct batch_line {
	size_t start, end; /* in the text; a newline follows */
	double *sent;      /* to be set to `now` once it is sent; NULL: no counter */
	double now;
};

/* Zero-initialized but for datagram_size it is empty. */
struct batch {
	size_t datagram_size; /* the longest datagram */
	char *text;           /* owned, both */
	struct batch_line *lines;
	size_t len, size, n, max;
};

/* Frees what it holds. */
void batch_fini(struct batch *batch);
/* Forgets its lines and keeps the memory. */
void batch_clear(struct batch *batch);
/* Room for a line of datagram_size bytes, which batch_add may take in; NULL: out of memory. */
char *batch_room(struct batch *batch);
void batch_add(struct batch *batch, size_t len, double *sent, double now);
/* The datagram that begins with line `first`; returns the line behind it. */
size_t batch_cut(const struct batch *batch, size_t first, spore_str *datagram_out);

#endif
