#include "bypass.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
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

/* The address, or a prefix with it. */
static bool has_address(struct word word, int family, const uint8_t *host)
{
	unsigned bits = family == AF_INET ? 32 : 128, most = bits;
	char text[INET6_ADDRSTRLEN + 8], *slash, rest;
	uint8_t address[16];

	if (word.len >= sizeof text)
		return false;
	memcpy(text, word.text, word.len);
	text[word.len] = '\0';
	slash = strchr(text, '/');
	if (slash && (sscanf(slash + 1, "%3u%c", &bits, &rest) != 1 || bits > most))
		return false;
	if (slash)
		*slash = '\0';
	return inet_pton(family, text, address) == 1 && are_equal(address, host, bits);
}

bool bypass_has(const char *list, const char *host)
{
	uint8_t address[16];
	int family = inet_pton(AF_INET, host, address) == 1    ? AF_INET
	             : inet_pton(AF_INET6, host, address) == 1 ? AF_INET6
	                                                       : 0;
	struct word name = { host, strlen(host) };

	if (strcmp(list, "*") == 0)
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
