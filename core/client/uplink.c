#include "client/uplink.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "chain/transport.h"
#include "host/status.h"
#include "net/stream.h"

/* As bore's client. */
enum { DIAL_MS = 3000 };

static void on_link_message(struct link *link, const struct message *message);
static void on_link_fault(struct link *link, enum link_fault fault);
static void on_link_end(struct link *link, const char *why);
static const struct link_events link_events = { on_link_message, on_link_fault, on_link_end };

static struct uplink *uplink_of(struct link *link)
{
	return CONTAINER_OF(link, struct uplink, link);
}

static void fail(struct uplink *uplink, const char *why, enum uplink_failure failure)
{
	char text[sizeof(struct err)];

	/* Some of what `why` may point into goes with the stream. */
	snprintf(text, sizeof text, "%s", why);
	uplink_stop(uplink);
	uplink->events->on_failed(uplink, text, failure);
}

static void become_ready(struct uplink *uplink)
{
	uplink->ready = true;
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
	         uplink->worker->shared->set->chains[CHAIN_AUTH]->items[0]->name, status_text(status, text));
	fail(uplink, why, UPLINK_FAILED);
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

static void answer(struct uplink *uplink, const struct uuid *challenge)
{
	struct auth_question question = {
		.set = uplink->worker->shared->set,
		.stream = uplink->link.stream,
		.purpose = uplink->purpose,
		.deadline_ms = uplink->deadline.at_ms,
		.server_name = uplink->worker->shared->settings->to,
	};
	spore_status status;

	memcpy(question.challenge, challenge->bytes, sizeof question.challenge);
	link_pause(&uplink->link);
	status = auth_answer(&uplink->auth, &question, on_answered);
	if (status != SPORE_EPENDING)
		fail_to_answer(uplink, status);
}

static void on_link_message(struct link *link, const struct message *message)
{
	struct uplink *uplink = uplink_of(link);
	char text[320];

	if (uplink->ready) {
		uplink->events->on_message(uplink, message);
	} else if (message->type == MESSAGE_CHALLENGE) {
		answer(uplink, &message->id);
	} else if (message->type == MESSAGE_ERROR) {
		snprintf(text, sizeof text, "server error: %s", message->text);
		fail(uplink, text, UPLINK_REFUSED);
	} else {
		fail(uplink, "expected authentication challenge, but no secret was required",
		     UPLINK_REFUSED);
	}
}

static void on_link_fault(struct link *link, enum link_fault fault)
{
	struct uplink *uplink = uplink_of(link);
	const char *why =
		fault == LINK_TOO_LONG
			? "the server sent a frame of more than 256 bytes: is it a bore or "
			  "Spore server, and do both sides use the same transport (TLS or not)?"
			: "the server sent something that is no message: is it a bore or Spore "
			  "server, and do both sides use the same transport (TLS or not)?";

	if (uplink->ready)
		uplink->events->on_end(uplink, why);
	else
		fail(uplink, why, UPLINK_FAILED);
}

static void on_link_end(struct link *link, const char *why)
{
	struct uplink *uplink = uplink_of(link);

	if (uplink->ready)
		uplink->events->on_end(uplink, why);
	else
		fail(uplink, why ? why : "the connection was closed",
		     stream_complaint(link->stream) ? UPLINK_FAILED : UPLINK_ENDED);
}

void uplink_on_late(struct deadline *deadline)
{
	struct uplink *uplink = CONTAINER_OF(deadline, struct uplink, deadline);

	if (uplink->ready)
		uplink->events->on_end(uplink, "timed out waiting for initial message");
	else
		fail(uplink,
		     uplink->linked ? "timed out waiting for initial message"
		                    : "the transport's handshake timed out",
		     uplink->linked ? UPLINK_ENDED : UPLINK_FAILED);
}

/* ---- opening ---- */

static void become_open(struct uplink *uplink)
{
	struct stream *stream = uplink->stream;

	uplink->stream = NULL;
	uplink->linked = true;
	link_init(&uplink->link, stream, MESSAGE_TO_CLIENT, &link_events);
	if (uplink->worker->shared->set->needs_challenge)
		deadline_start(&uplink->worker->answers, &uplink->deadline);
	else
		become_ready(uplink);
}

static void on_opening(struct stream *stream, unsigned happened, void *arg)
{
	struct uplink *uplink = arg;

	if (happened & STREAM_OPENED)
		become_open(uplink);
	else
		fail(uplink, stream_error(stream), UPLINK_FAILED);
}

static void on_dialled(int fd, const spore_addr *addr, const char *why, void *arg)
{
	struct uplink *uplink = arg;
	const struct client_settings *settings = uplink->worker->shared->settings;
	char text[400];
	struct err err;

	uplink->dial = NULL;
	if (fd < 0) {
		snprintf(text, sizeof text, "could not connect to %.200s:%lld: %.160s",
		         settings->to, (long long)settings->control_port, why);
		fail(uplink, text, UPLINK_FAILED);
		return;
	}
	uplink->stream = stream_new(uplink->worker->loop, fd, addr, NULL);
	if (!uplink->stream) {
		close(fd);
		fail(uplink, "out of memory", UPLINK_FAILED);
		return;
	}
	stream_set_owner(uplink->stream, on_opening, uplink);
	if (!transport_wrap(uplink->worker->shared->set, uplink->stream, SPORE_ROLE_CLIENT,
	                    settings->to, &err)) {
		fail(uplink, err.text, UPLINK_FAILED);
		return;
	}
	deadline_start(&uplink->worker->answers, &uplink->deadline);
	if (transport_open(uplink->stream))
		become_open(uplink);
}

void uplink_start(struct uplink *uplink, struct client_worker *worker, uint32_t purpose,
                  const struct uplink_events *events)
{
	const struct client_settings *settings = worker->shared->settings;
	struct dial_target target = {
		.host = settings->to,
		.port = (uint16_t)settings->control_port,
		.timeout_ms = DIAL_MS,
		.sizes = { (int)settings->sndbuf, (int)settings->recbuf },
	};

	*uplink = (struct uplink){ .worker = worker, .purpose = purpose, .events = events };
	deadline_init(&uplink->deadline);
	uplink->dial = dial_start(worker->loop, worker->shared->resolver, &target, on_dialled,
	                          uplink);
	if (!uplink->dial)
		deadline_start(&worker->answers,
		               &uplink->deadline); /* its lateness tells of the failure */
}

void uplink_stop(struct uplink *uplink)
{
	dial_stop(uplink->dial);
	uplink->dial = NULL;
	auth_cancel(&uplink->auth);
	if (uplink->worker)
		deadline_stop(&uplink->deadline);
	if (uplink->linked)
		link_fini(&uplink->link, false);
	stream_close(uplink->stream, false);
	uplink->stream = NULL;
}
