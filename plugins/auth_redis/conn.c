#include "conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { WORDS_MAX = 8 };

/* ---- the end ---- */

void conn_close(struct conn *conn)
{
	if (conn->state == CONN_CLOSED)
		return;
	conn->host->io_stop(conn->io);
	conn->io = (spore_io){ 0 };
	SSL_free(conn->tls);
	conn->tls = NULL;
	close(conn->fd);
	intake_fini(&conn->intake);
	if (conn->out)
		explicit_bzero(conn->out, conn->out_room);
	free(conn->out);
	conn->out = NULL;
	conn->out_at = conn->out_len = conn->out_room = 0;
	conn->state = CONN_CLOSED;
}

static void end(struct conn *conn, const char *why)
{
	conn_close(conn);
	conn->on_end(conn->arg, why);
}

static void end_by_errno(struct conn *conn, const char *what, int error)
{
	char why[CONN_WHY_MAX], text[128];

	snprintf(why, sizeof why, "%s: %s", what, strerror_r(error, text, sizeof text));
	end(conn, why);
}

/* Ends the connection after a failure of TLS, whose reason is in OpenSSL's queue. */
static void end_by_tls(struct conn *conn)
{
	char why[CONN_WHY_MAX];
	long verified = SSL_get_verify_result(conn->tls);
	unsigned long error = ERR_peek_last_error();
	const char *reason = error ? ERR_reason_error_string(error) : NULL;

	if (conn->state == CONN_TLS && verified != X509_V_OK)
		reason = X509_verify_cert_error_string(verified);
	snprintf(why, sizeof why, "TLS failed: %s", reason ? reason : "the connection ended");
	ERR_clear_error();
	end(conn, why);
}

/* ---- what is waited for ---- */

static void watch(struct conn *conn, uint32_t events)
{
	if (conn->events == events)
		return;
	conn->events = events;
	conn->host->io_update(conn->io, events);
}

/* Waits for what TLS wants, in addition to replies. False: TLS has failed, and the connection has
 * ended. */
static bool wait_for_tls(struct conn *conn, int result)
{
	switch (SSL_get_error(conn->tls, result)) {
	case SSL_ERROR_WANT_READ:
		watch(conn, SPORE_READ);
		return true;
	case SSL_ERROR_WANT_WRITE:
		watch(conn, SPORE_READ | SPORE_WRITE);
		return true;
	default:
		end_by_tls(conn);
		return false;
	}
}

/* ---- output ---- */

/* Returns the number of bytes; 0: no more can be written now; -1: the connection has ended. */
static ssize_t write_some(struct conn *conn)
{
	const char *at = conn->out + conn->out_at;
	ssize_t n;

	if (conn->tls) {
		ERR_clear_error();
		n = SSL_write(conn->tls, at, (int)conn->out_len);
		return n > 0 ? n : wait_for_tls(conn, (int)n) ? 0 : -1;
	}
	n = send(conn->fd, at, conn->out_len, MSG_NOSIGNAL);
	if (n > 0)
		return n;
	if (n == 0 || errno == EAGAIN || errno == EINTR) {
		watch(conn, SPORE_READ | SPORE_WRITE);
		return 0;
	}
	end_by_errno(conn, "cannot send", errno);
	return -1;
}

static void flush(struct conn *conn)
{
	while (conn->out_len) {
		ssize_t n = write_some(conn);

		if (n <= 0)
			return;
		explicit_bzero(conn->out + conn->out_at, (size_t)n);
		conn->out_at += (size_t)n;
		conn->out_len -= (size_t)n;
	}
	conn->out_at = 0;
	watch(conn, SPORE_READ);
}

/* Makes room for `len` more bytes behind what waits. A buffer that is replaced is wiped, since a
 * command may hold a password. */
static bool make_room(struct conn *conn, size_t len)
{
	size_t room = conn->out_room ? conn->out_room : 1024;
	char *larger;

	if (conn->out_at + conn->out_len + len <= conn->out_room)
		return true;
	while (room < conn->out_len + len)
		room *= 2;
	larger = malloc(room);
	if (!larger)
		return false;
	if (conn->out_len)
		memcpy(larger, conn->out + conn->out_at, conn->out_len);
	if (conn->out)
		explicit_bzero(conn->out, conn->out_room);
	free(conn->out);
	conn->out = larger;
	conn->out_room = room;
	conn->out_at = 0;
	return true;
}

bool conn_send(struct conn *conn, int n, const spore_str *words)
{
	const char *texts[WORDS_MAX];
	size_t lens[WORDS_MAX];
	char *command = NULL;
	int len;
	bool good;

	if (conn->state != CONN_OPEN || n > WORDS_MAX)
		return false;
	for (int i = 0; i < n; i++) {
		texts[i] = words[i].ptr ? words[i].ptr : "";
		lens[i] = words[i].len;
	}
	len = redisFormatCommandArgv(&command, n, texts, lens);
	if (len < 0)
		return false;
	good = make_room(conn, (size_t)len);
	if (good) {
		memcpy(conn->out + conn->out_at + conn->out_len, command, (size_t)len);
		conn->out_len += (size_t)len;
		watch(conn, SPORE_READ | SPORE_WRITE);
	}
	explicit_bzero(command, (size_t)len);
	redisFreeCommand(command);
	return good;
}

/* ---- input ---- */

/* Passes on the replies that are complete. False: the connection has ended. */
static bool take_replies(struct conn *conn)
{
	unsigned generation = conn->generation;
	redisReply *reply;

	while (intake_next(&conn->intake, &reply)) {
		if (!reply)
			return true;
		conn->on_reply(conn->arg, reply);
		intake_free(reply);
		if (conn->state == CONN_CLOSED || conn->generation != generation)
			return false;
	}
	end(conn, "what arrives does not follow Redis' protocol, or is too long");
	return false;
}

/* Returns the number of bytes; 0: nothing can be read now; -1: the connection has ended. */
static ssize_t read_some(struct conn *conn, char *bytes)
{
	ssize_t n;

	if (conn->tls) {
		ERR_clear_error();
		n = SSL_read(conn->tls, bytes, CONN_READ_MAX);
		if (n <= 0 && SSL_get_error(conn->tls, (int)n) == SSL_ERROR_ZERO_RETURN) {
			end(conn, "Redis has closed the connection");
			return -1;
		}
		return n > 0 ? n : wait_for_tls(conn, (int)n) ? 0 : -1;
	}
	n = recv(conn->fd, bytes, CONN_READ_MAX, 0);
	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == 0)
		end(conn, "Redis has closed the connection");
	else
		end_by_errno(conn, "cannot receive", errno);
	return -1;
}

/* Reads once in a turn, so that many replies are spread over several turns. Bytes that TLS holds
 * already are read in the same turn, because the socket would not become readable for them. */
static void receive(struct conn *conn)
{
	char bytes[CONN_READ_MAX];
	ssize_t n;

	do {
		n = read_some(conn, bytes);
		if (n <= 0)
			return;
		if (!intake_feed(&conn->intake, bytes, (size_t)n)) {
			end(conn, "out of memory");
			return;
		}
		explicit_bzero(bytes, (size_t)n);
		if (!take_replies(conn))
			return;
	} while (conn->tls && SSL_pending(conn->tls) > 0);
}

/* ---- the beginning ---- */

static void become_open(struct conn *conn)
{
	conn->state = CONN_OPEN;
	watch(conn, SPORE_READ);
	conn->on_open(conn->arg);
}

static void shake_hands(struct conn *conn)
{
	int done;

	ERR_clear_error();
	done = SSL_connect(conn->tls);
	if (done == 1)
		become_open(conn);
	else
		wait_for_tls(conn, done);
}

static void finish_connect(struct conn *conn)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error) {
		end_by_errno(conn, "cannot connect", error);
		return;
	}
	if (!conn->tls) {
		become_open(conn);
		return;
	}
	conn->state = CONN_TLS;
	shake_hands(conn);
}

static void on_ready(void *arg, uint32_t events)
{
	struct conn *conn = arg;
	unsigned generation = conn->generation;

	(void)events;
	if (conn->state == CONN_CONNECTING) {
		finish_connect(conn);
		return;
	}
	if (conn->state == CONN_TLS) {
		shake_hands(conn);
		return;
	}
	if (conn->out_len)
		flush(conn);
	else
		watch(conn, SPORE_READ); /* reading may have waited for TLS to write */
	if (conn->state == CONN_OPEN && conn->generation == generation)
		receive(conn);
}

/* The name or the address of the place must be in the certificate. */
static bool set_up_tls(struct conn *conn, const struct place *place)
{
	X509_VERIFY_PARAM *expected;
	spore_addr ignored;

	conn->tls = SSL_new(place->tls);
	if (!conn->tls || SSL_set_fd(conn->tls, conn->fd) != 1)
		return false;
	if (place->path)
		return true;
	expected = SSL_get0_param(conn->tls);
	if (place_address(place, &ignored))
		return X509_VERIFY_PARAM_set1_ip_asc(expected, place->host) == 1;
	return X509_VERIFY_PARAM_set1_host(expected, place->host, 0) == 1 &&
	       SSL_set_tlsext_host_name(conn->tls, place->host) == 1;
}

static int connect_path(int fd, const char *path)
{
	struct sockaddr_un unix_address = { .sun_family = AF_UNIX };

	snprintf(unix_address.sun_path, sizeof unix_address.sun_path, "%s", path);
	return connect(fd, (struct sockaddr *)&unix_address, sizeof unix_address);
}

static int connect_address(int fd, const spore_addr *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(address->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		                    .sin6_port = htons(address->port),
		                    .sin6_scope_id = address->scope_id };
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	memcpy(&in.sin_addr, address->ip + 12, 4);
	memcpy(&in6.sin6_addr, address->ip, 16);
	return address->family == 4 ? connect(fd, (struct sockaddr *)&in, sizeof in)
	                            : connect(fd, (struct sockaddr *)&in6, sizeof in6);
}

static int family_of(const struct place *place, const spore_addr *address)
{
	if (place->path)
		return AF_UNIX;
	return address->family == 4 ? AF_INET : AF_INET6;
}

bool conn_open(struct conn *conn, const struct place *place, const spore_addr *address,
               char why[CONN_WHY_MAX])
{
	int status;

	conn->fd = socket(family_of(place, address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	conn->events = SPORE_READ | SPORE_WRITE;
	conn->generation++;
	if (conn->fd < 0 || !intake_init(&conn->intake) ||
	    (place->tls && !set_up_tls(conn, place))) {
		snprintf(why, CONN_WHY_MAX, "out of memory or descriptors");
		goto out;
	}
	status = place->path ? connect_path(conn->fd, place->path)
	                     : connect_address(conn->fd, address);
	if (status != 0 && errno != EINPROGRESS) {
		snprintf(why, CONN_WHY_MAX, "cannot connect: %s", strerrordesc_np(errno));
		goto out;
	}
	if (conn->host->io_start(conn->worker, conn->fd, conn->events, on_ready, conn, &conn->io) ==
	    SPORE_OK) {
		conn->state = CONN_CONNECTING;
		return true;
	}
	snprintf(why, CONN_WHY_MAX, "out of memory or descriptors");
out:
	SSL_free(conn->tls);
	conn->tls = NULL;
	intake_fini(&conn->intake);
	if (conn->fd >= 0)
		close(conn->fd);
	return false;
}
