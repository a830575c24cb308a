#include "multi.h"

#include <stdlib.h>

/* How many ends are reported in one turn of the loop. When a service stops answering, many requests
 * end at the same time. */
enum { PER_TURN = 8 };

/* A socket that libcurl wants to be watched. */
struct watch {
	struct multi *multi;
	curl_socket_t fd;
	spore_io io;
};

/* Tells the owner about a transfer that has ended. This runs outside of libcurl's functions, so
 * on_end() may add transfers. */
static void report_end(struct multi *multi, const CURLMsg *message)
{
	CURL *easy = message->easy_handle;
	CURLcode code = message->data.result;
	char *transfer = NULL; /* as libcurl types it */

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
	curl_multi_remove_handle(multi->curl, easy); /* `message` is invalid now */
	multi->on_end(multi->arg, transfer, code);
}

static void report_ends(void *arg)
{
	struct multi *multi = arg;
	CURLMsg *message;
	int left = 0;

	for (int n = 0; n < PER_TURN; n++) {
		message = curl_multi_info_read(multi->curl, &left);
		if (!message)
			return;
		if (message->msg == CURLMSG_DONE)
			report_end(multi, message);
	}
	multi->host->timer_update(multi->next_turn, 0, 0);
}

static void act(struct multi *multi, curl_socket_t fd, int events)
{
	int running;

	curl_multi_socket_action(multi->curl, fd, events, &running);
	report_ends(multi);
}

static void on_ready(void *arg, uint32_t events)
{
	struct watch *watch = arg;

	act(watch->multi, watch->fd,
	    (events & SPORE_READ ? CURL_CSELECT_IN : 0) |
	            (events & SPORE_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *arg)
{
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- what libcurl asks for ---- */

static void begin_watch(struct multi *multi, curl_socket_t fd, uint32_t events)
{
	struct watch *watch = calloc(1, sizeof *watch);

	/* Without a watch the transfer ends by its time-out. */
	if (!watch)
		return;
	watch->multi = multi;
	watch->fd = fd;
	multi->host->io_start(multi->worker, fd, events, on_ready, watch, &watch->io);
	curl_multi_assign(multi->curl, fd, watch);
}

static void end_watch(struct multi *multi, struct watch *watch)
{
	if (!watch)
		return;
	curl_multi_assign(multi->curl, watch->fd, NULL);
	multi->host->io_stop(watch->io);
	free(watch);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct multi *multi = arg;
	struct watch *watch = socket_arg;
	uint32_t events = (what & CURL_POLL_IN ? SPORE_READ : 0) |
	                  (what & CURL_POLL_OUT ? SPORE_WRITE : 0);

	(void)easy;
	if (what == CURL_POLL_REMOVE)
		end_watch(multi, watch);
	else if (watch)
		multi->host->io_update(watch->io, events);
	else
		begin_watch(multi, fd, events);
	return 0;
}

static int on_deadline(CURLM *curl, long timeout_ms, void *arg)
{
	struct multi *multi = arg;

	(void)curl;
	multi->host->timer_stop(multi->timer);
	multi->timer = (spore_timer){ 0 };
	if (timeout_ms >= 0)
		multi->host->timer_start(multi->worker, timeout_ms, 0, on_timer, multi,
		                         &multi->timer);
	return 0;
}

/* ---- the multi ---- */

bool multi_start(struct multi *multi)
{
	multi->curl = curl_multi_init();
	if (!multi->curl)
		return false;
	if (multi->host->timer_start(multi->worker, 0, 0, report_ends, multi, &multi->next_turn) !=
	    SPORE_OK) {
		curl_multi_cleanup(multi->curl);
		return false;
	}
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, on_deadline);
	curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
	return true;
}

void multi_stop(struct multi *multi)
{
	curl_multi_cleanup(multi->curl);
	multi->host->timer_stop(multi->next_turn);
	multi->host->timer_stop(multi->timer);
	multi->timer = (spore_timer){ 0 };
}

bool multi_add(struct multi *multi, CURL *easy)
{
	return curl_multi_add_handle(multi->curl, easy) == CURLM_OK;
}

void multi_remove(struct multi *multi, CURL *easy)
{
	curl_multi_remove_handle(multi->curl, easy);
}
