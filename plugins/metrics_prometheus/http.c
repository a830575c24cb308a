#include "http.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "visits.h"

/* More than VISITS_MAX: visits has shut some down that libmicrohttpd has not closed yet. */
enum { MAX_CONNECTIONS = 32 };
enum { TICK_MS = 1000, MAX_ROUNDS = 16 };
/* Per connection: the whole request and the head of the answer must fit. */
enum { MEMORY_SIZE = 16 * 1024 };

struct http {
	const spore_host *host;
	spore_worker *worker;
	http_fn answer;
	void *arg;
	struct MHD_Daemon *daemon;
	spore_io io;       /* watches the epoll descriptor of libmicrohttpd */
	spore_timer tick;  /* while there are visits */
	spore_timer again; /* libmicrohttpd has more to do */
	struct visits visits;
	int has_new_room; /* a connection has ended in this round of libmicrohttpd */
};

/* ---- connections ---- */

static void on_tick(void *arg)
{
	struct http *http = arg;

	visits_expire(&http->visits, http->host->now_ms());
}

/* Without the timer no deadline would be kept. */
static int start_ticking(struct http *http)
{
	return http->tick.id || http->host->timer_start(http->worker, TICK_MS, TICK_MS, on_tick,
	                                                http, &http->tick) == SPORE_OK;
}

static struct visit *begin_visit(struct http *http, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const union MHD_ConnectionInfo *peer = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct visit *visit = NULL;

	if (start_ticking(http))
		visit = visits_add(&http->visits, fd->connect_fd, peer->client_addr,
		                   http->host->now_ms());
	if (!visit)
		shutdown(fd->connect_fd, SHUT_RDWR); /* out of memory */
	return visit;
}

static void end_visit(struct http *http, struct visit *visit)
{
	visits_remove(&http->visits, visit);
	if (!http->visits.oldest) {
		http->host->timer_stop(http->tick);
		http->tick.id = 0;
	}
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **visit,
                          enum MHD_ConnectionNotificationCode what)
{
	struct http *http = arg;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*visit = begin_visit(http, connection);
		return;
	}
	http->has_new_room = 1;
	if (*visit)
		end_visit(http, *visit);
}

/* ---- answers ---- */

struct http_answer http_say(unsigned status, const char *text)
{
	char *body = strdup(text);

	return (struct http_answer){ status, "text/plain; charset=utf-8", body,
		                     body ? strlen(body) : 0 };
}

/* Takes ownership of the body. */
static enum MHD_Result reply(struct MHD_Connection *connection, const struct http_answer *answer)
{
	struct MHD_Response *response;
	enum MHD_Result queued;

	if (!answer->body)
		return MHD_NO; /* out of memory; closes the connection */
	response = MHD_create_response_from_buffer(answer->len, answer->body,
	                                           MHD_RESPMEM_MUST_FREE);
	if (!response) {
		free(answer->body);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, MHD_HTTP_METHOD_GET);
	queued = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return queued;
}

/* Called when the head of a request has arrived. The server does not wait for a body. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **unused)
{
	const struct http *http = arg;
	const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
	                                                 MHD_HTTP_HEADER_ACCEPT);
	struct http_answer answer = http->answer(http->arg, path, accept);

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)unused;
	if (answer.status == 0) { /* there is no such path, and no body */
		answer = http_say(MHD_HTTP_NOT_FOUND, "not found\n");
	} else if (strcmp(method, MHD_HTTP_METHOD_GET) != 0) {
		free(answer.body);
		answer = http_say(MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
	}
	return reply(connection, &answer);
}

/* ---- the loop ---- */

static void run_daemon(struct http *http);

static void on_again(void *arg)
{
	struct http *http = arg;

	http->host->timer_stop(http->again);
	http->again.id = 0;
	run_daemon(http);
}

static void on_ready(void *arg, uint32_t events)
{
	(void)events;
	run_daemon(arg);
}

static int has_more_to_do(const struct http *http)
{
	MHD_UNSIGNED_LONG_LONG ms;

	return MHD_get_timeout(http->daemon, &ms) == MHD_YES && ms == 0;
}

/* Runs a limited number of rounds, so that others on the loop get their turn. After a round in
 * which a connection has ended, one more is needed: libmicrohttpd accepts again only then. */
static void run_daemon(struct http *http)
{
	for (int i = 0; i < MAX_ROUNDS; i++) {
		http->has_new_room = 0;
		MHD_run(http->daemon);
		if (!has_more_to_do(http) && !http->has_new_room)
			return;
	}
	if (!http->again.id)
		http->host->timer_start(http->worker, 1, 0, on_again, http, &http->again);
}

/* ---- start and stop ---- */

struct http *http_start(const spore_host *host, spore_worker *worker, int fd, http_fn answer,
                        void *arg)
{
	struct http *http = calloc(1, sizeof *http);
	const union MHD_DaemonInfo *info;

	if (!http)
		return NULL;
	*http = (struct http){ .host = host, .worker = worker, .answer = answer, .arg = arg };
	http->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, http, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_SIZE,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_END);
	if (!http->daemon) {
		free(http);
		return NULL;
	}
	info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (host->io_start(worker, info->epoll_fd, SPORE_READ, on_ready, http, &http->io) !=
	    SPORE_OK) {
		http_stop(http);
		return NULL;
	}
	return http;
}

void http_stop(struct http *http)
{
	if (!http)
		return;
	http->host->io_stop(http->io);
	MHD_quiesce_daemon(http->daemon); /* returns the listening socket unclosed */
	MHD_stop_daemon(http->daemon);
	http->host->timer_stop(http->tick);
	http->host->timer_stop(http->again);
	free(http);
}
