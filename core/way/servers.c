#include "way/servers.h"

#include "base/crypto.h"
#include "loop/loop.h"
#include "net/addr.h"

static const double look_s = 5.0;

bool server_place_equal(const struct server_place *a, const struct server_place *b)
{
	return a->index == b->index && addr_equal(&a->addr, &b->addr);
}

/* The clients of a server that returns do not all come at once. */
static void start_look(struct servers *servers)
{
	uint8_t random = 0;

	crypto_random(&random, sizeof random);
	ev_timer_set(&servers->look, look_s * (1.0 - random / 512.0), 0.0);
	ev_timer_start(loop_ev(servers->loop), &servers->look);
}

static void on_look_due(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct servers *servers = timer->data;

	(void)ev;
	(void)events;
	if (servers->on_look(servers->arg))
		start_look(servers);
}

void servers_init(struct servers *servers, const struct client_settings *settings,
                  struct loop *loop, bool (*on_look)(void *arg), void *arg)
{
	*servers = (struct servers){ .items = settings->servers,
		                     .n = (unsigned)settings->n_servers,
		                     .loop = loop,
		                     .on_look = settings->prefer_first ? on_look : NULL,
		                     .arg = arg };
	ev_timer_init(&servers->look, on_look_due, 0.0, 0.0);
	servers->look.data = servers;
}

const struct client_server *servers_at(const struct servers *servers, unsigned index)
{
	return &servers->items[index];
}

bool servers_move_on(struct servers *servers, unsigned index)
{
	if (servers->n < 2 || index != servers->current)
		return false;
	servers->current = (index + 1) % servers->n;
	return true;
}

/* Tunnels that stand elsewhere are looked for even if the first server has one, since they may
 * not have been able to return to it. */
void servers_stay(struct servers *servers, unsigned index)
{
	servers->current = index;
	if (index > 0 && servers->on_look && !ev_is_active(&servers->look))
		start_look(servers);
}

void servers_stop(struct servers *servers)
{
	ev_timer_stop(loop_ev(servers->loop), &servers->look);
}
