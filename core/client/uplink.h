/* uplink - a connection to the server's control port, until the client has answered the Challenge.
 * Control connections and data connections begin alike. Embedded in its owner. [worker] */
#ifndef CORE_UPLINK_H
#define CORE_UPLINK_H

#include "chain/transport.h"
#include "client/shared.h"
#include "link/link.h"
#include "net/dial.h"
#include "verdict/auth.h"
#include "wire/refusal.h"

struct uplink;

/*
 *           start         connected
 *   CLOSED ──────▶ DIALLING ──────▶ OPENING
 *                                      │ all transports are open
 *                  ┌───────────────────┤
 *                  │ with a secret     │ without a secret
 *                  ▼                   │
 *          AWAITING_CHALLENGE          │
 *                  │ Challenge         │
 *                  ▼                   ▼
 *              ANSWERING ──────────▶ READY
 *                         answered
 *
 * Any failure and uplink_stop lead back to CLOSED. */
enum uplink_state {
	UPLINK_CLOSED,
	UPLINK_DIALLING,
	UPLINK_OPENING,
	UPLINK_AWAITING_CHALLENGE,
	UPLINK_ANSWERING,
	UPLINK_READY
};

enum uplink_fault {
	UPLINK_UNREACHED,      /* no connection, or a transport did not open */
	UPLINK_ENDED,          /* the server closed it; the cause is unknown */
	UPLINK_REFUSED,        /* the server sent an Error */
	UPLINK_NOT_CHALLENGED, /* a secret is configured, but the server does not ask for it */
	UPLINK_CANNOT_ANSWER,  /* the auth plugin gives such a server no answer */
	UPLINK_FAILED          /* any other failure */
};

struct uplink_failure {
	enum uplink_fault fault;
	enum refusal refusal; /* with UPLINK_REFUSED only */
	const char *why;      /* valid during the call */
	enum shortage lacks;  /* with UPLINK_UNREACHED only: what this machine lacked */
	int64_t wait_ms;      /* with UPLINK_REFUSED: what the server asks for; 0: nothing */
};

struct uplink_events {
	/* The owner may use the link. A message that is sent now leaves in one segment with the
	 * answer to the Challenge. */
	void (*on_ready)(struct uplink *uplink);
	/* Instead of on_ready. The uplink is closed. */
	void (*on_failed)(struct uplink *uplink, const struct uplink_failure *failure);
	/* After on_ready: events of the link. The owner closes the uplink after on_end. */
	void (*on_message)(struct uplink *uplink, const struct message *message);
	void (*on_end)(struct uplink *uplink, const char *why);
	/* The answer that uplink_expect_answer waits for has not come in time. The owner closes the
	 * uplink. */
	void (*on_late)(struct uplink *uplink, const char *why);
};

struct uplink {
	enum uplink_state state;
	struct client_worker *worker;
	const struct uplink_events *events;
	struct plugin_set *set;     /* ref, until it is closed; of the worker when it began */
	uint32_t purpose;           /* SPORE_AUTH_* */
	uint32_t offers;            /* SPORE_OFFER_*: of the server's Challenge; 0 without one */
	struct server_place server; /* with its address once the uplink has been connected */
	struct transport_way way;   /* what is dialled */
	struct dial *dial;
	struct stream *stream; /* owned until the link takes it */
	struct link link;
	int64_t awaits_since_ms;  /* in AWAITING_CHALLENGE, by clock_ms */
	struct deadline deadline; /* of the handshakes, then of the server's answer */
	struct auth_run auth;
};

/* On an uplink that is closed; zeroed memory is closed. server: where to connect to, copied.
 * A data connection must go to the server that has announced its visitor, even if the name leads
 * elsewhere meanwhile. on_ready and on_failed never run from within. */
void uplink_start(struct uplink *uplink, struct client_worker *worker, uint32_t purpose,
                  const struct server_place *server, const struct uplink_events *events);
/* On an uplink that is closed: READY on the open stream of an earlier one, with the bytes that were
 * received on it since. Takes both. False: the server has sent too much; on_ready does not run in
 * any case. */
bool uplink_resume(struct uplink *uplink, struct client_worker *worker, struct stream *stream,
                   struct buf *received, const struct uplink_events *events);
/* Closes whatever is open. Idempotent. */
void uplink_stop(struct uplink *uplink);

/* The descriptor of its connection; -1: there is none. */
int uplink_fd(const struct uplink *uplink);

/* When ready: the server must answer in time, or on_late runs. */
void uplink_expect_answer(struct uplink *uplink);
/* The answer has come. */
void uplink_end_wait(struct uplink *uplink);

/* For the worker's list of answers. */
void uplink_on_late(struct deadline *deadline);

#endif
