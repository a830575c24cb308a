/* multi - libcurl's transfers of one worker, on the host's timers and descriptor watchers.
 *
 *   libcurl "watch this socket"  ──▶ host->io_start    ──▶ on_ready ──┐
 *   libcurl "call me in 20 ms"   ──▶ host->timer_start ──▶ on_timer ──┴▶ curl_multi_socket_action
 *
 * Nothing here blocks or starts a thread: libcurl never looks up a name itself (transfer.h). */
#ifndef MULTI_H
#define MULTI_H

#include <curl/curl.h>
#include <spore/host.h>
#include <stdbool.h>

struct multi {
	const spore_host *host;
	spore_worker *worker;
	CURLM *curl;           /* owned */
	spore_timer timer;     /* for libcurl */
	spore_timer next_turn; /* for ends that are not reported yet */
	/* A transfer has ended; its private pointer is `transfer`. libcurl does not know it any
	 * more. May start others. [worker] */
	void (*on_end)(void *arg, void *transfer, CURLcode code);
	void *arg;
};

/* host, worker, on_end and arg are set by the caller. False: memory or descriptors are used up, and
 * there is nothing to end. [worker] */
bool multi_start(struct multi *multi);
/* All transfers must have been taken out. [worker] */
void multi_stop(struct multi *multi);
/* Adds a transfer, which begins after this has returned. False: libcurl refuses it. [worker] */
bool multi_add(struct multi *multi, CURL *easy);
/* Takes a transfer out before its end. [worker] */
void multi_remove(struct multi *multi, CURL *easy);

#endif
