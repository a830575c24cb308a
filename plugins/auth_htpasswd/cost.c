#include "cost.h"

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/password/hash.h"

/* What stands for the sizes of memory in yescrypt's costs, each twice the one before. */
static const char sizes[] = "./0123456789ABCDEF";
static const char rounds[] = "$6$rounds=";
/* These take a few milliseconds. */
enum { CHEAP_BCRYPT = 6, CHEAP_SIZE = 8 /* '6' */, SHA512_ROUNDS = 5000 };

static double doubled(int times)
{
	return (double)(1ull << times);
}

static int size_of(const char *hash)
{
	return (int)strcspn(sizes, (const char[]){ hash[4], '\0' });
}

struct cost cost_of(const char *hash)
{
	if (hash[1] == '2')
		return (struct cost){ COST_BCRYPT, doubled((int)strtol(hash + 4, NULL, 10)) };
	if (hash[1] == 'y')
		return (struct cost){ hash[5] == 'T' ? COST_YESCRYPT : COST_YESCRYPT_SMALL,
			              doubled(size_of(hash)) };
	return (struct cost){ COST_SHA512, strncmp(hash, rounds, sizeof rounds - 1) == 0
		                                   ? strtod(hash + sizeof rounds - 1, NULL)
		                                   : SHA512_ROUNDS };
}

/* Writes a hash like this one with little work. */
static void make_cheap(const char *hash, char out[HASH_MAX + 1])
{
	const struct cost cost = cost_of(hash);

	snprintf(out, HASH_MAX + 1, "%s", hash);
	if (cost.class == COST_BCRYPT && cost.work > doubled(CHEAP_BCRYPT)) {
		out[4] = '0';
		out[5] = '0' + CHEAP_BCRYPT;
	} else if (cost.class == COST_SHA512 && cost.work > SHA512_ROUNDS) {
		snprintf(out, HASH_MAX + 1, "$6%s", strchr(hash + sizeof rounds - 1, '$'));
	} else if (cost.class != COST_BCRYPT && cost.class != COST_SHA512 &&
	           size_of(hash) > CHEAP_SIZE) {
		out[4] = sizes[CHEAP_SIZE];
	}
}

static double processor_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

int64_t cost_measure_ms(const char *hash)
{
	struct crypt_data *data = calloc(1, sizeof *data);
	char cheap[HASH_MAX + 1];
	double began_ms = processor_ms(), ms = 0;
	const char *made;

	make_cheap(hash, cheap);
	made = data ? crypt_rn("a password", cheap, data, (int)sizeof *data) : NULL;
	if (made && *made != '*')
		ms = (processor_ms() - began_ms) * cost_of(hash).work / cost_of(cheap).work;
	free(data);
	return (int64_t)ms;
}
