#include "hash.h"

#include <crypt.h>
#include <stdlib.h>

enum { BCRYPT_READS = 72 };

struct kind {
	const char *beginning;
	size_t digest;     /* characters of the digest at the end, in crypt's base64 */
	const char *fault; /* why this kind is refused; NULL: it is accepted */
	/* Returns NULL, or what is wrong with the costs, which follow the beginning. */
	const char *(*find_cost_fault)(const char *costs);
};

static const char form[] = "expected a hash of bcrypt, yescrypt or SHA-512, found another text: "
			   "`htpasswd -B` makes bcrypt, and `mkpasswd` makes yescrypt";
static const char incomplete[] =
	"expected a complete hash, found a part of one or one with wrong characters";

/* ---- costs ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Costs "NN$". */
static const char *bcrypt_cost_fault(const char *costs)
{
	int cost;

	if (!is_digit(costs[0]) || !is_digit(costs[1]) || costs[2] != '$')
		return incomplete;
	cost = (costs[0] - '0') * 10 + costs[1] - '0';
	return cost < 4 || cost > 17 ? "expected a cost of bcrypt from 04 to 17" : NULL;
}

/* Costs "rounds=N$", or none. */
static const char *sha512_cost_fault(const char *costs)
{
	static const char rounds[] = "rounds=";
	size_t n;
	long value;

	if (strncmp(costs, rounds, sizeof rounds - 1) != 0)
		return NULL;
	costs += sizeof rounds - 1;
	n = strspn(costs, "0123456789");
	if (n == 0 || costs[n] != '$')
		return incomplete;
	value = n > 8 ? 0 : strtol(costs, NULL, 10);
	return value < 1000 || value > 10000000 ? "expected 1000 to 10000000 rounds of SHA-512"
	                                        : NULL;
}

/* Costs "jXY$". X stands for the memory that each thread needs while it hashes. Y stands for the
 * size of a block, for which mkpasswd knows two values. */
static const char *yescrypt_cost_fault(const char *costs)
{
	if (costs[0] != 'j' || !costs[1] || !costs[2] || costs[3] != '$' || !strchr("5T", costs[2]))
		return "expected yescrypt's costs as mkpasswd writes them, such as $y$j9T$";
	return strchr("./0123456789ABC", costs[1])
	               ? NULL
	               : "expected yescrypt with at most 128 MiB of memory: up to $y$jCT$";
}

/* ---- kinds ---- */

/* clang-format off */
static const struct kind kinds[] = {
	{ "$2y$", 53, NULL, bcrypt_cost_fault },
	{ "$2b$", 53, NULL, bcrypt_cost_fault },
	{ "$2a$", 53, NULL, bcrypt_cost_fault },
	{ "$y$", 43, NULL, yescrypt_cost_fault },
	{ "$6$", 86, NULL, sha512_cost_fault },
	{ "$apr1$", 0, "expected a hash of bcrypt, yescrypt or SHA-512, found MD5 (apr1), which `htpasswd` makes without -B", NULL },
	{ "$1$", 0, "expected a hash of bcrypt, yescrypt or SHA-512, found MD5: `htpasswd -B` makes bcrypt", NULL },
	{ "$5$", 0, "expected a hash of bcrypt, yescrypt or SHA-512, found SHA-256: `htpasswd -B` makes bcrypt", NULL },
	{ "{SHA}", 0, "expected a hash of bcrypt, yescrypt or SHA-512, found SHA-1, which `htpasswd -s` makes", NULL },
};
/* clang-format on */

static const struct kind *find_kind(const char *text)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strncmp(text, kinds[i].beginning, strlen(kinds[i].beginning)) == 0)
			return &kinds[i];
	}
	return NULL;
}

/* The digest is behind the last '$'. bcrypt has its salt there, too, in front of the digest. */
static bool ends_with_digest(const char *text, size_t len)
{
	static const char base64[] = "./0123456789"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *dollar = strrchr(text, '$');

	return dollar && strlen(dollar + 1) == len && strspn(dollar + 1, base64) == len;
}

const char *hash_fault(spore_str text)
{
	char copy[HASH_MAX + 1];
	const struct kind *kind;
	const char *fault;

	if (text.len > HASH_MAX || memchr(text.ptr, '\0', text.len))
		return form;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	kind = find_kind(copy);
	if (!kind)
		return form;
	if (kind->fault)
		return kind->fault;
	fault = kind->find_cost_fault(copy + strlen(kind->beginning));
	if (fault)
		return fault;
	if (!ends_with_digest(copy, kind->digest) || crypt_checksalt(copy) == CRYPT_SALT_INVALID)
		return incomplete;
	return crypt_checksalt(copy) == CRYPT_SALT_METHOD_DISABLED
	               ? "expected a hash that this system's libxcrypt can verify"
	               : NULL;
}

spore_str hash_reads(const char *hash, const char *password)
{
	spore_str reads = spore_cstr(password);

	if (strncmp(hash, "$2", 2) == 0 && reads.len > BCRYPT_READS)
		reads.len = BCRYPT_READS;
	return reads;
}

/* Takes as long for a wrong hash as for the right one. */
static bool is_equal(const char *a, const char *b)
{
	size_t len = strlen(a);
	unsigned char differ = 0;

	if (strlen(b) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

/* crypt_rn() differs from crypt_r() only in that it returns NULL when it fails. crypt_r() itself is
 * avoided because the sanitizers replace it: then it works only in programs that were linked with
 * libcrypt. */
enum hash_says hash_check(const char *hash, const char *password)
{
	struct crypt_data *data = calloc(1, sizeof *data);
	const char *made = data ? crypt_rn(password, hash, data, (int)sizeof *data) : NULL;
	enum hash_says says = HASH_FAILED;

	if (made && *made != '*')
		says = is_equal(made, hash) ? HASH_RIGHT : HASH_WRONG;
	if (data)
		explicit_bzero(data, sizeof *data);
	free(data);
	return says;
}
