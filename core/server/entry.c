#include "server/entry.h"

#include "base/clock.h"
#include "base/container.h"
#include "chain/acl.h"
#include "chain/auth.h"
#include "chain/transport.h"
#include "log/log.h"
#include "net/addr.h"
#include "net/sock.h"
#include "net/stream.h"
#include "server/control.h"
#include "server/dialogue.h"

/* ---- the transport opens ---- */

static void become_open(struct control *c)
{
	const struct plugin_set *set = c->set;
	const spore_conn *conn = stream_conn(c->stream);

	/* A transport may have learnt who it really is. */
	if (!addr_equal(&conn->peer, &c->peer)) {
		c->peer = conn->peer;
		if (!acl_allows(set->acl_control, c->worker->loop, SPORE_ACL_AT_CONTROL,
		                &conn->peer, &conn->local, "")) {
			control_count_refusal(c->worker, REFUSED_ACCESS_LIST);
			control_log(c, LOG_INFO, "client refused by access list",
			            "by the address behind the proxy");
			control_end(c);
			return;
		}
	}
	link_init(&c->link, c->stream, MESSAGE_TO_SERVER, &dialogue_events);
	if (set->auth->n == 0) {
		c->state = READY;
	} else if (!set->needs_challenge) {
		c->state = HELD; /* its first frame says whose verdict is asked */
	} else if (auth_challenge(set, c->stream, &c->challenge)) {
		c->state = ANSWER;
		link_send(&c->link,
		          &(struct message){ .type = MESSAGE_CHALLENGE, .id = c->challenge });
	} else {
		c->state = ANSWER;
		control_refuse_because(c, REFUSED_NO_MEMORY, "server has no randomness");
	}
}

static void on_opening(struct stream *stream, unsigned happened, void *arg)
{
	struct control *c = arg;

	if (happened & STREAM_OPENED) {
		become_open(c);
	} else if (stream_left_unheard(stream)) {
		control_log(c, LOG_INFO, "connection ended before its first byte",
		            stream_error(stream));
		control_end(c);
	} else {
		control_count_refusal(c->worker, REFUSED_HANDSHAKE);
		control_log(c, LOG_WARN, "connection refused", stream_error(stream));
		control_end(c);
	}
}

/* ---- who may come in ---- */

/* The source, entered and with a ref; NULL when it may not come in. A ban does not touch what we
 * asked its clients for. */
static struct source *admit(struct worker *worker, const spore_addr *peer, bool *asked_for_out)
{
	struct source *source = source_get(worker->shared->sources, peer);
	char text[ADDR_TEXT_SIZE];

	if (!source)
		return NULL;
	*asked_for_out = source_enter(source);
	if (*asked_for_out || !source_is_banned(source, clock_ms()))
		return source;
	control_count_refusal(worker, REFUSED_SOURCE);
	if (log_is_enabled(LOG_DEBUG))
		log_debug("connection refused", log_str("peer", addr_format(peer, text)),
		          log_str("reason", refusal_text(REFUSED_SOURCE)));
	source_leave(source, false);
	source_unref(source);
	return NULL;
}

/* A new descriptor is the lowest that is free, so a high one says that few are. */
static void make_room(struct worker *worker, const struct control *newcomer, int fd)
{
	bool scarce = fd >= worker_limits(worker)->scarce_fd;
	struct stranger *who = stranger_to_go(&worker->strangers, &newcomer->stranger,
	                                      worker_limits(worker), scarce);

	if (who)
		control_cut_off(CONTAINER_OF(who, struct control, stranger), REFUSED_CROWD);
}

/* Not even a session could be made of it. */
static void drop(struct worker *worker, int fd, struct source *source, bool asked_for)
{
	control_count_refusal(worker, REFUSED_NO_MEMORY);
	log_error("connection refused: out of memory", log_int("descriptor", fd));
	source_leave(source, asked_for);
	source_unref(source);
	sock_reset(fd);
}

void entry_start(struct worker *worker, int fd, const spore_addr *peer, const spore_addr *local)
{
	bool asked_for = false;
	struct source *source = admit(worker, peer, &asked_for);
	struct control *c;
	struct err err;

	if (!source) {
		sock_reset(fd);
		return;
	}
	c = control_new(worker, source, fd, peer, local);
	if (!c) {
		drop(worker, fd, source, asked_for);
		return;
	}
	stream_set_owner(c->stream, on_opening, c);
	if (!stranger_add(&worker->strangers, &c->stranger, source, asked_for)) {
		log_error("connection refused: out of memory", log_int("descriptor", fd));
		control_cut_off(c, REFUSED_NO_MEMORY);
		return;
	}
	make_room(worker, c, fd);
	if (!transport_wrap(c->set, c->stream, SPORE_ROLE_SERVER, NULL, &err)) {
		control_count_refusal(worker, REFUSED_HANDSHAKE);
		control_log(c, LOG_ERROR, "connection refused", err.text);
		control_end(c);
		return;
	}
	if (transport_open(c->stream))
		become_open(c);
}
