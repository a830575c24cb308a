/* uplink - a connection to the server's control port, up to the point where it may speak: dialled,
 * its transports open, the Challenge answered. For control and data connections alike. Embedded in
 * its owner. [worker] */
#ifndef CORE_UPLINK_H
#define CORE_UPLINK_H

#include "chain/auth.h"
#include "client/shared.h"
#include "link/link.h"
#include "net/dial.h"

struct uplink;

/* UPLINK_FAILED: `why` says it all. UPLINK_REFUSED: the server said so, or asked for what we do not
 * have. UPLINK_ENDED: it ended, or never spoke, and nobody knows why. */
enum uplink_failure { UPLINK_FAILED, UPLINK_REFUSED, UPLINK_ENDED };

struct uplink_events {
	/* The link is the owner's to use: its first message, sent now, goes out with the answer to
	 * the Challenge in one segment. */
	void (*on_ready)(struct uplink *uplink);
	/* Before on_ready: why there will be no link. The uplink is over. */
	void (*on_failed)(struct uplink *uplink, const char *why, enum uplink_failure failure);
	/* After on_ready, of the link. */
	void (*on_message)(struct uplink *uplink, const struct message *message);
	void (*on_end)(struct uplink *uplink, const char *why);
};

struct uplink {
	struct client_worker *worker;
	const struct uplink_events *events;
	uint32_t purpose; /* SPORE_AUTH_* */
	struct dial *dial;
	struct stream *stream; /* owned until the link takes it */
	struct link link;
	struct deadline deadline; /* of the opening */
	struct auth_run auth;
	bool linked, ready;
};

void uplink_start(struct uplink *uplink, struct client_worker *worker, uint32_t purpose,
                  const struct uplink_events *events);
/* Closes whatever there is. Idempotent. */
void uplink_stop(struct uplink *uplink);

/* For the worker's list of answers. */
void uplink_on_late(struct deadline *deadline);

#endif
