/* session - a tunnel's control connection, on the client's first worker: Hello, then the server's
 * heartbeats and the visitors that it announces. [worker] */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "client/client.h"
#include "client/uplink.h"

struct tunnel_settings;

struct session {
	struct uplink uplink;
	const struct tunnel_settings *tunnel; /* borrowed from the config */
	struct client_worker *workers;        /* among which visitors are spread; the first is ours */
	unsigned n_workers;
	uint16_t port;                        /* public; 0 before the server's Hello */
	bool over;
	/* The connection has ended, or never came to be. */
	void (*on_over)(struct session *session, enum client_exit status);
};

void session_start(struct session *session);
void session_stop(struct session *session);

#endif
