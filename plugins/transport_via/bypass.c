#include "bypass.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct word {
	const char *text;
	size_t len;
};

static const char separators[] = ", \t\r\n";

/* The name, or one below it. Dots at the ends of a name mean nothing. */
static bool has_name(struct word word, struct word host)
{
	while (word.len > 0 && word.text[word.len - 1] == '.')
		word.len--;
	if (word.len > 0 && word.text[0] == '.') {
		word.text++;
		word.len--;
	}
	if (word.len == 0 || word.len > host.len)
		return false;
	if (strncasecmp(host.text + host.len - word.len, word.text, word.len) != 0)
		return false;
	return word.len == host.len || host.text[host.len - word.len - 1] == '.';
}

static bool are_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	return memcmp(a, b, bytes) == 0 && (rest == 0 || (a[bytes] ^ b[bytes]) >> (8 - rest) == 0);
}

/* The length of a prefix, in decimal digits. False: not a number, or more than `most`. */
static bool read_bits(const char *text, unsigned most, unsigned *bits_out)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long bits = strtoul(text, NULL, 10);

	*bits_out = (unsigned)bits;
	return digits > 0 && digits <= 3 && text[digits] == '\0' && bits <= most;
}

/* The address, or a prefix with it. */
static bool has_address(struct word word, int family, const uint8_t *host)
{
	unsigned bits = family == AF_INET ? 32 : 128;
	char text[INET6_ADDRSTRLEN + 8], *slash;
	uint8_t address[16];

	if (word.len >= sizeof text)
		return false;
	memcpy(text, word.text, word.len);
	text[word.len] = '\0';
	slash = strchr(text, '/');
	if (slash && !read_bits(slash + 1, bits, &bits))
		return false;
	if (slash)
		*slash = '\0';
	return inet_pton(family, text, address) == 1 && are_equal(address, host, bits);
}

bool bypass_has_all(const char *list)
{
	return list && strcmp(list, "*") == 0;
}

bool bypass_has(const char *list, const char *host)
{
	uint8_t address[16];
	int family = inet_pton(AF_INET, host, address) == 1    ? AF_INET
	             : inet_pton(AF_INET6, host, address) == 1 ? AF_INET6
	                                                       : 0;
	struct word name = { host, strlen(host) };

	if (bypass_has_all(list))
		return true;
	while (name.len > 0 && name.text[name.len - 1] == '.')
		name.len--;
	for (list += strspn(list, separators); *list; list += strspn(list, separators)) {
		struct word word = { list, strcspn(list, separators) };

		list += word.len;
		if (family ? has_address(word, family, address) : has_name(word, name))
			return true;
	}
	return false;
}
