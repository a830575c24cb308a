#include "place.h"

#include <arpa/inet.h>
#include <ldap.h>
#include <stdlib.h>
#include <sys/un.h>

static bool is_loopback(const char *host)
{
	struct in6_addr in6;
	struct in_addr in;

	if (inet_pton(AF_INET, host, &in) == 1)
		return ntohl(in.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &in6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&in6);
	return strcmp(host, "localhost") == 0;
}

static bool has_more(const LDAPURLDesc *parts)
{
	return (parts->lud_dn && *parts->lud_dn) || parts->lud_attrs || parts->lud_filter ||
	       parts->lud_exts;
}

/* Returns NULL, or what is wrong with the parts of the URL. */
static const char *take_parts(struct place *place, const LDAPURLDesc *parts)
{
	const char *host = parts->lud_host;

	place->is_unix = strcmp(parts->lud_scheme, "ldapi") == 0;
	place->is_ldaps = strcmp(parts->lud_scheme, "ldaps") == 0;
	if (!place->is_unix && !place->is_ldaps && strcmp(parts->lud_scheme, "ldap") != 0)
		return "expected a URL that begins with ldaps://, ldap:// or ldapi://";
	if (!host || !*host || has_more(parts))
		return "expected a URL with a host, perhaps a port, and nothing behind it; "
		       "ldapi:// with the path of a socket, with %2F for each /";
	if (place->is_unix &&
	    (*host != '/' || strlen(host) >= sizeof((struct sockaddr_un *)0)->sun_path))
		return "expected the absolute path of a socket, of at most 107 bytes, with %2F for "
		       "each /";
	place->port = (uint16_t)parts->lud_port;
	place->is_local = place->is_unix || is_loopback(host);
	place->host = strdup(host);
	return place->host ? NULL : "out of memory";
}

const char *place_init(struct place *place, const char *url)
{
	LDAPURLDesc *parts;
	const char *wrong;

	*place = (struct place){ .url = url };
	if (ldap_url_parse(url, &parts) != LDAP_URL_SUCCESS)
		return "expected a URL such as \"ldaps://ldap.example.com\"";
	wrong = take_parts(place, parts);
	ldap_free_urldesc(parts);
	return wrong;
}

void place_fini(struct place *place)
{
	free(place->host);
	*place = (struct place){ 0 };
}
