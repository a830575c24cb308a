/* proxy - the instance, its state on a worker, and its options. */
#ifndef TRANSPORT_VIA_PROXY_H
#define TRANSPORT_VIA_PROXY_H

#include <spore/transport.h>

#include "url.h"

struct proxy_conf {
	const char *url, *no_proxy; /* no_proxy: NULL if it is not set */
	spore_str password;
};

struct proxy {
	const spore_host *host;        /* borrowed */
	const struct proxy_conf *conf; /* borrowed */
	struct proxy_url url;
};

struct proxy_worker {
	const struct proxy *proxy;
	spore_worker *handle;
};

#endif
