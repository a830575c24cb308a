#include "server/census.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/container.h"
#include "server/control.h"
#include "server/forward.h"
#include "server/tunnel.h"

static void describe(const struct control *c, struct census_tunnel *out)
{
	struct account *account = tunnel_account(c->tunnel);

	*out = (struct census_tunnel){
		.id = account->id,
		.port = account->port,
		.beats = c->extended,
		.client = c->peer,
		.age_ms = tunnel_age_ms(c->tunnel),
		.visitors = atomic_load(&account->inside),
		.pending = atomic_load(&account->pending),
		.visitors_all = atomic_load(&account->conns),
		.bytes_up = atomic_load(&account->bytes_up),
		.bytes_down = atomic_load(&account->bytes_down),
	};
	snprintf(out->identity, sizeof out->identity, "%s", account_identity(account));
}

static struct control *next_tunnel(const struct list *sessions, const struct list *behind)
{
	for (struct list *i = behind->next; i != sessions; i = i->next) {
		struct control *c = CONTAINER_OF(i, struct control, node);

		if (c->state == TUNNEL)
			return c;
	}
	return NULL;
}

/* `room`: of the array. */
static void list_tunnels(struct worker *worker, struct census *census, size_t room)
{
	const struct list *sessions = &worker->sessions;
	const struct control *c = next_tunnel(sessions, sessions);

	for (; c && census->tunnels_shown < room; c = next_tunnel(sessions, &c->node))
		describe(c, &census->tunnels[census->tunnels_shown++]);
}

struct relay_list {
	struct census *census;
	size_t room;
};

static bool list_relay(const struct relay_view *view, void *arg)
{
	struct relay_list *list = arg;
	struct census *census = list->census;

	if (census->relays_shown == list->room)
		return false;
	forward_describe(view, &census->relays[census->relays_shown++]);
	return true;
}

static void kick(struct worker *worker, uint64_t id, struct census *census)
{
	struct list *sessions = &worker->sessions;
	struct control *c = next_tunnel(sessions, sessions);

	census->relays_ended = relay_reset_those(&worker->relays, forward_is_of, id);
	while (c && tunnel_account(c->tunnel)->id != id)
		c = next_tunnel(sessions, &c->node);
	if (!c)
		return;
	control_end_with_error(c, "closed by the operator");
	census->tunnels_ended = 1;
}

static unsigned count(const struct list *all)
{
	unsigned n = 0;

	for (const struct list *i = all->next; i != all; i = i->next)
		n++;
	return n;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

struct census *census_take(struct worker *worker, const struct census_question *question)
{
	struct census *census = calloc(1, sizeof *census);
	size_t tunnels, relays;

	if (!census)
		return NULL;
	census->n_tunnels = count(&worker->tunnels);
	census->n_relays = worker->relays.count;
	census->n_strangers = worker->strangers.count;
	census->vitals = loop_vitals(worker->loop);
	tunnels = question->what & CENSUS_TUNNELS ? least(census->n_tunnels, question->most) : 0;
	relays = question->what & CENSUS_RELAYS ? least(census->n_relays, question->most) : 0;
	census->tunnels = calloc(tunnels + 1, sizeof *census->tunnels);
	census->relays = calloc(relays + 1, sizeof *census->relays);
	if (!census->tunnels || !census->relays) {
		census_free(census);
		return NULL;
	}
	list_tunnels(worker, census, tunnels);
	relay_each(&worker->relays, list_relay, &(struct relay_list){ census, relays });
	if (question->kick)
		kick(worker, question->kick, census);
	return census;
}

void census_free(struct census *census)
{
	free(census->tunnels);
	free(census->relays);
	free(census);
}
