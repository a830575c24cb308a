#include "server/census.h"

#include <stdio.h>
#include <stdlib.h>

#include "quota/ports.h"
#include "session/context.h"
#include "session/forward.h"
#include "session/server_session.h"
#include "session/tunnel.h"
#include "session/tunnel_session.h"

static void name_entry(const struct plugin_set *set, uint16_t port, char out[CENSUS_ENTRY_SIZE])
{
	const spore_list *list = &set->config->settings.public;
	const struct public_settings *entries = list->items;
	size_t at = ports_find_entry(list, port);

	*out = '\0';
	if (at < list->count && entries[at].name)
		snprintf(out, CENSUS_ENTRY_SIZE, "%s", entries[at].name);
	else if (at < list->count)
		snprintf(out, CENSUS_ENTRY_SIZE, "/public/%zu", at);
}

static void describe_tunnel(const struct server_session *s, struct census_tunnel *out)
{
	const struct tunnel *tunnel = tunnel_session_tunnel(s);
	struct account *account = tunnel_account(tunnel);

	*out = (struct census_tunnel){
		.id = account->id,
		.port = account->port,
		.beats = tunnel_session_is_heard(s),
		.shared = tunnel_is_shared(tunnel),
		.client = s->peer,
		.age_ms = tunnel_age_ms(tunnel),
		.visitors = atomic_load(&account->inside),
		.pending = atomic_load(&account->pending),
		.visitors_all = atomic_load(&account->visitors),
		.bytes_up = atomic_load(&account->bytes_up),
		.bytes_down = atomic_load(&account->bytes_down),
		.readiness = *tunnel_readiness(tunnel),
		.refusing = tunnel_refusing(tunnel),
	};
	for (int i = 0; i < USE_PERIODS; i++) {
		out->used[i] = atomic_load(&account->usage->used[i]);
		out->allowed[i] = atomic_load(&account->usage->allowed[i]);
	}
	snprintf(out->identity, sizeof out->identity, "%s", account_identity(account));
	name_entry(s->worker->set, account->port, out->entry);
	entry_explain_denial(s, out->denial);
	tunnel_names(tunnel, out->names);
	about_copy(tunnel_session_about(s), &out->about);
}

/* `room`: of the array. */
static void list_tunnels(const struct server_worker *worker, struct census *census, size_t room)
{
	const struct server_session *s = server_sessions_first(worker, LIST_TUNNELS);

	for (; s && census->tunnels_shown < room; s = server_sessions_next(s))
		describe_tunnel(s, &census->tunnels[census->tunnels_shown++]);
}

static void count_unserved(const struct server_worker *worker, struct census *census)
{
	const struct server_session *s = server_sessions_first(worker, LIST_TUNNELS);

	for (; s; s = server_sessions_next(s)) {
		census->n_denied += s->is_denied;
		census->n_refusing += tunnel_refusing(tunnel_session_tunnel(s)) != NULL;
	}
}

struct relay_list {
	struct census *census;
	size_t room;
};

static bool list_relay(const struct relay_view *view, void *arg)
{
	const struct relay_list *list = arg;
	struct census *census = list->census;
	struct census_relay *relay = &census->relays[census->relays_shown];
	struct forward_view forward;

	if (census->relays_shown == list->room)
		return false;
	census->relays_shown++;
	forward = forward_look(view->arg);
	*relay = (struct census_relay){
		.id = forward.id,
		.tunnel = forward.tunnel,
		.port = forward.port,
		.visitor = forward.visitor,
		.age_ms = forward.age_ms,
		.idle_ms = view->quiet_ms,
		.bytes_up = view->bytes[1],
		.bytes_down = view->bytes[0],
	};
	snprintf(relay->identity, sizeof relay->identity, "%s", forward.identity);
	return true;
}

static void count_chooser(const struct chooser_view *view, void *arg)
{
	(void)view;
	((struct census *)arg)->n_choosers++;
}

static void list_chooser(const struct chooser_view *view, void *arg)
{
	struct census *census = arg;

	census->choosers[census->n_choosers++] = *view;
}

/* False: out of memory. */
static bool list_choosers(const struct server_worker *worker, struct census *census)
{
	choosers_each(worker, count_chooser, census);
	census->choosers = calloc(census->n_choosers + 1, sizeof *census->choosers);
	census->n_choosers = 0;
	if (census->choosers)
		choosers_each(worker, list_chooser, census);
	return census->choosers != NULL;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

struct census *census_take(struct server_worker *worker, const struct census_question *question)
{
	struct census *census = calloc(1, sizeof *census);
	size_t tunnels, relays;

	if (!census)
		return NULL;
	census->n_tunnels = worker->sessions[LIST_TUNNELS].count;
	census->n_relays = worker->relays.count;
	census->n_strangers = worker->strangers.count;
	count_unserved(worker, census);
	census->vitals = loop_vitals(worker->loop);
	tunnels = question->what & CENSUS_TUNNELS ? least(census->n_tunnels, question->most) : 0;
	relays = question->what & CENSUS_RELAYS ? least(census->n_relays, question->most) : 0;
	census->tunnels = calloc(tunnels + 1, sizeof *census->tunnels);
	census->relays = calloc(relays + 1, sizeof *census->relays);
	if (!census->tunnels || !census->relays || !list_choosers(worker, census)) {
		census_free(census);
		return NULL;
	}
	list_tunnels(worker, census, tunnels);
	relay_each(&worker->relays, list_relay, &(struct relay_list){ census, relays });
	if (kick_is_given(&question->kick)) {
		relay_reset_matching(&worker->relays, forward_is_kicked,
		                     &(struct forward_kick){ &question->kick, &census->kicked });
		tunnel_sessions_kick(worker, &question->kick, &census->kicked);
	}
	return census;
}

void census_free(struct census *census)
{
	for (size_t i = 0; i < census->tunnels_shown; i++)
		about_fini(&census->tunnels[i].about);
	free(census->tunnels);
	free(census->relays);
	free(census->choosers);
	free(census);
}
