/* url - the address of a proxy, in the form of curl and ALL_PROXY:
 * [SCHEME://][USER@]HOST[:PORT][/]. Pure. [any] */
#ifndef TRANSPORT_VIA_URL_H
#define TRANSPORT_VIA_URL_H

#include <stdbool.h>
#include <stdint.h>

enum { URL_HOST_MAX = 255, URL_USER_MAX = 255, URL_FOUND_MAX = 15 };

enum proxy_kind {
	PROXY_HTTP,    /* CONNECT */
	PROXY_SOCKS5,  /* the proxy gets the server's address, which this side looks up */
	PROXY_SOCKS5H, /* the proxy gets the server's name */
};

struct proxy_url {
	enum proxy_kind kind;
	char host[URL_HOST_MAX + 1]; /* without brackets */
	uint16_t port;
	char user[URL_USER_MAX + 1]; /* decoded; "": none */
	/* If the scheme of a wrong URL is unknown: the text of this scheme. "": the mistake is
	 * another one, or the text may contain more than a scheme, such as a user. */
	char found[URL_FOUND_MAX + 1];
};

/* NULL: good. Otherwise what was expected: a permanent text, which does not contain the URL. */
const char *proxy_url_read(const char *text, struct proxy_url *url_out);

#endif
