#include "http.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Visits at once, of one source and in all: few, since their descriptors come out of the little
 * that the host keeps back. libmicrohttpd's own bound leaves room for those that have been told to
 * go. */
enum { MAX_OF_SOURCE = 8, MAX_VISITS = 24, MAX_CONNECTIONS = 32 };
/* As long as Prometheus waits by default; looked at each second. */
enum { DEADLINE_MS = 10000, TICK_MS = 1000 };
enum {
	MEMORY = 16 * 1024 /* for a connection: all that a request may be, and the answer's head */
};
enum { MAX_ROUNDS = 16 };

/* One connection. */
struct visit {
	struct visit *older, *newer;
	struct http *http;
	int fd; /* libmicrohttpd's */
	uint8_t source[16];
	int64_t deadline_ms;
	int sent_away;
};

struct http {
	const spore_host *host;
	spore_worker *worker;
	http_fn answer;
	void *arg;
	struct MHD_Daemon *daemon;
	spore_io *io;       /* on libmicrohttpd's epoll descriptor */
	spore_timer *tick;  /* while there are visits */
	spore_timer *again; /* it has more to do */
	struct visit *oldest, *newest;
	int has_room; /* a connection has ended since the last round */
};

/* ---- visits ---- */

/* libmicrohttpd finds the end of the stream and closes. */
static void send_away(struct visit *visit)
{
	if (!visit->sent_away)
		shutdown(visit->fd, SHUT_RDWR);
	visit->sent_away = 1;
}

static void on_tick(void *arg)
{
	const struct http *http = arg;
	int64_t now = http->host->now_ms();

	for (struct visit *visit = http->oldest; visit && visit->deadline_ms <= now;
	     visit = visit->newer)
		send_away(visit);
}

/* Whoever has one address of a /64 has them all. */
static void source_of(const struct sockaddr *addr, uint8_t source[16])
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)addr;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)addr;

	memset(source, 0, 16);
	if (addr->sa_family == AF_INET)
		memcpy(source, &v4->sin_addr, 4);
	else if (addr->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		memcpy(source, v6->sin6_addr.s6_addr + 12, 4);
	else if (addr->sa_family == AF_INET6)
		memcpy(source, &v6->sin6_addr, 8);
}

/* The newcomer is among them: it stays, the oldest goes. */
static void make_room(struct http *http, const uint8_t source[16])
{
	struct visit *oldest = NULL, *oldest_of_source = NULL;
	unsigned n = 0, n_of_source = 0;

	for (struct visit *visit = http->newest; visit; visit = visit->older) {
		if (visit->sent_away)
			continue;
		n++;
		oldest = visit;
		if (memcmp(visit->source, source, 16) != 0)
			continue;
		n_of_source++;
		oldest_of_source = visit;
	}
	if (n_of_source > MAX_OF_SOURCE)
		send_away(oldest_of_source);
	else if (n > MAX_VISITS)
		send_away(oldest);
}

/* The clock for deadlines runs while there is a visit. */
static int start_ticking(struct http *http)
{
	if (!http->tick)
		http->tick = http->host->timer_start(http->worker, TICK_MS, TICK_MS, on_tick, http);
	return http->tick != NULL;
}

static void visit_begin(struct http *http, struct MHD_Connection *connection, void **visit_out)
{
	const union MHD_ConnectionInfo *fd = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	const union MHD_ConnectionInfo *addr = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct visit *visit = start_ticking(http) ? calloc(1, sizeof *visit) : NULL;

	*visit_out = visit;
	if (!visit) {
		shutdown(fd->connect_fd, SHUT_RDWR); /* out of memory: none is without a deadline */
		return;
	}
	visit->http = http;
	visit->fd = fd->connect_fd;
	visit->deadline_ms = http->host->now_ms() + DEADLINE_MS;
	source_of(addr->client_addr, visit->source);
	visit->older = http->newest;
	*(http->newest ? &http->newest->newer : &http->oldest) = visit;
	http->newest = visit;
	make_room(http, visit->source);
}

static void visit_end(struct visit *visit)
{
	struct http *http = visit->http;

	*(visit->older ? &visit->older->newer : &http->oldest) = visit->newer;
	*(visit->newer ? &visit->newer->older : &http->newest) = visit->older;
	free(visit);
	if (!http->oldest) {
		http->host->timer_stop(http->tick);
		http->tick = NULL;
	}
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **visit,
                          enum MHD_ConnectionNotificationCode what)
{
	struct http *http = arg;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		visit_begin(http, connection, visit);
		return;
	}
	http->has_room = 1;
	if (*visit)
		visit_end(*visit);
}

/* ---- answers ---- */

struct http_answer http_say(unsigned status, const char *text)
{
	char *body = strdup(text);

	return (struct http_answer){ status, "text/plain; charset=utf-8", body,
		                     body ? strlen(body) : 0 };
}

/* Takes the answer's body. */
static enum MHD_Result reply(struct MHD_Connection *connection, const struct http_answer *answer)
{
	struct MHD_Response *response;
	enum MHD_Result queued;

	if (!answer->body)
		return MHD_NO; /* out of memory: the connection ends */
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

/* Called first when the head of a request is there: a body is never waited for. */
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
	if (answer.status == 0) {
		answer = http_say(MHD_HTTP_NOT_FOUND, "not found\n");
	} else if (strcmp(method, MHD_HTTP_METHOD_GET) != 0) {
		free(answer.body);
		answer = http_say(MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
	}
	return reply(connection, &answer);
}

/* ---- the loop ---- */

static void run(struct http *http);

static void on_again(void *arg)
{
	struct http *http = arg;

	http->host->timer_stop(http->again);
	http->again = NULL;
	run(http);
}

static void on_ready(void *arg, uint32_t events)
{
	(void)events;
	run(arg);
}

static int has_more_to_do(const struct http *http)
{
	MHD_UNSIGNED_LONG_LONG ms;

	return MHD_get_timeout(http->daemon, &ms) == MHD_YES && ms == 0;
}

/* Some rounds, then the loop's others have their turn. libmicrohttpd looks at the listening socket
 * again only in the round after the one in which it got room. */
static void run(struct http *http)
{
	for (int i = 0; i < MAX_ROUNDS; i++) {
		http->has_room = 0;
		MHD_run(http->daemon);
		if (!has_more_to_do(http) && !http->has_room)
			return;
	}
	if (!http->again)
		http->again = http->host->timer_start(http->worker, 1, 0, on_again, http);
}

/* ---- life ---- */

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
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, http, MHD_OPTION_END);
	if (!http->daemon) {
		free(http);
		return NULL;
	}
	info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	http->io = host->io_start(worker, info->epoll_fd, SPORE_READ, on_ready, http);
	if (!http->io) {
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
	MHD_quiesce_daemon(http->daemon); /* gives the listening socket back, unclosed */
	MHD_stop_daemon(http->daemon);
	http->host->timer_stop(http->tick);
	http->host->timer_stop(http->again);
	free(http);
}
