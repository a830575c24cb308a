/* client_tunnel - what a client has for one of its tunnels: two sessions, one of which has the
 * control connection, the decliner, and on each worker the connections opened ahead.
 *
 * Main makes a tunnel, and the workers use it. A tunnel that a reload ends is left by one worker
 * after the other. Its visitors go on. The memory is freed once neither a worker nor a visitor uses
 * the tunnel any more. */
#ifndef CORE_CLIENT_CLIENT_TUNNEL_H
#define CORE_CLIENT_CLIENT_TUNNEL_H

#include "carry/ahead.h"
#include "carry/decline.h"
#include "client/session.h"
#include "health/health.h"
#include "relay/bucket.h"
#include "thread/users.h"

struct client_worker;
struct config;

struct client_tunnel {
	struct list node;   /* in the client's list; [worker] 0, as the sessions */
	struct users users; /* each worker that has not left it, and each visitor in flight */
	struct loop_task end;
	bool is_over;          /* both sessions are; [worker] 0 */
	atomic_bool is_open;   /* set on worker 0 */
	atomic_bool has_ended; /* as is_over, for other threads */
	struct session sessions[2];
	struct decliner decliner;
	struct health health;     /* of the service; [worker] 0, as the next */
	uint32_t service;         /* its series of the metrics; 0: it has none */
	struct bucket buckets[2]; /* limits on the rate, on all workers: up and down */
	unsigned n_workers;
	struct ahead_pool pools[]; /* one for each worker */
};

struct tickets;

struct client_tunnel_spec {
	struct client_worker *workers; /* borrowed: they outlive the tunnel */
	unsigned n_workers;
	struct config *config;                  /* a reference is taken */
	const struct tunnel_settings *settings; /* of that configuration */
	const struct tickets *tickets;          /* of an earlier process; NULL: none */
	/* The callbacks of its sessions. The `owner` of such a session is the tunnel. */
	void (*on_news)(struct session *session);
	void (*on_over)(struct session *session, enum client_exit status);
};

/* NULL: out of memory. [main] */
struct client_tunnel *client_tunnel_new(const struct client_tunnel_spec *spec);
/* Frees a tunnel that no worker has taken. NULL is fine. [main] */
void client_tunnel_free(struct client_tunnel *tunnel);

/* The tunnel is the last one in the worker's list from now on. [worker] */
void client_tunnel_join(struct client_tunnel *tunnel, struct client_worker *worker);
/* The tunnel has other settings on this worker. They ask for the same port, and say the same to the
 * server. [worker] */
void client_tunnel_use(struct client_tunnel *tunnel, const struct client_worker *worker,
                       struct config *config, const struct tunnel_settings *settings);
/* The worker opens no more connections for the tunnel, and may be the last to use it. The first
 * worker closes the control connection, too. [worker] */
void client_tunnel_leave(struct client_tunnel *tunnel, const struct client_worker *worker);

/* Adds the tickets that the sessions have not shown yet. [worker] 0 */
void client_tunnel_note_tickets(const struct client_tunnel *tunnel, struct tickets *tickets);
/* Shows the service in the metrics if it is checked; otherwise hides it. [worker] 0 */
void client_tunnel_show_service(struct client_tunnel *tunnel);
/* Hides it until it is shown again, maybe under another name. [worker] 0 */
void client_tunnel_hide_service(struct client_tunnel *tunnel);
/* Starts the first session, and the checks of the service. [worker] 0 */
void client_tunnel_start(struct client_tunnel *tunnel);
/* Ends both sessions and the checks. Idempotent. [worker] 0 */
void client_tunnel_stop(struct client_tunnel *tunnel);
/* Does it stand, or is it tried again whatever other tunnels do? [worker] 0 */
bool client_tunnel_lives(const struct client_tunnel *tunnel);
/* The session that says most about the tunnel: the one that stands, or else the one that tries.
 * [worker] 0 */
const struct session *client_tunnel_speaker(const struct client_tunnel *tunnel);
/* A reload opens the tunnel, so it is tried again as one that has stood. It goes on where `before`
 * ends (NULL: nowhere): it asks for the port that `before` had. [worker] 0, before the tunnel's
 * start and the end of `before` */
void client_tunnel_inherit(struct client_tunnel *tunnel, const struct client_tunnel *before);

#endif
