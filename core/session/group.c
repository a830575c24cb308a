#include "session/group.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/zeroed.h"
#include "log/log.h"
#include "net/addr.h"
#include "net/listener.h"
#include "quota/pending.h"
#include "quota/ports.h"
#include "session/arrival.h"
#include "session/context.h"
#include "session/refuse.h"
#include "share/share.h"

static void bring_visitor(struct server_worker *worker, struct share *share, int fd,
                          const spore_addr *peer, const spore_addr *local);

/* ---- a visitor gets its tunnel ---- */

/* While it is on its way, a visitor may be in no table. */
void group_begin_pass(struct server_worker *worker)
{
	atomic_fetch_add(&worker->shared->passes_begun, 1);
}

void group_end_pass(struct server_worker *worker)
{
	atomic_fetch_add(&worker->shared->passes_ended, 1);
}

/* A visitor on its way to the worker of a tunnel. */
struct errand {
	struct loop_task task;
	struct account *to;     /* ref; expects the visitor */
	struct visitor visitor; /* its account is NULL if it has not been counted */
	spore_addr local;       /* then: where it has come to */
};

/* The visitor is counted by now, or has ended. A port that has seen the choice counted may have
 * gone to sleep for lack of room. Releases the account. */
static void forget_choice(struct server_worker *worker, struct account *account)
{
	account_expect(account, -1);
	gate_pass_on(&worker->shared->gate, server_worker_limits(worker));
	account_unref(account);
}

static void end_errand(struct errand *errand)
{
	struct server_worker *worker = errand->to->home;

	group_end_pass(worker);
	forget_choice(worker, errand->to); /* it may not wait */
	free(errand);
}

/* The tunnel has ended meanwhile, and no other takes the visitor. */
static void end_visitor(struct server_worker *worker, struct visitor *visitor)
{
	refuse_waiting(worker, visitor, REFUSED_CLIENT_LOST);
	visitor_drop(visitor);
}

static void run_errand(struct loop_task *task)
{
	struct errand *errand = CONTAINER_OF(task, struct errand, task);
	struct server_worker *worker = errand->to->home;
	struct announcer *announcer = account_announcer(errand->to);
	struct visitor *visitor = &errand->visitor;

	if (announcer && visitor->account)
		announcer->calls->receive(announcer, visitor);
	else if (announcer)
		announcer->calls->visit(announcer, visitor->fd, &visitor->peer, &errand->local);
	else if (!visitor->account)
		bring_visitor(worker, account_share(errand->to), visitor->fd, &visitor->peer,
		              &errand->local);
	else if (!group_pass_on(worker, visitor))
		end_visitor(worker, visitor);
	end_errand(errand);
}

/* Takes the reference to the account on success. local: NULL for a visitor that has been counted.
 * False: out of memory. */
static bool send_visitor(struct account *to, const struct visitor *visitor, const spore_addr *local)
{
	struct errand *errand = zeroed_new(sizeof *errand);

	if (!errand)
		return false;
	errand->task.run = run_errand;
	errand->to = to;
	errand->visitor = *visitor;
	if (local)
		errand->local = *local;
	group_begin_pass(to->home);
	loop_post(to->home->loop, &errand->task);
	return true;
}

static unsigned most_waiting(const struct server_worker *worker)
{
	return limit_of(server_worker_limits(worker)->settings.max_pending_per_tunnel);
}

/* A visitor has come to the port of the share. Takes the descriptor. [worker] of the port */
static void bring_visitor(struct server_worker *worker, struct share *share, int fd,
                          const spore_addr *peer, const spore_addr *local)
{
	struct account *to = share_choose(
		share, &(struct share_question){ .source = peer, .most = most_waiting(worker) });
	struct announcer *announcer = to && to->home == worker ? account_announcer(to) : NULL;

	if (announcer) {
		announcer->calls->visit(announcer, fd, peer, local);
		forget_choice(worker, to);
		return;
	}
	if (to && send_visitor(to, &(struct visitor){ .fd = fd, .peer = *peer }, local))
		return;
	close(fd);
	if (to)
		forget_choice(worker, to);
}

static void log_passing(const struct visitor *visitor, const struct account *to)
{
	char id[UUID_TEXT_SIZE], text[ADDR_TEXT_SIZE];

	if (!log_is_enabled(LOG_DEBUG))
		return;
	uuid_format(&visitor->born_as, id);
	log_event(LOG_DEBUG, "visitor passed on to another client of the share",
	          (const struct log_field[]){ log_str("visitor", addr_format(&visitor->peer, text)),
	                                      log_int("port", to->port), log_str("id", id),
	                                      log_int("from", (int64_t)visitor->account->id),
	                                      log_int("to", (int64_t)to->id) },
	          5);
}

/* The visitor as that tunnel gets it: its client has as long as the first one. The old account
 * still counts it. */
static struct visitor visitor_for(const struct visitor *visitor, struct account *to,
                                  const struct uuid *id)
{
	struct visitor moved = *visitor;

	moved.id = *id;
	moved.account = to;
	moved.offer = OFFER_NONE;
	moved.deadline_ms = clock_ms() + PENDING_MS;
	return moved;
}

/* The places where the visitor is not to come again. A tunnel that has ended has none any more, and
 * another may have got its place. */
static uint64_t places_tried(const struct account *from, uint64_t before)
{
	return account_is_closed(from) ? before : before | UINT64_C(1) << account_place(from);
}

/* Another tunnel for a visitor of this one, as share_choose returns it. */
static struct account *choose_another(const struct account *from,
                                      const struct pending_stray *visitor, bool only_ready)
{
	return share_choose(account_share(from),
	                    &(struct share_question){ .source = &visitor->peer,
	                                              .tried = places_tried(from, visitor->tried),
	                                              .name = visitor->name,
	                                              .only_ready = only_ready });
}

/* Takes the choice. False: out of memory, and the visitor is still the caller's. */
static bool relocate(struct server_worker *worker, struct visitor *visitor, struct account *to)
{
	struct account *from = visitor->account;
	struct visitor moved;
	struct uuid id;

	if (!uuid_stock_take(&worker->uuids, &id)) {
		forget_choice(worker, to);
		return false;
	}
	moved = visitor_for(visitor, to, &id);
	account_ref(to);
	account_move_visitor(from, to);
	if (!send_visitor(to, &moved, NULL)) {
		account_move_visitor(to, from);
		account_unref(to);
		forget_choice(worker, to);
		return false;
	}
	account_unref(from);
	return true;
}

/* Moves a visitor that its tunnel has not carried. False: it is where it was. */
static bool move_visitor(struct server_worker *worker, struct visitor *visitor, struct account *to)
{
	visitor->tried = places_tried(visitor->account, visitor->tried);
	log_passing(visitor, to);
	if (!relocate(worker, visitor, to))
		return false;
	stats_add(&worker->shared->stats, worker->loop, STAT_CONNECTIONS_PASSED_ON, 1);
	return true;
}

bool group_has_room(struct server_worker *worker, const struct visitor *visitor)
{
	struct share *share = account_share(visitor->account);

	if (gate_is_full(&worker->shared->gate, server_worker_limits(worker)))
		return false;
	return share_look(share, visitor->name).members == 0 ||
	       share_has_room(share, visitor->name, most_waiting(worker));
}

bool group_choose_again(struct server_worker *worker, struct visitor *visitor)
{
	struct account *to = share_choose(account_share(visitor->account),
	                                  &(struct share_question){ .source = &visitor->peer,
	                                                            .most = most_waiting(worker),
	                                                            .of = visitor->account,
	                                                            .name = visitor->name });

	if (to == visitor->account)
		forget_choice(worker, to);
	return to && to != visitor->account && relocate(worker, visitor, to);
}

bool group_pass_on(struct server_worker *worker, struct visitor *visitor)
{
	struct account *to = NULL;

	if (account_share(visitor->account))
		to = choose_another(visitor->account,
		                    &(struct pending_stray){ visitor->id, visitor->peer,
		                                             visitor->name, visitor->tried },
		                    false);
	return to && move_visitor(worker, visitor, to);
}

/* The visitor stays in the table while no other tunnel is there for it, so that its client finds it
 * at any time. */
static void pass_waiting_on(struct server_worker *worker, const struct account *account,
                            const struct pending_stray *waiting)
{
	struct account *to = choose_another(account, waiting, true);
	struct visitor visitor;

	if (!to)
		return;
	group_begin_pass(worker);
	if (!pending_take(worker->shared->pending, &waiting->id, server_worker_limits(worker),
	                  &visitor)) {
		forget_choice(worker, to); /* its client has it, or the time is over */
	} else if (!move_visitor(worker, &visitor, to)) {
		refuse_waiting(worker, &visitor, REFUSED_NO_MEMORY);
		visitor_drop(&visitor);
	}
	group_end_pass(worker);
}

void group_pass_all_on(struct server_worker *worker, const struct account *account)
{
	struct pending *pending = worker->shared->pending;
	size_t most = pending_count(pending), n;
	struct pending_stray *waiting;

	if (!account_share(account) || most == 0)
		return;
	waiting = malloc(most * sizeof *waiting);
	if (!waiting)
		return;
	n = pending_find_waiting(pending, account, waiting, most);
	for (size_t i = 0; i < n; i++)
		pass_waiting_on(worker, account, &waiting[i]);
	free(waiting);
}

/* ---- the port ---- */

struct group {
	struct list node; /* in worker->groups */
	struct server_worker *worker;
	struct share *share;       /* ref */
	struct listener *listener; /* owned; NULL: the port is closed for good */
	struct gate_door door;
	struct loop_task news;
	bool is_over; /* the posted wake frees the group */
};

static void on_visitor(int fd, const spore_addr *peer, const spore_addr *local, void *arg)
{
	struct group *group = arg;

	bring_visitor(group->worker, group->share, fd, peer, local);
}

static bool members_have_room(const struct gate_door *door, unsigned most)
{
	const struct group *group = CONTAINER_OF(door, struct group, door);

	return share_has_room(group->share, 0, most);
}

static bool has_room(void *arg)
{
	struct group *group = arg;

	return gate_has_room(&group->worker->shared->gate, &group->door,
	                     server_worker_limits(group->worker));
}

static void run_wake(struct loop_task *task)
{
	struct group *group = CONTAINER_OF(task, struct group, door.wake);
	struct server_worker *worker = group->worker;
	struct gate *gate = &worker->shared->gate;

	gate_woken(gate, &group->door);
	if (group->is_over)
		free(group);
	else if (group->listener)
		listener_wake(group->listener);
	gate_pass_on(gate, server_worker_limits(worker));
}

/* The share learns which sockets members may pass to the next server. */
static void show_port(struct group *group, bool is_open)
{
	struct sockets sockets = { 0 };

	if (is_open)
		sockets = listener_sockets(group->listener);
	share_set_port(group->share, &sockets);
}

static void close_port(void *arg)
{
	struct group *group = arg;

	show_port(group, false);
	listener_free(group->listener);
	group->listener = NULL;
}

static void end_group(struct group *group)
{
	bool is_free; /* otherwise the posted wake frees the group */

	list_remove(&group->node);
	group->is_over = true;
	is_free = gate_shut(&group->worker->shared->gate, &group->door);
	share_unref(group->share); /* before that, other workers look at its room */
	if (is_free)
		free(group);
}

/* A member is ready again. */
static void reopen_port(struct group *group)
{
	struct err err;

	if (!listener_reopen(group->listener, &err))
		log_error("a public port stays closed",
		          log_int("port", listener_addr(group->listener)->port),
		          log_str("error", err.text));
}

/* Members have come or left, or are ready or not. */
static void run_news(struct loop_task *task)
{
	struct group *group = CONTAINER_OF(task, struct group, news);
	struct share_view view;

	if (share_take_news(group->share, close_port, group)) {
		end_group(group);
		return;
	}
	view = share_look(group->share, 0);
	if (view.staying == 0 && atomic_load(&group->worker->shared->draining)) {
		show_port(group, false);
		listener_finish(group->listener); /* to those that are leaving */
		group->listener = NULL;
	}
	if (!group->listener)
		return;
	show_port(group, !view.closes);
	if (view.closes)
		listener_shut(group->listener);
	else
		reopen_port(group);
	listener_wake(group->listener); /* there may be more room */
}

/* ---- the beginning ---- */

struct opening {
	struct server_worker *worker;
	const struct group_wish *wish;
	struct sockets sockets; /* none: to be opened */
	enum refusal why;
};

/* Takes the sockets on success. NULL: out of memory. */
static struct group *new_group(struct server_worker *worker, struct share *share,
                               const struct sockets *sockets)
{
	struct group *group = calloc(1, sizeof *group);

	if (!group)
		return NULL;
	group->listener = listener_new(worker->loop, sockets, on_visitor, group);
	if (!group->listener) {
		free(group);
		return NULL;
	}
	group->worker = worker;
	group->share = share_ref(share);
	group->news.run = run_news;
	gate_door_init(&group->door, worker->loop, NULL, run_wake);
	group->door.has_room = members_have_room;
	listener_set_gate(group->listener, has_room);
	list_append(&worker->groups, &group->node);
	return group;
}

static bool open_port(struct share *share, void *arg)
{
	struct opening *opening = arg;
	struct server_worker *worker = opening->worker;
	struct group *group;

	if (opening->sockets.n == 0 &&
	    !ports_open(server_worker_settings(worker), opening->wish->account->grant,
	                opening->wish->port, &opening->sockets, &opening->why))
		return false;
	group = new_group(worker, share, &opening->sockets);
	if (!group) {
		opening->why = REFUSED_NO_MEMORY;
		return false;
	}
	opening->sockets.n = 0; /* the listener has them */
	share_set_home(share, worker->loop, &group->news);
	show_port(group, true);
	return true;
}

static struct limit_hit hit_of(const struct opening *opening, enum share_result result)
{
	const struct account *account = opening->wish->account;

	switch (result) {
	case SHARE_NO_PORT:
		return ports_limit(server_worker_settings(opening->worker), account->principal->by,
		                   account->grant, opening->why, opening->wish->port);
	case SHARE_FULL:
		return (struct limit_hit){ .why = REFUSED_TOO_MANY_TUNNELS,
			                   .most = SHARE_MOST,
			                   .from = "clients that share one port" };
	case SHARE_FOREIGN:
		return (struct limit_hit){ .why = REFUSED_PORT_IN_USE };
	default:
		return (struct limit_hit){ .why = REFUSED_NO_MEMORY };
	}
}

bool group_join(struct server_worker *worker, const struct group_wish *wish,
                struct limit_hit *hit_out)
{
	struct opening opening = { worker, wish, wish->sockets, REFUSED_NO_MEMORY };
	struct share_opener opener = { open_port, &opening };
	enum share_result result = SHARE_NO_PORT;

	if (!ports_refuse(server_worker_settings(worker), wish->account->grant, wish->port,
	                  &opening.why))
		result = share_join(&worker->shared->shares, wish->port, wish->member,
		                    wish->account, &opener);
	sock_close_all(&opening.sockets);
	if (result != SHARE_JOINED)
		*hit_out = hit_of(&opening, result);
	return result == SHARE_JOINED;
}

void groups_close(struct server_worker *worker)
{
	for (struct list *i = worker->groups.next; i != &worker->groups; i = i->next)
		close_port(CONTAINER_OF(i, struct group, node));
	arrival_end_all(&worker->group_arrivals, REFUSED_CLIENT_LOST);
}
