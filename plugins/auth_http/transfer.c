#include "transfer.h"

#include <stdlib.h>

/* How long a connection is used. A new one has the addresses that are valid then. */
enum { CONNECTION_LIFE_S = 300 };

/* ---- libcurl's callbacks ---- */

/* False: the reply is too long now. */
static bool count(struct transfer *transfer, size_t n)
{
	transfer->n_received += n;
	transfer->is_too_long = transfer->n_received > TRANSFER_REPLY_MAX;
	return !transfer->is_too_long;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *arg)
{
	(void)bytes;
	return count(arg, size * n) ? size * n : 0;
}

static bool make_room(struct transfer *transfer, size_t len)
{
	size_t room = transfer->room ? transfer->room : 1024;
	char *reply;

	while (room < len)
		room *= 2;
	if (room == transfer->room)
		return true;
	reply = malloc(room);
	if (!reply)
		return false;
	if (transfer->len)
		memcpy(reply, transfer->reply, transfer->len);
	if (transfer->reply)
		explicit_bzero(transfer->reply, transfer->len);
	free(transfer->reply);
	transfer->reply = reply;
	transfer->room = room;
	return true;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *arg)
{
	struct transfer *transfer = arg;
	size_t len = size * n;

	if (!count(transfer, len) || !make_room(transfer, transfer->len + len))
		return 0;
	memcpy(transfer->reply + transfer->len, bytes, len);
	transfer->len += len;
	return len;
}

/* Runs before the request is sent. If a kept connection breaks, libcurl would send the request
 * again on a new one. This refuses it if a part of it was sent before. */
static int on_request(void *arg, char *to, char *from, int to_port, int from_port)
{
	struct transfer *transfer = arg;
	long sent = 0;

	(void)to, (void)from, (void)to_port, (void)from_port;
	curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent);
	return sent ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* Gives the connection the authorities that were read at the start, so that no file is read
 * here. */
static CURLcode on_tls(CURL *easy, void *tls, void *arg)
{
	const struct service *service = arg;

	(void)easy;
	SSL_CTX_set1_cert_store(tls, service->authorities);
	return CURLE_OK;
}

/* ---- set-up ---- */

static void set_safety(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* none from the environment */
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFE_S);
}

static void set_callbacks(struct transfer *transfer)
{
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
}

static bool set_tls(CURL *easy, const struct service *service)
{
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	/* A request waits to see whether it can share the connection of the request before it. */
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, service) == CURLE_OK;
}

static bool set_request(struct transfer *transfer, const struct transfer_plan *plan)
{
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, plan->service->headers);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)plan->connect_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)plan->total_ms);
	if (plan->service->unix_path)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, plan->service->unix_path);
	if (plan->body.len) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)plan->body.len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, plan->body.ptr);
	}
	if (plan->addresses) {
		transfer->resolve = curl_slist_append(NULL, plan->addresses);
		curl_easy_setopt(easy, CURLOPT_RESOLVE, transfer->resolve);
	}
	return (!plan->addresses || transfer->resolve) &&
	       curl_easy_setopt(easy, CURLOPT_URL, plan->url) == CURLE_OK;
}

struct transfer *transfer_new(const struct transfer_plan *plan, void *owner)
{
	struct transfer *transfer = calloc(1, sizeof *transfer);

	if (!transfer)
		return NULL;
	transfer->owner = owner;
	transfer->easy = curl_easy_init();
	if (transfer->easy) {
		set_safety(transfer->easy);
		set_callbacks(transfer);
		if (set_request(transfer, plan) &&
		    (!plan->service->is_tls || set_tls(transfer->easy, plan->service)))
			return transfer;
	}
	transfer_free(transfer);
	return NULL;
}

void transfer_free(struct transfer *transfer)
{
	if (!transfer)
		return;
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->resolve);
	if (transfer->reply)
		explicit_bzero(transfer->reply, transfer->len);
	free(transfer->reply);
	free(transfer);
}

/* ---- the end ---- */

enum transfer_end transfer_end(const struct transfer *transfer, CURLcode code)
{
	static const struct {
		CURLcode code;
		enum transfer_end end;
	} rows[] = {
		{ CURLE_OK, TRANSFER_REPLIED },
		{ CURLE_COULDNT_RESOLVE_HOST, TRANSFER_UNREACHABLE },
		{ CURLE_COULDNT_CONNECT, TRANSFER_UNREACHABLE },
		{ CURLE_OPERATION_TIMEDOUT, TRANSFER_TIMEOUT },
		{ CURLE_SSL_CONNECT_ERROR, TRANSFER_UNTRUSTED },
		{ CURLE_PEER_FAILED_VERIFICATION, TRANSFER_UNTRUSTED },
	};

	if (transfer->is_too_long)
		return TRANSFER_TOO_LONG;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].code == code)
			return rows[i].end;
	}
	return TRANSFER_BROKEN;
}

long transfer_status(const struct transfer *transfer)
{
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

const char *transfer_error(const struct transfer *transfer, CURLcode code)
{
	if (transfer->is_too_long)
		return "the reply has more than 64 KiB";
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return "the connection broke after a part of the request was sent";
	return *transfer->error ? transfer->error : curl_easy_strerror(code);
}
