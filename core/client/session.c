#include "client/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "client/proxy.h"
#include "config/settings.h"
#include "net/sock.h"
#include "net/stream.h"

enum { KEEPALIVE_S = 5, PEER_TIMEOUT_MS = 10000 };

static void on_ready(struct uplink *uplink);
static void on_failed(struct uplink *uplink, const char *why, bool refused);
static void on_message(struct uplink *uplink, const struct message *message);
static void on_end(struct uplink *uplink, const char *why);
static const struct uplink_events events = { on_ready, on_failed, on_message, on_end };

static struct session *session_of(struct uplink *uplink)
{
	return (struct session *)(void *)((char *)uplink - offsetof(struct session, uplink));
}

static void end(struct session *session, const char *why, enum client_exit status)
{
	char text[sizeof(struct err)];

	if (session->over)
		return;
	session->over = true;
	snprintf(text, sizeof text, "%s", why); /* may point into what is stopped next */
	uplink_stop(&session->uplink);
	log_error("tunnel ended", log_str("tunnel", session->tunnel->name), log_str("error", text));
	session->on_over(session, status);
}

/* ---- what the server's errors mean ------------------------------------------------------------------ */

static enum client_exit exit_status(const char *error)
{
	static const char *const ports[] = {
		"client port number not in allowed range", "port already in use", "permission denied",
		"failed to bind to port", "failed to find an available port",
	};
	static const char *const auth[] = { "invalid secret",
		                            "server requires secret, but no secret was provided" };

	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
		if (strcmp(error, ports[i]) == 0)
			return CLIENT_PORT_REFUSED;
	}
	for (size_t i = 0; i < sizeof auth / sizeof *auth; i++) {
		if (strcmp(error, auth[i]) == 0)
			return CLIENT_NOT_AUTHENTICATED;
	}
	return CLIENT_FAILED;
}

static void take_error(struct session *session, const struct message *message)
{
	char text[320];

	snprintf(text, sizeof text, "server error: %s", message->text);
	end(session, text, exit_status(message->text));
}

/* Before the server's Hello, an end is a riddle to whoever started the client: name what it may be. */
static void end_early(struct session *session, const char *why)
{
	char text[sizeof(struct err)];

	snprintf(text, sizeof text,
	         "%s before the server's Hello: it may not be reachable there, the secrets may not match, "
	         "or only one side may use a secret or TLS",
	         why ? why : "the connection was closed");
	end(session, text, CLIENT_FAILED);
}

static void on_failed(struct uplink *uplink, const char *why, bool refused)
{
	enum client_exit status = CLIENT_FAILED;

	if (uplink->linked && !refused) {
		end_early(session_of(uplink), why);
		return;
	}
	if (strncmp(why, "server error: ", 14) == 0)
		status = exit_status(why + 14);
	else if (refused)
		status = CLIENT_NOT_AUTHENTICATED;
	end(session_of(uplink), why, status);
}

/* ---- before the server's Hello ------------------------------------------------------------------------ */

static void on_ready(struct uplink *uplink)
{
	struct session *session = session_of(uplink);

	link_send(&uplink->link, &(struct message){ .type = MESSAGE_HELLO,
	                                            .port = (uint16_t)session->tunnel->port });
	deadline_start(&uplink->worker->answers, &uplink->deadline);
}

/* Scripts wait for this line on standard output. */
static void announce(const struct session *session)
{
	char line[400];
	int n = snprintf(line, sizeof line, "listening at %.300s:%u\n",
	                 session->uplink.worker->shared->settings->to, session->port);

	if (write(STDOUT_FILENO, line, (size_t)n) < 0)
		log_warn("cannot write to standard output", log_str("tunnel", session->tunnel->name));
}

static void take_first(struct session *session, const struct message *message)
{
	switch (message->type) {
	case MESSAGE_HELLO:
		deadline_stop(&session->uplink.deadline);
		session->port = message->port;
		sock_watch_peer(stream_fd(session->uplink.link.stream), KEEPALIVE_S, PEER_TIMEOUT_MS);
		log_info("connected to server", log_str("tunnel", session->tunnel->name),
		         log_int("remote_port", session->port));
		announce(session);
		break;
	case MESSAGE_ERROR:
		take_error(session, message);
		break;
	case MESSAGE_CHALLENGE:
		end(session, "server requires authentication, but no client secret was provided",
		    CLIENT_NOT_AUTHENTICATED);
		break;
	default:
		end(session, "unexpected initial non-hello message", CLIENT_FAILED);
		break;
	}
}

/* ---- after it ------------------------------------------------------------------------------------------ */

/* A visitor for another worker, on its way there. */
struct handover {
	struct loop_task task;
	struct client_worker *worker;
	const struct tunnel_settings *tunnel;
	struct uuid id;
};

static void run_handover(struct loop_task *task)
{
	struct handover *handover = (void *)((char *)task - offsetof(struct handover, task));

	proxy_start(handover->worker, handover->tunnel, &handover->id);
	free(handover);
}

/* The least loaded; ourselves when in doubt, since waking another costs more than it brings. */
static struct client_worker *choose_worker(const struct session *session)
{
	struct client_worker *best = &session->workers[0];

	for (unsigned i = 1; i < session->n_workers; i++) {
		if (atomic_load(&session->workers[i].load) < atomic_load(&best->load))
			best = &session->workers[i];
	}
	return best;
}

static void take_visitor(struct session *session, const struct uuid *id)
{
	struct client_worker *worker = choose_worker(session);
	struct handover *handover;

	atomic_fetch_add(&worker->load, 1);
	atomic_fetch_add(&worker->shared->carried, 1);
	if (worker == session->uplink.worker) {
		proxy_start(worker, session->tunnel, id);
		return;
	}
	handover = calloc(1, sizeof *handover);
	if (!handover) {
		atomic_fetch_sub(&worker->load, 1);
		atomic_fetch_sub(&worker->shared->carried, 1);
		log_error("connection dropped: out of memory", log_str("tunnel", session->tunnel->name));
		return;
	}
	*handover = (struct handover){ { .run = run_handover }, worker, session->tunnel, *id };
	loop_post(worker->loop, &handover->task);
}

static void on_message(struct uplink *uplink, const struct message *message)
{
	struct session *session = session_of(uplink);

	if (session->port == 0)
		take_first(session, message);
	else if (message->type == MESSAGE_CONNECTION)
		take_visitor(session, &message->id);
	else if (message->type == MESSAGE_ERROR)
		log_error("server error", log_str("tunnel", session->tunnel->name),
		          log_str("error", message->text));
	else if (message->type != MESSAGE_HEARTBEAT)
		log_warn("unexpected message from server", log_str("tunnel", session->tunnel->name),
		         log_str("message", message->type == MESSAGE_HELLO ? "Hello" : "Challenge"));
}

static void on_end(struct uplink *uplink, const char *why)
{
	struct session *session = session_of(uplink);

	if (session->port)
		end(session, why ? why : "the server closed the connection", CLIENT_FAILED);
	else
		end_early(session, why);
}

void session_start(struct session *session)
{
	uplink_start(&session->uplink, &session->workers[0], SPORE_AUTH_CONTROL, &events);
}

void session_stop(struct session *session)
{
	session->over = true;
	uplink_stop(&session->uplink);
}
