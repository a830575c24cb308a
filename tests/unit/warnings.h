/* warnings - what a plugin warns of while it is made, for tests. */
#ifndef UNIT_WARNINGS_H
#define UNIT_WARNINGS_H

#include <check.h>
#include <spore/host.h>
#include <stdio.h>
#include <string.h>

static unsigned n_warnings;
static char warnings[8192]; /* "TEXT\n" each */

static inline uint32_t warnings_enabled(const spore_ctx *ctx, int32_t level)
{
	(void)ctx;
	return level <= SPORE_LOG_WARN;
}

static inline void warnings_log(const spore_ctx *ctx, int32_t level, spore_str text,
                                const spore_kv *fields, size_t n_fields)
{
	size_t len = strlen(warnings);

	(void)ctx;
	(void)fields;
	(void)n_fields;
	ck_assert_int_eq(level, SPORE_LOG_WARN);
	snprintf(warnings + len, sizeof warnings - len, "%.*s\n", (int)text.len, text.ptr);
	n_warnings++;
}

/* This host, with its log kept here. */
static inline spore_host warnings_host(const spore_host *host)
{
	spore_host keeps = *host;

	keeps.log_enabled = warnings_enabled;
	keeps.log = warnings_log;
	return keeps;
}

/* There was one warning, which contains this text; NULL: there was none. */
static inline void warnings_expect(const char *text)
{
	ck_assert_msg(n_warnings == (text != NULL) && strstr(warnings, text ? text : ""),
	              "expected %s, found %u: %s", text ? text : "none", n_warnings, warnings);
	n_warnings = 0;
	warnings[0] = '\0';
}

#endif
