#include "similar.h"

#include <stdio.h>
#include <string.h>

/* Longer names are not compared. */
enum { MOST = 64 };

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How many bytes must be inserted, deleted, replaced or swapped with the next one. */
static unsigned count_edits(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned table[MOST + 1][MOST + 1];

	for (unsigned j = 0; j <= b_len; j++)
		table[0][j] = j;
	for (unsigned i = 1; i <= a_len; i++) {
		table[i][0] = i;
		for (unsigned j = 1; j <= b_len; j++) {
			unsigned edits = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			edits = least(edits, least(table[i - 1][j], table[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				edits = least(edits, table[i - 2][j - 2] + 1);
			table[i][j] = edits;
		}
	}
	return table[a_len][b_len];
}

void similar_offer(struct similar *similar, const char *name)
{
	size_t len = strlen(similar->found), name_len = strlen(name);
	unsigned most = len < 8 ? 2 : 3, edits;

	if (len > MOST || name_len > MOST)
		return;
	edits = count_edits(similar->found, len, name, name_len);
	if (edits > most || edits > len / 2 || (similar->meant && edits >= similar->edits))
		return;
	similar->meant = name;
	similar->edits = edits;
}

const char *similar_question(const struct similar *similar, char out[SIMILAR_TEXT_SIZE])
{
	*out = '\0';
	if (similar->meant)
		snprintf(out, SIMILAR_TEXT_SIZE, ": did you mean %s?", similar->meant);
	return out;
}
