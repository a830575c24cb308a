#include "client/uplink.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "lane/lane.h"
#include "log/status.h"
#include "net/stream.h"
#include "option/value_number.h"

/* Behind a visitor's end, the next visitor may have come with its first bytes. */
enum { RESUMED_MOST = LINK_MAX_IN + LANE_HEADER + LANE_FIRST_MOST };

static void on_link_message(struct link *link, const struct message *message);
static void on_link_fault(struct link *link, enum link_fault fault);
static void on_link_end(struct link *link, const char *why);
static const struct link_events link_events = { on_link_message, on_link_fault, on_link_end };

static struct uplink *uplink_of(struct link *link)
{
	return CONTAINER_OF(link, struct uplink, link);
}

static const struct client_server *server_of(const struct uplink *uplink)
{
	return servers_at(&uplink->worker->shared->servers, uplink->server.index);
}

/* `why` may point into the stream, so it is copied before the stream is closed. */
static void fail_uplink_with(struct uplink *uplink, struct uplink_failure failure)
{
	char text[sizeof(struct err)];

	snprintf(text, sizeof text, "%s", failure.why);
	failure.why = text;
	uplink_stop(uplink);
	uplink->events->on_failed(uplink, &failure);
}

static void fail_uplink(struct uplink *uplink, enum uplink_fault fault, const char *why)
{
	fail_uplink_with(uplink, (struct uplink_failure){ .fault = fault, .why = why });
}

/* Nothing has come of the connection. */
static void fail_to_reach(struct uplink *uplink, const char *why, enum shortage lacks)
{
	fail_uplink_with(uplink, (struct uplink_failure){
					 .fault = UPLINK_UNREACHED, .why = why, .lacks = lacks });
}

static void become_ready(struct uplink *uplink)
{
	uplink->state = UPLINK_READY;
	deadline_stop(&uplink->deadline);
	link_resume(&uplink->link);
	uplink->events->on_ready(uplink);
}

/* ---- the challenge ---- */

static void fail_to_answer(struct uplink *uplink, spore_status status)
{
	char why[160 + STATUS_TEXT_SIZE], text[STATUS_TEXT_SIZE];

	snprintf(why, sizeof why,
	         "cannot answer the server's challenge: auth plugin %.80s failed: %s",
	         uplink->set->chains[CHAIN_AUTH]->items[0]->name, status_text(status, text));
	fail_uplink(uplink, status == SPORE_EUNSUPPORTED ? UPLINK_CANNOT_ANSWER : UPLINK_FAILED,
	            why);
}

static void on_answered(struct auth_run *run, int32_t status)
{
	struct uplink *uplink = CONTAINER_OF(run, struct uplink, auth);
	struct message message = { .type = MESSAGE_AUTHENTICATE };

	if (status != SPORE_OK) {
		fail_to_answer(uplink, status);
		return;
	}
	strcpy(message.text, run->answer);
	link_send(&uplink->link, &message);
	become_ready(uplink);
}

static void answer_challenge(struct uplink *uplink, const struct uuid *challenge)
{
	struct auth_question question = {
		.set = uplink->set,
		.stream = uplink->link.stream,
		.purpose = uplink->purpose,
		.deadline_ms = uplink->deadline.at_ms,
		.server_name = server_of(uplink)->host,
	};
	spore_status status;

	memcpy(question.challenge, challenge->bytes, sizeof question.challenge);
	uplink->offers = spore_challenge_offers(challenge->bytes);
	uplink->state = UPLINK_ANSWERING;
	link_pause(&uplink->link);
	status = auth_answer(&uplink->auth, &question, on_answered);
	if (status != SPORE_EPENDING)
		fail_to_answer(uplink, status);
}

static void take_error(struct uplink *uplink, const char *error)
{
	char why[320];
	struct uplink_failure failure = { .fault = UPLINK_REFUSED,
		                          .refusal = refusal_parse(error),
		                          .why = why,
		                          .wait_ms = refusal_wait_ms(error) };

	snprintf(why, sizeof why, "server error: %s", error);
	fail_uplink_with(uplink, failure);
}

/* ---- events of the link ---- */

static void on_link_message(struct link *link, const struct message *message)
{
	struct uplink *uplink = uplink_of(link);

	if (uplink->state == UPLINK_READY)
		uplink->events->on_message(uplink, message);
	else if (message->type == MESSAGE_CHALLENGE)
		answer_challenge(uplink, &message->id);
	else if (message->type == MESSAGE_ERROR)
		take_error(uplink, message->text);
	else
		fail_uplink(uplink, UPLINK_NOT_CHALLENGED,
		            "expected authentication challenge, but no secret was required");
}

static void on_link_fault(struct link *link, enum link_fault fault)
{
	struct uplink *uplink = uplink_of(link);
	const char *why = fault == LINK_TOO_LONG
	                          ? "the server sent a frame of more than 256 bytes: is it a bore "
	                            "or Spore server, and do both sides use the same transport "
	                            "(TLS or not)?"
	                          : "the server sent an invalid message: is it a bore or Spore "
	                            "server, and do both sides use the same transport (TLS or "
	                            "not)?";

	if (uplink->state == UPLINK_READY)
		uplink->events->on_end(uplink, why);
	else
		fail_uplink(uplink, UPLINK_FAILED, why);
}

enum { REFUSED_BY_MS = 1000, VAIN_SIZE = 200 };

/* A server without a secret waits for the client's first message, while the client waits for a
 * Challenge. Such a server closes the connection later than one that refuses the client. */
static const char *explain_vain_wait(const struct uplink *uplink, char out[VAIN_SIZE])
{
	int64_t waited_ms = clock_ms() - uplink->awaits_since_ms;

	if (uplink->state != UPLINK_AWAITING_CHALLENGE || waited_ms < REFUSED_BY_MS ||
	    stream_complaint(uplink->link.stream))
		return NULL;
	snprintf(out, VAIN_SIZE,
	         "the server closed the connection after %lld s without a Challenge: do both sides "
	         "use a secret and the same transport (TLS or not)?",
	         (long long)(waited_ms / 1000));
	return out;
}

static void on_link_end(struct link *link, const char *why)
{
	struct uplink *uplink = uplink_of(link);
	char text[VAIN_SIZE];
	const char *vain = why ? NULL : explain_vain_wait(uplink, text);

	if (uplink->state == UPLINK_READY)
		uplink->events->on_end(uplink, why);
	else if (vain)
		fail_uplink(uplink, UPLINK_FAILED, vain);
	else
		fail_uplink(uplink, stream_complaint(link->stream) ? UPLINK_FAILED : UPLINK_ENDED,
		            why ? why : "the connection was closed");
}

/* ---- deadlines ---- */

void uplink_expect_answer(struct uplink *uplink)
{
	deadline_start(&uplink->worker->answers, &uplink->deadline);
}

void uplink_end_wait(struct uplink *uplink)
{
	deadline_stop(&uplink->deadline);
}

enum { LATE_SIZE = 320 };

/* What the client has waited for, how long, and which option makes it wait longer. */
static const char *explain_late(const struct uplink *uplink, char out[LATE_SIZE])
{
	char waited[VALUE_SCALED_SIZE];

	value_format_duration(client_worker_settings(uplink->worker)->answer_timeout, waited);
	if (uplink->state == UPLINK_OPENING)
		snprintf(out, LATE_SIZE,
		         "the transport's handshake timed out (%.100s%s%.100s) after %s "
		         "(client.answer_timeout)",
		         stream_shaking(uplink->stream), uplink->way.by ? ", through " : "",
		         uplink->way.by ? uplink->way.host : "", waited);
	else if (uplink->state == UPLINK_AWAITING_CHALLENGE)
		snprintf(out, LATE_SIZE,
		         "no Challenge from the server within %s (client.answer_timeout): is it a "
		         "bore or Spore server, and do both sides use a secret and the same "
		         "transport (TLS or not)?",
		         waited);
	else if (uplink->state == UPLINK_ANSWERING)
		snprintf(out, LATE_SIZE,
		         "no answer to the server's Challenge from auth plugin %.80s within %s "
		         "(client.answer_timeout; a server waits 3s for it)",
		         uplink->set->chains[CHAIN_AUTH]->items[0]->name, waited);
	else
		snprintf(out, LATE_SIZE, "no answer from the server within %s (%s)", waited,
		         uplink->set->needs_challenge
		                 ? "client.answer_timeout, which must be longer than the server's "
		                   "server.auth_timeout if its auth plugins are slow"
		                 : "client.answer_timeout");
	return out;
}

/* False: no transport knows the way to the server. */
static bool find_way(struct uplink *uplink, struct err *err)
{
	const struct client_worker *worker = uplink->worker;
	const struct client_server *server = server_of(uplink);

	return transport_way(uplink->set, worker->loop, server->host, server->port, &uplink->way,
	                     err);
}

/* See uplink_start. */
static void fail_to_start(struct uplink *uplink)
{
	struct err err;

	if (find_way(uplink, &err))
		fail_to_reach(uplink, "out of memory", SHORTAGE_MEMORY);
	else
		fail_to_reach(uplink, err.text, SHORTAGE_NONE);
}

void uplink_on_late(struct deadline *deadline)
{
	struct uplink *uplink = CONTAINER_OF(deadline, struct uplink, deadline);
	char why[LATE_SIZE];

	switch (uplink->state) {
	case UPLINK_CLOSED:
		break;
	case UPLINK_DIALLING:
		fail_to_start(uplink);
		break;
	case UPLINK_OPENING:
		fail_uplink(uplink, UPLINK_UNREACHED, explain_late(uplink, why));
		break;
	case UPLINK_AWAITING_CHALLENGE:
	case UPLINK_ANSWERING:
		fail_uplink(uplink, UPLINK_FAILED, explain_late(uplink, why));
		break;
	case UPLINK_READY:
		uplink->events->on_late(uplink, explain_late(uplink, why));
		break;
	}
}

/* ---- opening ---- */

static void become_open(struct uplink *uplink)
{
	struct stream *stream = uplink->stream;

	uplink->stream = NULL;
	uplink->state = UPLINK_AWAITING_CHALLENGE;
	uplink->awaits_since_ms = clock_ms();
	link_init(&uplink->link, stream, MESSAGE_TO_CLIENT, &link_events);
	if (uplink->set->needs_challenge)
		uplink_expect_answer(uplink);
	else
		become_ready(uplink);
}

static void on_opening(struct stream *stream, unsigned happened, void *arg)
{
	struct uplink *uplink = arg;

	if (happened & STREAM_OPENED)
		become_open(uplink);
	else if (happened & STREAM_FAILED)
		fail_uplink(uplink, UPLINK_UNREACHED, stream_error(stream));
}

/* Puts the transports on the new stream and starts their handshakes. */
static void open_stream(struct uplink *uplink)
{
	const struct client_server *server = server_of(uplink);
	struct err err;

	uplink->state = UPLINK_OPENING;
	stream_set_owner(uplink->stream, on_opening, uplink);
	if (!transport_wrap(uplink->set->chains[CHAIN_TRANSPORT], uplink->stream, SPORE_ROLE_CLIENT,
	                    server->host, server->port, &err)) {
		fail_uplink(uplink, UPLINK_UNREACHED, err.text);
		return;
	}
	deadline_start(&uplink->worker->answers, &uplink->deadline);
	if (transport_open(uplink->stream))
		become_open(uplink);
}

static void fail_to_dial(struct uplink *uplink, const struct net_failure *failure)
{
	const struct client_server *server = server_of(uplink);
	const struct transport_way *way = &uplink->way;
	char text[720];

	if (way->by)
		snprintf(text, sizeof text,
		         "could not connect to %.200s:%u, through which transport %.60s reaches "
		         "%.200s: %.160s",
		         way->host, way->port, way->by, server->name, failure->why);
	else
		snprintf(text, sizeof text, "could not connect to %.200s:%u: %.160s", server->host,
		         server->port, failure->why);
	fail_to_reach(uplink, text, failure->lacks);
}

static void on_dialled(int fd, const spore_addr *addr, const struct net_failure *failure, void *arg)
{
	struct uplink *uplink = arg;

	uplink->dial = NULL;
	if (fd < 0) {
		fail_to_dial(uplink, failure);
		return;
	}
	uplink->server.addr = *addr;
	uplink->stream = stream_new(uplink->worker->loop, fd, addr, NULL);
	if (!uplink->stream) {
		close(fd);
		fail_to_reach(uplink, "out of memory", SHORTAGE_MEMORY);
		return;
	}
	open_stream(uplink);
}

static void start_dial(struct uplink *uplink, const spore_addr *addr)
{
	const struct client_worker *worker = uplink->worker;
	const struct client_settings *settings = client_worker_settings(worker);
	struct dial_target target = {
		.host = uplink->way.host,
		.port = uplink->way.port,
		.timeout_ms = settings->connect_timeout,
		.sizes = { (int)settings->sndbuf, (int)settings->recbuf },
		.addr = *addr,
	};

	uplink->dial = dial_start(worker->loop, worker->shared->resolver, &target, on_dialled,
	                          uplink);
}

void uplink_start(struct uplink *uplink, struct client_worker *worker, uint32_t purpose,
                  const struct server_place *place, const struct uplink_events *events)
{
	struct err unused;

	*uplink = (struct uplink){
		.state = UPLINK_DIALLING,
		.worker = worker,
		.set = plugin_set_ref(worker->set),
		.purpose = purpose,
		.events = events,
		.server = { .index = place->index },
	};
	deadline_init(&uplink->deadline);
	if (find_way(uplink, &unused))
		start_dial(uplink, &place->addr);
	/* No way or no memory: the deadline reports it, because on_failed must not run here. */
	if (!uplink->dial)
		deadline_start_now(&worker->answers, &uplink->deadline);
}

bool uplink_resume(struct uplink *uplink, struct client_worker *worker, struct stream *stream,
                   struct buf *received, const struct uplink_events *events)
{
	*uplink = (struct uplink){
		.state = UPLINK_READY,
		.worker = worker,
		.set = plugin_set_ref(worker->set),
		.purpose = SPORE_AUTH_DATA,
		.events = events,
		.server = { .addr = stream_conn(stream)->peer },
	};
	deadline_init(&uplink->deadline);
	link_init(&uplink->link, stream, MESSAGE_TO_CLIENT_EXTENDED, &link_events);
	return link_receive(&uplink->link, received, RESUMED_MOST);
}

void uplink_stop(struct uplink *uplink)
{
	if (uplink->state == UPLINK_CLOSED)
		return;
	dial_stop(uplink->dial);
	uplink->dial = NULL;
	auth_cancel(&uplink->auth, SPORE_END_CLOSED);
	deadline_stop(&uplink->deadline);
	if (uplink->state > UPLINK_OPENING)
		link_fini(&uplink->link, false);
	stream_close(uplink->stream, false);
	uplink->stream = NULL;
	plugin_set_unref(uplink->set);
	uplink->set = NULL;
	uplink->state = UPLINK_CLOSED;
}

int uplink_fd(const struct uplink *uplink)
{
	if (uplink->state > UPLINK_OPENING)
		return stream_fd(uplink->link.stream);
	return uplink->state == UPLINK_OPENING ? stream_fd(uplink->stream) : -1;
}
