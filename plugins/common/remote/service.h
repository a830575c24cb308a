/* service - a web service: where it is, how it is proved that it is the right one, and what every
 * request carries. Built on main and read-only afterwards, so all threads share it. This code is
 * compiled into each plugin that uses it. */
#ifndef COMMON_SERVICE_H
#define COMMON_SERVICE_H

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <spore/plugin.h>
#include <stdbool.h>

enum { SERVICE_URL_MAX = 2048, SERVICE_HOST_MAX = 255 };

/* The options that it is made from. */
struct service_options {
	const char *url;        /* of the configuration */
	const char *cacertfile; /* NULL: the system's authorities */
	spore_str token;
	spore_map headers; /* of spore_str */
	bool takes_name;   /* the URL contains {name} */
	bool insecure;     /* http:// may leave this machine */
	const char *sends; /* what requests and replies contain: "answers and keys" */
};

struct service {
	char *url;       /* owned; may contain {name} */
	char *shown;     /* owned; the configured URL, for the log: without its query */
	char *unix_path; /* owned; NULL: TCP */
	char host[SERVICE_HOST_MAX + 1];
	uint16_t port;
	bool is_tls;
	bool needs_lookup;          /* `host` is a name */
	struct curl_slist *headers; /* owned */
	X509_STORE *authorities;    /* owned; NULL: no TLS */
};

/* The plugins give libcurl the authorities as an object of OpenSSL. So libcurl must use the same
 * OpenSSL as the plugin. False: it does not, which is reported. [main] */
bool service_has_openssl(const spore_create_args *args);
/* Reports mistakes. False: there is one, or memory is used up. In both cases the caller calls
 * service_fini(). [main] */
bool service_init(struct service *service, const spore_create_args *args,
                  const struct service_options *options);
/* Wipes and frees. Accepts a zeroed struct. [main] */
void service_fini(struct service *service);
/* The URL for a name, which is percent-encoded. False: it is too long, or the name is "." or "..",
 * which would change the path. [any] */
bool service_url(const struct service *service, const char *name, char out[SERVICE_URL_MAX]);

#endif
