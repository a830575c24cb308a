/* transfer - one HTTP request and its reply.
 *
 * A transfer has all its addresses from the beginning, so libcurl never looks up a name, for
 * which it would start a thread. Headers and body of the reply have at most TRANSFER_REPLY_MAX
 * bytes. A request of which anything was sent is never sent again. */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "../common/remote/service.h"
#include "multi.h"

enum { TRANSFER_REPLY_MAX = 65536 };

/* The first is the only one with a reply. */
enum transfer_end {
	TRANSFER_REPLIED,
	TRANSFER_UNREACHABLE, /* no address, or no connection to it */
	TRANSFER_TIMEOUT,
	TRANSFER_UNTRUSTED, /* TLS failed, or the certificate is wrong */
	TRANSFER_TOO_LONG,
	TRANSFER_BROKEN, /* the connection ended, or what arrives is no HTTP */
};

/* What a transfer is made of. */
struct transfer_plan {
	const struct service *service;
	const char *url;
	spore_str body;        /* empty: GET, else POST; valid until the transfer is freed */
	const char *addresses; /* "HOST:PORT:ADDRESS,ADDRESS", or NULL if the URL has an address */
	int64_t connect_ms, total_ms;
};

struct transfer {
	CURL *easy;                 /* owned */
	struct curl_slist *resolve; /* owned */
	void *owner;                /* whose request this is; borrowed */
	char *reply;                /* owned; wiped when freed */
	size_t len, room;  /* of the reply's body: its bytes, and those that were allocated */
	size_t n_received; /* bytes of headers and body */
	bool is_too_long;
	char error[CURL_ERROR_SIZE];
};

/* Makes a transfer for multi_add(). The multi's on_end() gets it. NULL: out of memory. [worker] */
struct transfer *transfer_new(const struct transfer_plan *plan, void *owner);
/* Wipes and frees. It must not be in a multi. Accepts NULL. [worker] */
void transfer_free(struct transfer *transfer);
/* How it has ended. [worker] */
enum transfer_end transfer_end(const struct transfer *transfer, CURLcode code);
/* The status of the reply, such as 200. [worker] */
long transfer_status(const struct transfer *transfer);
/* libcurl's text about the failure; never empty. Valid until transfer_free(). [worker] */
const char *transfer_error(const struct transfer *transfer, CURLcode code);

#endif
