/* fuzz - what every target has: the entry point, which libFuzzer calls with inputs of its own and
 * replay.c with those of the corpus, and a check that also holds where assert() is compiled out. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libFuzzer's names. Returns 0; whatever is wrong ends the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Optional: once, before the first input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define FUZZ_CHECK(condition)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fuzz_fail(#condition, __FILE__, __LINE__);                                 \
	} while (0)

static inline void fuzz_fail(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

/* A block of exactly `size` bytes, so that a read behind its end is seen. The caller frees it. */
static inline void *fuzz_exact(const void *bytes, size_t size)
{
	void *block = calloc(size, 1);

	FUZZ_CHECK(block || size == 0);
	if (size > 0)
		memcpy(block, bytes, size);
	return block;
}

#endif
