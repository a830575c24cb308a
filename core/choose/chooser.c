#include "choose/chooser.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/container.h"
#include "chain/plugin_set.h"
#include "log/log.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/listener.h"
#include "net/sock.h"
#include "quota/ports.h"
#include "quota/source.h"
#include "route/glance.h"
#include "route/names.h"
#include "session/refuse.h"
#include "session/tunnel.h"

struct chooser {
	struct list node; /* in worker->choosers */
	struct server_worker *worker;
	struct listener *listener; /* owned; NULL once closed */
	uint16_t port;
	struct glance_list glances;
};

/* A visitor from its accept until its tunnel takes it. */
struct guest {
	struct loop_task enter; /* on the worker of the tunnel */
	struct server_worker *worker;
	struct plugin_set *set; /* ref; of which the routes are asked */
	const struct public_settings *entry;
	struct source *crowd;    /* ref; counts the guest */
	struct account *account; /* ref; of its tunnel; NULL: not known yet */
	struct tunnel_guest it;
};

/* ---- the crowd ---- */

static bool join_crowd(struct guest *guest)
{
	struct server_worker *worker = guest->worker;
	const struct limits *limits = server_worker_limits(worker);
	struct source *source = source_get(worker->shared->sources, &guest->it.peer);

	if (source && limit_take(&worker->shared->handshakes, limits->handshakes)) {
		if (source_add_handshake(source, limits)) {
			guest->crowd = source;
			return true;
		}
		atomic_fetch_sub(&worker->shared->handshakes, 1);
	}
	source_unref(source);
	return false;
}

static void leave_crowd(struct guest *guest)
{
	source_remove_handshake(guest->crowd);
	source_unref(guest->crowd);
	guest->crowd = NULL;
	atomic_fetch_sub(&guest->worker->shared->handshakes, 1);
}

/* ---- the end ---- */

/* Its socket is somebody else's. */
static void free_guest(struct guest *guest)
{
	plugin_set_unref(guest->set);
	if (guest->account)
		account_unref(guest->account);
	free(guest);
}

static void refuse_guest(struct guest *guest, enum refusal why, const char *detail)
{
	refuse_unrouted(
		guest->worker, &guest->it.peer,
		&(struct refuse_route){ why, guest->it.local.port, guest->entry->name, detail });
	sock_reset(guest->it.fd);
	free_guest(guest);
}

static void log_left(const struct guest *guest)
{
	char text[ADDR_TEXT_SIZE];

	if (log_is_enabled(LOG_DEBUG))
		log_debug("visitor left before its tunnel was known",
		          log_str("peer", addr_format(&guest->it.peer, text)),
		          log_int("port", guest->it.local.port));
}

/* ---- the tunnel is known ---- */

/* On the worker of the tunnel. */
static void run_enter(struct loop_task *task)
{
	struct guest *guest = CONTAINER_OF(task, struct guest, enter);

	tunnel_admit(guest->account, &guest->it);
	free_guest(guest);
}

/* The account of the tunnel that has this name, or of the one for all other visitors. NULL: there
 * is none. */
static struct account *find_tunnel(const struct guest *guest, const char *wanted)
{
	struct names *names = guest->worker->shared->names;
	const char *other = guest->entry->unknown_host;
	char name[HOSTNAME_SIZE];
	struct account *account = NULL;

	if (wanted && hostname_read(wanted, HOSTNAME_EXACT, name))
		account = names_find(names, name);
	if (!account && other && hostname_read(other, HOSTNAME_EXACT, name))
		account = names_find(names, name);
	return account;
}

static void choose(struct guest *guest, const char *wanted)
{
	guest->account = find_tunnel(guest, wanted);
	if (guest->account)
		loop_post(guest->account->home->loop, &guest->enter);
	else
		refuse_guest(guest, wanted ? REFUSED_UNKNOWN_HOST : REFUSED_NO_HOST, NULL);
}

static void on_decided(int fd, const spore_addr *peer, enum route_verdict verdict,
                       const struct route_answer *answer, void *arg)
{
	struct guest *guest = arg;

	(void)peer;
	leave_crowd(guest);
	if (fd < 0) {
		log_left(guest);
		free_guest(guest);
	} else if (verdict == ROUTE_REFUSED) {
		refuse_guest(guest, REFUSED_BAD_START, answer->reason);
	} else {
		choose(guest, verdict == ROUTE_NAME ? answer->name : NULL);
	}
}

/* ---- the beginning ---- */

static struct guest *new_guest(struct server_worker *worker, const struct tunnel_guest *it,
                               size_t entry)
{
	const struct public_settings *entries = worker->set->config->settings.public.items;
	struct guest *guest = calloc(1, sizeof *guest);

	if (!guest)
		return NULL;
	guest->enter.run = run_enter;
	guest->worker = worker;
	guest->set = plugin_set_ref(worker->set);
	guest->entry = &entries[entry];
	guest->it = *it;
	return guest;
}

static void glance_at(struct chooser *chooser, struct guest *guest, struct chain *routes)
{
	struct glance_spec spec = { .chain = routes,
		                    .listener = guest->entry->name ? guest->entry->name : "",
		                    .local = &guest->it.local,
		                    .peer = &guest->it.peer,
		                    .on_decided = on_decided,
		                    .arg = guest };

	if (glance_start(&chooser->glances, guest->it.fd, &spec))
		return;
	leave_crowd(guest);
	refuse_guest(guest, REFUSED_NO_MEMORY, NULL);
}

static void on_accept(int fd, const spore_addr *peer, const spore_addr *local, void *arg)
{
	struct chooser *chooser = arg;
	struct server_worker *worker = chooser->worker;
	struct plugin_set *set = worker->set;
	size_t entry = ports_find_shared(&set->config->settings.public, chooser->port);
	struct tunnel_guest it = { fd, *peer, *local, clock_ns() };
	struct guest *guest = entry == SIZE_MAX ? NULL : new_guest(worker, &it, entry);

	stats_add(&worker->shared->stats, worker->loop, STAT_CONNECTIONS_INCOMING, 1);
	if (!guest)
		sock_reset(fd); /* no memory, or a reload has removed the entry */
	else if (join_crowd(guest))
		glance_at(chooser, guest, set->chains[chain_of_entry(entry, PUBLIC_ROUTE)]);
	else
		refuse_guest(guest, REFUSED_HANDSHAKES, NULL);
}

/* ---- all choosers of a worker ---- */

/* Takes the sockets. */
static bool open_one(struct server_worker *worker, const struct public_settings *entry,
                     struct sockets *sockets)
{
	struct chooser *chooser = calloc(1, sizeof *chooser);

	if (chooser)
		chooser->listener = listener_new(worker->loop, sockets, on_accept, chooser);
	if (!chooser || !chooser->listener) {
		free(chooser);
		sock_close_all(sockets);
		return false;
	}
	chooser->worker = worker;
	chooser->port = (uint16_t)entry->listen_port;
	glance_list_init(&chooser->glances, worker->loop, entry->route_timeout,
	                 server_worker_limits(worker)->handshakes);
	list_append(&worker->choosers, &chooser->node);
	return true;
}

bool choosers_open(struct server_worker *worker, struct sockets *sockets)
{
	const spore_list *public = &worker->set->config->settings.public;
	const struct public_settings *entries = public->items;
	bool opened = true;

	for (size_t i = 0; sockets && i < public->count; i++) {
		if (sockets[i].n > 0 && opened)
			opened = open_one(worker, &entries[i], &sockets[i]);
		else
			sock_close_all(&sockets[i]);
	}
	return opened;
}

void choosers_stop_accepting(struct server_worker *worker)
{
	for (struct list *at = worker->choosers.next; at != &worker->choosers; at = at->next) {
		struct chooser *chooser = CONTAINER_OF(at, struct chooser, node);

		listener_finish(chooser->listener);
		chooser->listener = NULL;
	}
}

void choosers_close(struct server_worker *worker)
{
	while (!list_is_empty(&worker->choosers)) {
		struct chooser *chooser = CONTAINER_OF(worker->choosers.next, struct chooser, node);

		list_remove(&chooser->node);
		listener_free(chooser->listener);
		glance_list_fini(&chooser->glances);
		free(chooser);
	}
}
