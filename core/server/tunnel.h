/* tunnel - a public port, and the visitors that arrive at it. Lives on the worker of its control
 * connection. [worker] */
#ifndef CORE_TUNNEL_H
#define CORE_TUNNEL_H

#include "server/worker.h"

struct link;
struct tunnel;

/* What a client asks for (0: any), or the listening socket that it is to have; that is taken. */
struct tunnel_port {
	uint16_t wanted;
	int fd; /* -1: none yet */
};

/* Opens the port and tells the client (Hello, then a Heartbeat). Takes the grant on success; source
 * is the client's. The link is borrowed and outlives the tunnel. NULL and *error_out, a text for
 * the client. */
struct tunnel *tunnel_open(struct worker *worker, struct link *link, struct source *source,
                           struct instance *by, struct grant **grant, struct tunnel_port port,
                           const char **error_out);
/* Gives its listening socket up, with the visitors that wait in it; -1 while draining. */
int tunnel_take_port(struct tunnel *tunnel);
/* The same tunnel under another owner, who was judged anew. Takes the grant on success. False and
 * *error_out, a text for the client: it may not have one. */
bool tunnel_change_owner(struct tunnel *tunnel, struct instance *by, struct grant **grant,
                         const char **error_out);
/* Closes the port; its relays go on. NULL is fine. */
void tunnel_close(struct tunnel *tunnel);
struct account *tunnel_account(const struct tunnel *tunnel);
/* How long it has stood under its owner. */
int64_t tunnel_age_ms(const struct tunnel *tunnel);

/* From now on one heartbeat of so many is enough. */
enum { TUNNEL_SELDOM = 20 };
void tunnel_beat_seldom(struct tunnel *tunnel);
/* Now, whether one is due or not: one who is not there does not acknowledge it. */
void tunnel_beat(const struct tunnel *tunnel);

/* On all of a worker's tunnels. */
/* A heartbeat to each, and to one of TUNNEL_SELDOM of those whose clients are content with that. */
void tunnel_beat_all(struct list *tunnels, unsigned nth);
void tunnel_stop_accepting_all(struct list *tunnels);

#endif
