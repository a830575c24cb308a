#include "cost.h"

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/password/hash.h"

/* A hash states its cost as follows:
 *     $2y$10$...               bcrypt: the logarithm of the work is at byte 4
 *     $6$rounds=9000$...       SHA-512; without "rounds=": SHA512_ROUNDS
 *     $y$j9T$...               yescrypt: the size of memory is the digit at byte 4 */

/* The digits for sizes of memory. Each size is twice the one before. */
static const char sizes[] = "./0123456789ABCDEF";
static const char rounds[] = "$6$rounds=";
/* The costs of cheap hashes, which take a few milliseconds. CHEAP_SIZE is the digit '6'. */
enum { CHEAP_BCRYPT = 6, CHEAP_SIZE = 8, SHA512_ROUNDS = 5000 };

static double power_of_two(int exponent)
{
	return (double)(1ull << exponent);
}

static double sha512_rounds(const char *hash)
{
	size_t len = sizeof rounds - 1;

	return strncmp(hash, rounds, len) == 0 ? strtod(hash + len, NULL) : SHA512_ROUNDS;
}

static int memory_size(const char *hash)
{
	return (int)strcspn(sizes, (const char[]){ hash[4], '\0' });
}

struct cost cost_of(const char *hash)
{
	if (hash[1] == '2')
		return (struct cost){ COST_BCRYPT, power_of_two((int)strtol(hash + 4, NULL, 10)) };
	if (hash[1] == 'y')
		return (struct cost){ hash[5] == 'T' ? COST_YESCRYPT : COST_YESCRYPT_SMALL,
			              power_of_two(memory_size(hash)) };
	return (struct cost){ COST_SHA512, sha512_rounds(hash) };
}

/* Writes a hash of the same kind that takes little time to compute. */
static void make_cheap(const char *hash, char out[HASH_MAX + 1])
{
	const struct cost cost = cost_of(hash);
	bool is_yescrypt = cost.class == COST_YESCRYPT || cost.class == COST_YESCRYPT_SMALL;

	snprintf(out, HASH_MAX + 1, "%s", hash);
	if (cost.class == COST_BCRYPT && cost.work > power_of_two(CHEAP_BCRYPT)) {
		out[4] = '0';
		out[5] = '0' + CHEAP_BCRYPT;
	} else if (cost.class == COST_SHA512 && cost.work > SHA512_ROUNDS) {
		snprintf(out, HASH_MAX + 1, "$6%s", strchr(hash + sizeof rounds - 1, '$'));
	} else if (is_yescrypt && memory_size(hash) > CHEAP_SIZE) {
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
