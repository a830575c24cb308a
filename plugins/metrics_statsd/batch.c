#include "batch.h"

#include <stdlib.h>

void batch_fini(struct batch *batch)
{
	free(batch->text);
	free(batch->lines);
	*batch = (struct batch){ .datagram_size = batch->datagram_size };
}

void batch_clear(struct batch *batch)
{
	batch->len = batch->n = 0;
}

char *batch_room(struct batch *batch)
{
	size_t need = batch->len + batch->datagram_size + 1;

	if (need > batch->size) {
		char *text = realloc(batch->text, 2 * need);

		if (!text)
			return NULL;
		batch->text = text;
		batch->size = 2 * need;
	}
	if (batch->n == batch->max) {
		size_t max = batch->max ? 2 * batch->max : 64;
		struct batch_line *lines = realloc(batch->lines, max * sizeof *lines);

		if (!lines)
			return NULL;
		batch->lines = lines;
		batch->max = max;
	}
	return batch->text + batch->len;
}

void batch_add(struct batch *batch, size_t len, double *sent, double now)
{
	batch->lines[batch->n++] = (struct batch_line){ batch->len, batch->len + len, sent, now };
	batch->len += len;
	batch->text[batch->len++] = '\n';
}

size_t batch_cut(const struct batch *batch, size_t first, spore_str *datagram_out)
{
	size_t start = batch->lines[first].start, next = first + 1;

	while (next < batch->n && batch->lines[next].end - start <= batch->datagram_size)
		next++;
	*datagram_out = (spore_str){ batch->text + start, batch->lines[next - 1].end - start };
	return next;
}
