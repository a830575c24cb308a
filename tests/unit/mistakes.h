/* mistakes - the mistakes that a plugin reports about its configuration, for tests. */
#ifndef UNIT_MISTAKES_H
#define UNIT_MISTAKES_H

#include <check.h>
#include <spore/plugin.h>
#include <stdio.h>
#include <string.h>

static unsigned n_mistakes;
static char mistakes[8192]; /* "POINTER: TEXT\n" each */

static inline void mistakes_report(const spore_create_args *args, const char *pointer,
                                   const char *text)
{
	size_t len = strlen(mistakes);

	(void)args;
	ck_assert_ptr_nonnull(strchr("/", pointer[0])); /* "" or a JSON pointer */
	snprintf(mistakes + len, sizeof mistakes - len, "%s: %s\n", pointer, text);
	n_mistakes++;
}

static inline void mistakes_clear(void)
{
	n_mistakes = 0;
	mistakes[0] = '\0';
}

/* There was one mistake, which begins like this. */
static inline void mistakes_expect(const char *beginning)
{
	ck_assert_msg(n_mistakes == 1 && strncmp(mistakes, beginning, strlen(beginning)) == 0,
	              "expected %s, found %u: %s", beginning, n_mistakes, mistakes);
	mistakes_clear();
}

static inline void mistakes_expect_none(void)
{
	ck_assert_msg(n_mistakes == 0, "%s", mistakes);
}

#endif
