/* probe - what the test plugins have in common. */
#ifndef PROBE_H
#define PROBE_H

#include <spore/auth.h>
#include <stdio.h>
#include <stdlib.h>

/* The three fields of a component that name its option table. */
#define PROBE_ROWS(table)                                                                          \
	.options = (table), .n_options = sizeof(table) / sizeof *(table),                          \
	.option_size = sizeof *(table)

/* The verdicts that a configuration may ask for, in the order of PROBE_VERDICTS. */
#define PROBE_VERDICTS "allow|deny|next|fail"
static const int32_t probe_verdicts[] = { SPORE_ALLOW, SPORE_DENY, SPORE_NEXT, SPORE_EBACKEND };

/* Logs an event with one number, as EVENT key=NUMBER. */
static inline void probe_log(const spore_host *host, const spore_ctx *ctx, const char *event,
                             const char *key, int64_t number)
{
	char text[32];
	spore_kv field = { spore_cstr(key), { text, 0 } };

	field.value.len = (size_t)snprintf(text, sizeof text, "%lld", (long long)number);
	host->log(ctx, SPORE_LOG_INFO, spore_cstr(event), &field, 1);
}

static inline int probe_same(spore_str a, spore_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

#endif
