/* capture - what code under test prints to standard output and standard error.
 *
 * Each test is a process of its own, so the two descriptors are simply redirected until the end. */
#ifndef UNIT_CAPTURE_H
#define UNIT_CAPTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct capture {
	FILE *files[2];
	int saved[2];         /* the descriptors 1 and 2 as they were before */
	char texts[2][65536]; /* what capture_end has read */
};

static inline void capture_begin(struct capture *capture)
{
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		capture->files[i] = tmpfile();
		ck_assert_ptr_nonnull(capture->files[i]);
		capture->saved[i] = dup(1 + i);
		ck_assert_int_eq(dup2(fileno(capture->files[i]), 1 + i), 1 + i);
	}
}

/* Redirects back; the texts are complete then. */
static inline void capture_end(struct capture *capture)
{
	fflush(NULL);
	for (int i = 0; i < 2; i++) {
		size_t n;

		dup2(capture->saved[i], 1 + i);
		close(capture->saved[i]);
		rewind(capture->files[i]);
		n = fread(capture->texts[i], 1, sizeof capture->texts[i] - 1, capture->files[i]);
		capture->texts[i][n] = '\0';
		fclose(capture->files[i]);
	}
}

static inline const char *capture_out(const struct capture *capture)
{
	return capture->texts[0];
}

static inline const char *capture_err(const struct capture *capture)
{
	return capture->texts[1];
}

#define ck_assert_contains(text, part)                                                             \
	ck_assert_msg(strstr((text), (part)) != NULL, "expected \"%s\" in:\n%s", (part), (text))
#define ck_assert_lacks(text, part)                                                                \
	ck_assert_msg(strstr((text), (part)) == NULL, "expected no \"%s\" in:\n%s", (part), (text))

#endif
