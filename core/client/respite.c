#include "client/respite.h"

#include "base/container.h"
#include "carry/shared.h"
#include "chain/transport.h"
#include "config/settings.h"
#include "net/addr.h"
#include "net/resolve.h"

static const double tick_s = 2.0;
enum { LEAVING_MS = 60000 };

static void end_respite(struct respite *respite)
{
	respite_stop(respite);
	respite->on_moot(respite);
}

/* A look-up that fails says nothing. */
static void on_looked(void *arg, const spore_addr *addrs, size_t n,
                      const struct net_failure *failure)
{
	struct respite *respite = arg;
	bool is_there = n == 0;

	(void)failure;
	respite->look = NULL;
	for (size_t i = 0; i < n && !is_there; i++)
		is_there = addr_equal(&addrs[i], &respite->by.addr);
	if (!is_there)
		end_respite(respite);
}

static void on_tick(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct respite *respite = timer->data;
	const struct client_shared *shared = respite->worker->shared;
	const struct client_server *server = servers_at(&shared->servers, respite->by.index);
	struct transport_way way;
	struct err err;

	(void)ev;
	(void)events;
	if (!respite->look && transport_way(respite->worker->set, respite->worker->loop,
	                                    server->host, server->port, &way, &err))
		respite->look = resolve_start(shared->resolver, respite->worker->loop, way.host,
		                              way.port, on_looked, respite);
}

void respite_init(struct respite *respite, struct client_worker *worker,
                  void (*on_moot)(struct respite *respite))
{
	*respite = (struct respite){ .worker = worker, .on_moot = on_moot };
	list_init(&respite->node);
	ev_timer_init(&respite->tick, on_tick, tick_s, tick_s);
	respite->tick.data = respite;
}

void respite_start(struct respite *respite, const struct server_place *by)
{
	respite->by = *by;
	list_append(&respite->worker->shared->respites, &respite->node);
	ev_timer_start(loop_ev(respite->worker->loop), &respite->tick);
}

void respite_stop(struct respite *respite)
{
	list_remove(&respite->node);
	ev_timer_stop(loop_ev(respite->worker->loop), &respite->tick);
	resolve_stop(respite->look);
	respite->look = NULL;
}

void respite_end_with(struct client_worker *worker, const struct server_place *server)
{
	struct client_shared *shared = worker->shared;
	struct list *next;

	shared->leaver = (struct leaver){ *server, loop_now_ms(worker->loop) };
	for (struct list *i = shared->respites.next; i != &shared->respites; i = next) {
		struct respite *respite = CONTAINER_OF(i, struct respite, node);

		next = i->next;
		if (server_place_equal(&respite->by, server))
			end_respite(respite);
	}
}

bool respite_is_owed(const struct client_worker *worker, const struct server_place *server)
{
	const struct leaver *leaver = &worker->shared->leaver;

	return !leaver->place.addr.family || !server_place_equal(&leaver->place, server) ||
	       loop_now_ms(worker->loop) - leaver->at_ms > LEAVING_MS;
}
