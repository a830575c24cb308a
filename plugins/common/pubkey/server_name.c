#include "server_name.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static bool write_address(int family, const char *text, char *out)
{
	uint8_t bytes[sizeof(struct in6_addr)];

	return inet_pton(family, text, bytes) == 1 &&
	       inet_ntop(family, bytes, out, SERVER_NAME_MAX + 1);
}

/* Writes a host name, or an IPv6 address with a scope (%eth0). Printable ASCII is enough, because
 * other names are dialled in their ASCII form. */
static bool write_host(const char *text, char *out)
{
	size_t len = strlen(text);

	if (len > 1 && text[len - 1] == '.')
		len--;
	if (len == 0 || len > SERVER_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c <= ' ' || c > '~' || strchr("/@[]\"\\", c))
			return false;
		out[i] = (char)tolower((unsigned char)c);
	}
	out[len] = '\0';
	return true;
}

/* A name has no colon, unless it is an IPv6 address with a scope. */
static bool has_port(const char *text)
{
	return strchr(text, ':') && !strchr(text, '%');
}

static bool write_name(const char *text, char *out)
{
	return write_address(AF_INET, text, out) || write_address(AF_INET6, text, out) ||
	       (!has_port(text) && write_host(text, out));
}

bool server_name_init(struct server_name *name, const char *text)
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (!write_name(text, name->text))
		return false;
	if (EVP_Digest(name->text, strlen(name->text), digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	memcpy(name->hash, digest, sizeof name->hash);
	return true;
}
