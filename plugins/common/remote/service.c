#include "service.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "../report.h"

static const char placeholder[] = "{name}";

/* ---- the URL ---- */

static bool wrong_url(const spore_create_args *args, const char *text)
{
	args->report(args, "/url", text);
	return false;
}

/* Splits "http://unix:PATH:/URI", nginx's form, into the path and a URL with the URI. Leaves other
 * URLs alone. */
static bool split_unix_url(struct service *service, const spore_create_args *args, const char *url)
{
	static const char scheme[] = "http://unix:";
	const char *path = url + strlen(scheme), *colon;
	size_t size;

	if (strncmp(url, scheme, strlen(scheme)) != 0)
		return true;
	colon = strchr(path, ':');
	if (*path != '/' || !colon || colon[1] != '/' || colon - path > 107)
		return wrong_url(args, "expected http://unix:/PATH/OF/SOCKET:/URI, with a path of "
		                       "at most 107 bytes");
	service->unix_path = strndup(path, (size_t)(colon - path));
	size = strlen(colon) + sizeof "http://localhost";
	service->url = malloc(size);
	if (!service->unix_path || !service->url)
		return false;
	snprintf(service->url, size, "http://localhost%s", colon + 1);
	return true;
}

/* True: the host is an IP address. *is_loopback_out is set for "localhost", too. */
static bool read_ip(const char *host, bool *is_loopback_out)
{
	struct in6_addr in6;
	struct in_addr in;

	if (inet_pton(AF_INET, host, &in) == 1) {
		*is_loopback_out = ntohl(in.s_addr) >> 24 == 127;
		return true;
	}
	if (inet_pton(AF_INET6, host, &in6) == 1) {
		*is_loopback_out = IN6_IS_ADDR_LOOPBACK(&in6);
		return true;
	}
	*is_loopback_out = strcmp(host, "localhost") == 0;
	return false;
}

/* libcurl changes other names (a last dot, IDN) before it compares them with the addresses that
 * it is given. Then it would look the name up itself. */
static bool is_host_name(const char *host)
{
	size_t len = strlen(host);

	return host[0] != '.' && host[len - 1] != '.' &&
	       strspn(host, "-.0123456789abcdefghijklmnopqrstuvwxyz"
	                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == len;
}

/* Takes over what libcurl has found in the URL. */
static bool take_place(struct service *service, const spore_create_args *args, const char *scheme,
                       const char *host, const char *port, const struct service_options *options)
{
	size_t len = strlen(host);
	bool is_local;

	service->is_tls = strcmp(scheme, "https") == 0;
	if (!service->is_tls && strcmp(scheme, "http") != 0)
		return wrong_url(args, "expected a URL that begins with https:// or http://");
	if (*host == '[') { /* libcurl leaves the brackets of an IPv6 address */
		host++;
		len -= 2;
	}
	if (len == 0 || len > SERVICE_HOST_MAX)
		return wrong_url(args, "expected a URL with a host of at most 255 bytes");
	memcpy(service->host, host, len);
	service->port = (uint16_t)strtoul(port, NULL, 10);
	service->needs_lookup = !read_ip(service->host, &is_local) && !service->unix_path;
	if (service->needs_lookup && !is_host_name(service->host))
		return wrong_url(args,
		                 "expected a host name of letters, digits, - and dots between "
		                 "them, or an IP address");
	if (service->is_tls || service->unix_path || is_local || options->insecure)
		return true;
	report(args, "/url",
	       "expected https://, since http:// would send %s readably to another machine; "
	       "\"insecure\": true allows it",
	       options->sends);
	return false;
}

static bool parse_url(struct service *service, const spore_create_args *args,
                      const struct service_options *options)
{
	CURLU *parts = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
	bool good = false;

	if (!parts)
		return false;
	if (curl_url_set(parts, CURLUPART_URL, service->url, CURLU_NON_SUPPORT_SCHEME) ||
	    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) ||
	    curl_url_get(parts, CURLUPART_HOST, &host, 0))
		wrong_url(args, "expected a URL such as \"https://auth.example.com/verify\"");
	else if (curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK)
		wrong_url(args, "expected a URL without a user: use \"token\" or \"headers\"");
	else if (curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
		wrong_url(args, "expected a URL that begins with https:// or http://");
	else
		good = take_place(service, args, scheme, host, port, options);
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	curl_url_cleanup(parts);
	return good;
}

/* With takes_name the URL must contain {name} once, and otherwise it must not contain it. */
static bool check_placeholder(const spore_create_args *args, const struct service_options *options)
{
	const char *first = strstr(options->url, placeholder);

	if (!first && !options->takes_name)
		return true;
	if (!first)
		return wrong_url(args, "expected {name} in the URL, where the name is put in the "
		                       "mode \"key\"");
	if (!options->takes_name)
		return wrong_url(args, "expected {name} in the mode \"key\" only");
	if (strstr(first + 1, placeholder))
		return wrong_url(args, "expected {name} only once");
	return true;
}

static bool set_url(struct service *service, const spore_create_args *args,
                    const struct service_options *options)
{
	if (strlen(options->url) >= SERVICE_URL_MAX)
		return wrong_url(args, "expected at most 2047 bytes");
	if (!check_placeholder(args, options))
		return false;
	service->shown = strndup(options->url, strcspn(options->url, "?#"));
	if (!service->shown || !split_unix_url(service, args, options->url))
		return false;
	if (!service->url)
		service->url = strdup(options->url);
	return service->url && parse_url(service, args, options);
}

/* Characters that a URL has as they are; all others are percent-encoded. */
static bool stands_for_itself(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~", c));
}

bool service_url(const struct service *service, const char *name, char out[SERVICE_URL_MAX])
{
	const char *gap = strstr(service->url, placeholder);
	size_t n = gap ? (size_t)(gap - service->url) : 0, rest;

	if (!gap || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	rest = strlen(gap + strlen(placeholder)) + 1;
	memcpy(out, service->url, n);
	for (; *name; name++) {
		if (n + 3 + rest > SERVICE_URL_MAX)
			return false;
		if (stands_for_itself(*name))
			out[n++] = *name;
		else
			n += (size_t)snprintf(out + n, 4, "%%%02X", (unsigned)(uint8_t)*name);
	}
	if (n + rest > SERVICE_URL_MAX)
		return false;
	memcpy(out + n, gap + strlen(placeholder), rest);
	return true;
}

/* ---- headers ---- */

static bool is_token(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
	                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == len;
}

static bool is_header_value(spore_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = (uint8_t)text.ptr[i];

		if ((c < 0x20 && c != '\t') || c == 0x7F)
			return false;
	}
	return text.len > 0;
}

static bool add_line(struct service *service, const char *line)
{
	struct curl_slist *longer = curl_slist_append(service->headers, line);

	if (longer)
		service->headers = longer;
	return longer != NULL;
}

static bool add_header(struct service *service, const char *name, const char *prefix,
                       spore_str value)
{
	size_t size = strlen(name) + strlen(prefix) + value.len + 3;
	char *line = malloc(size);
	bool good;

	if (!line)
		return false;
	snprintf(line, size, "%s: %s%.*s", name, prefix, (int)value.len, value.ptr);
	good = add_line(service, line);
	explicit_bzero(line, size);
	free(line);
	return good;
}

static bool add_own_headers(struct service *service, bool has_body)
{
	if (!add_line(service, "Accept: application/json"))
		return false;
	/* Without "Expect:", libcurl may wait for a "100 Continue" before a body. */
	return !has_body || (add_line(service, "Content-Type: application/json") &&
	                     add_line(service, "Expect:"));
}

static bool set_headers(struct service *service, const spore_create_args *args,
                        const struct service_options *options)
{
	const spore_str *values = options->headers.items;
	bool good = add_own_headers(service, !options->takes_name);

	if (options->token.ptr && !is_header_value(options->token)) {
		report(args, "/token", "expected a text without control characters");
		good = false;
	} else if (options->token.ptr) {
		good = add_header(service, "Authorization", "Bearer ", options->token) && good;
	}
	for (size_t i = 0; i < options->headers.count; i++) {
		const char *name = options->headers.keys[i];
		char pointer[160];

		if (is_token(name) && is_header_value(values[i])) {
			good = add_header(service, name, "", values[i]) && good;
			continue;
		}
		snprintf(pointer, sizeof pointer, "/headers/%s", name);
		report(args, pointer,
		       "expected the name of an HTTP header and a text without control characters");
		good = false;
	}
	return good;
}

/* ---- TLS ---- */

static bool set_authorities(struct service *service, const spore_create_args *args,
                            const char *cacertfile)
{
	if (!service->is_tls) {
		if (cacertfile)
			report(args, "/cacertfile", "expected this option with https:// only");
		return !cacertfile;
	}
	service->authorities = X509_STORE_new();
	if (!service->authorities)
		return false;
	if (!cacertfile)
		return X509_STORE_set_default_paths(service->authorities) == 1;
	if (X509_STORE_load_file(service->authorities, cacertfile) == 1)
		return true;
	report(args, "/cacertfile", "expected a file of certificates in PEM form: %s", cacertfile);
	return false;
}

/* ---- the service ---- */

bool service_has_openssl(const spore_create_args *args)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

	if (info->ssl_version && strncmp(info->ssl_version, "OpenSSL/3", 9) == 0)
		return true;
	report(args, "", "expected a libcurl with OpenSSL 3, found one with %s",
	       info->ssl_version ? info->ssl_version : "no TLS");
	return false;
}

bool service_init(struct service *service, const spore_create_args *args,
                  const struct service_options *options)
{
	bool good, has_url;

	*service = (struct service){ 0 };
	has_url = set_url(service, args, options);
	good = set_headers(service, args, options) && has_url;
	/* Whether TLS is used depends on the URL. */
	return has_url && set_authorities(service, args, options->cacertfile) && good;
}

void service_fini(struct service *service)
{
	for (struct curl_slist *header = service->headers; header; header = header->next)
		explicit_bzero(header->data, strlen(header->data));
	curl_slist_free_all(service->headers);
	X509_STORE_free(service->authorities);
	free(service->unix_path);
	free(service->url);
	free(service->shown);
	*service = (struct service){ 0 };
}
