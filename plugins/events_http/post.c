#include "post.h"

#include <stdio.h>

enum { REPLY_MAX = 65536, STATUS_TEXT_SIZE = 32 };

/* The reply's content means nothing, but a service may send one. */
static size_t on_bytes(char *bytes, size_t size, size_t n, void *arg)
{
	struct poster *poster = arg;

	(void)bytes;
	poster->n_received += size * n;
	return poster->n_received > REPLY_MAX ? 0 : size * n;
}

/* Gives the connection the authorities that were read at the start. */
static CURLcode on_tls(CURL *easy, void *tls, void *arg)
{
	const struct service *service = arg;

	(void)easy;
	SSL_CTX_set1_cert_store(tls, service->authorities);
	return CURLE_OK;
}

static void set_safety(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* none from the environment */
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
}

static bool set_tls(CURL *easy, const struct service *service)
{
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, service) == CURLE_OK;
}

static bool set_request(struct poster *poster, int64_t connect_ms, int64_t total_ms)
{
	const struct service *service = poster->service;
	CURL *easy = poster->easy;

	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, service->headers);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)total_ms);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, poster->error);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_bytes);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, poster);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, poster);
	if (service->unix_path)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, service->unix_path);
	return curl_easy_setopt(easy, CURLOPT_URL, service->url) == CURLE_OK;
}

bool poster_init(struct poster *poster, const struct service *service, int64_t connect_ms,
                 int64_t total_ms)
{
	*poster = (struct poster){ .service = service, .easy = curl_easy_init() };
	if (!poster->easy)
		return false;
	set_safety(poster->easy);
	return set_request(poster, connect_ms, total_ms) &&
	       (!service->is_tls || set_tls(poster->easy, service));
}

void poster_fini(struct poster *poster)
{
	curl_easy_cleanup(poster->easy);
	poster->easy = NULL;
}

static enum post_result result_of_failure(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return POST_UNREACHABLE;
	case CURLE_OPERATION_TIMEDOUT:
		return POST_TIMEOUT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
		return POST_UNTRUSTED;
	default:
		return POST_BROKEN;
	}
}

static enum post_result result_of_status(struct poster *poster)
{
	long status = 0;

	curl_easy_getinfo(poster->easy, CURLINFO_RESPONSE_CODE, &status);
	snprintf(poster->error, sizeof poster->error, "status %ld", status);
	if (status >= 200 && status < 300)
		return POST_TAKEN;
	return status >= 500 || status == 408 || status == 429 ? POST_BAD_STATUS : POST_REJECTED;
}

enum post_result post_send(struct poster *poster, spore_str body, const char **why_out)
{
	CURLcode code;

	poster->n_received = 0;
	poster->error[0] = '\0';
	*why_out = poster->error;
	curl_easy_setopt(poster->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	curl_easy_setopt(poster->easy, CURLOPT_POSTFIELDS, body.ptr);
	code = curl_easy_perform(poster->easy);
	if (code == CURLE_OK)
		return result_of_status(poster);
	if (!poster->error[0])
		*why_out = curl_easy_strerror(code);
	return result_of_failure(code);
}

bool post_may_repeat(enum post_result result)
{
	return result != POST_TAKEN && result != POST_REJECTED;
}
