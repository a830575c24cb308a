/* probe - shared code of the test plugins. */
#ifndef PROBE_H
#define PROBE_H

#include <spore/auth.h>
#include <stdio.h>
#include <stdlib.h>

/* The three fields of a component that name its option table. */
#define PROBE_ROWS(table)                                                                          \
	.options = (table), .n_options = sizeof(table) / sizeof *(table),                          \
	.option_size = sizeof *(table)

/* The first members of an instance whose options are a struct conf. */
#define PROBE_FIELDS                                                                               \
	const spore_host *host;                                                                    \
	spore_ctx *ctx;                                                                            \
	const struct conf *conf

/* An instance of `type`, which begins with PROBE_FIELDS; the rest of it is zero. NULL: out of
 * memory. */
#define PROBE_NEW(type, args) ((type *)probe_fill(calloc(1, sizeof(type)), (args)))

struct probe {
	const spore_host *host;
	spore_ctx *ctx;
	const void *conf;
};

static inline void *probe_fill(void *instance, const spore_create_args *args)
{
	if (instance)
		*(struct probe *)instance = (struct probe){ args->host, args->ctx, args->conf };
	return instance;
}

/* create() of a plugin whose instance is PROBE_FIELDS alone; its destroy() is free(). */
static inline spore_status probe_create(const spore_create_args *args, void **instance_out)
{
	*instance_out = probe_fill(malloc(sizeof(struct probe)), args);
	return *instance_out ? SPORE_OK : SPORE_ENOMEM;
}

/* create() and destroy() of a plugin whose instance is just its options, which the host owns. */
static inline spore_status probe_keep_conf(const spore_create_args *args, void **instance_out)
{
	*instance_out = (void *)(uintptr_t)args->conf;
	return SPORE_OK;
}

static inline void probe_drop_conf(void *conf)
{
	(void)conf;
}

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
