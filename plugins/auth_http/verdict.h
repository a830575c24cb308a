/* verdict - reads and checks the replies of the service, whose form is verify-reply.schema.json or
 * key-reply.schema.json. An unknown key or value is an error, since it could be a restriction. */
#ifndef VERDICT_H
#define VERDICT_H

#include "../common/remote/key_cache.h"

enum { VERDICT_REASON_MAX = 512, VERDICT_LIFE_MAX_S = 86400 };

struct verdict {
	int32_t verdict; /* SPORE_ALLOW, SPORE_DENY or SPORE_NEXT */
	char reason[VERDICT_REASON_MAX + 1];
	bool has_key;
	struct known_key known; /* for ALLOW: identity and limits; the key if has_key is true */
	int64_t life_ms;        /* how long a cache may keep the key */
};

/* Reads the reply of the mode "verify". False: `error` gets a NUL-terminated text that contains
 * nothing of the reply. [any] */
bool verdict_read(struct verdict *verdict, const spore_host *host, spore_ctx *ctx, spore_str body,
                  char *error, size_t error_size);
/* The same for the mode "key". The identity is `name` unless the reply has another. [any] */
bool verdict_read_key(struct verdict *verdict, const spore_host *host, spore_ctx *ctx,
                      spore_str body, const char *name, char *error, size_t error_size);
/* Wipes the verdict. [any] */
void verdict_fini(struct verdict *verdict);

#endif
