#include "url.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	enum proxy_kind kind;
} schemes[] = {
	{ "http", PROXY_HTTP },
	{ "socks5", PROXY_SOCKS5 },
	{ "socks5h", PROXY_SOCKS5H },
};

/* The default port of every scheme, as in curl. */
enum { DEFAULT_PORT = 1080 };

/* Moves *at behind the scheme, if there is one. */
static bool read_scheme(const char **at, enum proxy_kind *kind_out)
{
	const char *end = strstr(*at, "://");

	*kind_out = PROXY_HTTP;
	if (!end)
		return true;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		size_t len = strlen(schemes[i].name);

		if (len != (size_t)(end - *at) || strncasecmp(schemes[i].name, *at, len) != 0)
			continue;
		*kind_out = schemes[i].kind;
		*at = end + 3;
		return true;
	}
	return false;
}

/* Keeps a scheme that is not known, if it cannot be anything else. */
static void keep_scheme(const char *text, char found_out[URL_FOUND_MAX + 1])
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	                          "+-.");

	if (len > URL_FOUND_MAX || strncmp(text + len, "://", 3) != 0)
		return;
	memcpy(found_out, text, len);
	found_out[len] = '\0';
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)((at - digits) % 16) : -1;
}

/* Decodes the escapes. False: too long, a wrong escape or a control byte. */
static bool decode_user(const char *text, size_t len, char out[URL_USER_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];

		if (c == '%') {
			int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(text[i + 2]) : -1;

			if (low < 0)
				return false;
			c = high * 16 + low;
			i += 2;
		}
		if (n == URL_USER_MAX || c < 0x20 || c == 0x7f)
			return false;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return true;
}

static const char *read_user(const char **at, char out[URL_USER_MAX + 1])
{
	const char *sign = strrchr(*at, '@');
	size_t len = sign ? (size_t)(sign - *at) : 0;

	out[0] = '\0';
	if (!sign)
		return NULL;
	if (memchr(*at, ':', len))
		return "expected a user without a password: the password is an option of its own";
	if (!decode_user(*at, len, out))
		return "expected a user of at most 255 bytes without control characters";
	*at = sign + 1;
	return NULL;
}

static bool read_port(const char *text, size_t len, uint16_t *port_out)
{
	unsigned long port = 0;

	if (len == 0 || len > 5 || strspn(text, "0123456789") < len)
		return false;
	for (size_t i = 0; i < len; i++)
		port = port * 10 + (unsigned long)(text[i] - '0');
	*port_out = (uint16_t)port;
	return port >= 1 && port <= 65535;
}

/* Reads "HOST", "HOST:PORT" or "[::1]:PORT" of this length. */
static bool read_place(const char *text, size_t len, struct proxy_url *url)
{
	const char *host = text, *end = memchr(text, *text == '[' ? ']' : ':', len);
	size_t host_len = end ? (size_t)(end - text) : len;

	if (*text == '[') {
		if (!end)
			return false;
		host++;
		host_len--;
		end++;
	}
	if (host_len == 0 || host_len > URL_HOST_MAX)
		return false;
	for (size_t i = 0; i < host_len; i++) {
		if (host[i] <= ' ' || host[i] == 0x7f || strchr("/?#@\\\"", host[i]))
			return false;
	}
	memcpy(url->host, host, host_len);
	url->host[host_len] = '\0';
	url->port = DEFAULT_PORT;
	if (!end || end == text + len)
		return true;
	return *end == ':' && read_port(end + 1, len - (size_t)(end + 1 - text), &url->port);
}

const char *proxy_url_read(const char *text, struct proxy_url *url_out)
{
	const char *why;
	size_t len;

	memset(url_out, 0, sizeof *url_out);
	if (!read_scheme(&text, &url_out->kind)) {
		keep_scheme(text, url_out->found);
		return "expected http://, socks5:// or socks5h://";
	}
	why = read_user(&text, url_out->user);
	if (why)
		return why;
	len = strlen(text);
	if (len > 0 && text[len - 1] == '/')
		len--;
	if (!read_place(text, len, url_out))
		return "expected a proxy such as http://HOST:PORT or socks5h://USER@HOST:PORT";
	return NULL;
}
