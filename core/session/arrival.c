#include "session/arrival.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/zeroed.h"
#include "chain/transport.h"
#include "log/log.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/conn.h"
#include "net/sock.h"
#include "net/stream.h"
#include "quota/ports.h"
#include "quota/source.h"
#include "session/refuse.h"

/* The visitor's descriptor belongs to the stream. `crowd` has counted the visitor as one whose
 * handshake runs. The visitor is counted for its account from the start, and for its source as soon
 * as its address is known. */
struct arrival {
	struct list node; /* in plan.home */
	struct deadline deadline;
	struct server_worker *worker;
	struct arrival_plan plan;
	struct plugin_set *set; /* ref; of the transports; the access lists are the worker's */
	struct visitor visitor;
	struct stream *stream;
	struct source *crowd;  /* ref */
	struct loop_task move; /* takes the open stream from its loop, outside of its callbacks */
	struct loop_task reap;
	unsigned tellers; /* transports that may still tell the visitor's address, which is not
	                   * decided on before the last of them has told */
	bool is_told;     /* a transport has told it */
	bool is_of_proxy; /* the proxy speaks for itself */
	bool has_ended;
};

/* ---- questions ---- */

bool arrival_is_needed(const struct plugin_set *set, size_t entry)
{
	return entry != SIZE_MAX && set->chains[chain_of_entry(entry, PUBLIC_TRANSPORT)]->n > 0;
}

size_t arrival_acl(const struct plugin_set *set, size_t entry)
{
	size_t own = entry == SIZE_MAX ? CHAIN_ACL_PUBLIC : chain_of_entry(entry, PUBLIC_ACL);

	return set->config->chains[own].is_given ? own : (size_t)CHAIN_ACL_PUBLIC;
}

bool arrival_is_welcome(const struct server_worker *worker, size_t acl, struct visitor *visitor,
                        const spore_addr *local, const spore_conn *conn)
{
	struct acl_question question = { .peer = &visitor->peer,
		                         .local = local,
		                         .identity = account_identity(visitor->account),
		                         .conn = conn };
	struct acl_answer answer;
	bool allowed = acl_allows(worker->set, acl, worker->loop, &question, &answer);

	if (!allowed)
		refuse_visitor(worker, visitor, REFUSED_ACCESS_LIST, &answer);
	visitor->rate = answer.rate;
	return allowed;
}

/* The visitor's tunnel is not known yet. */
static bool is_guest(const struct visitor *visitor)
{
	return !visitor->account;
}

static bool limits_sources(const struct limits *limits)
{
	return limits->settings.max_visitors_per_ip || limits->settings.visitor_rate;
}

bool arrival_count(struct server_worker *worker, struct visitor *visitor)
{
	const struct limits *limits = server_worker_limits(worker);
	enum refusal why = REFUSED_NO_MEMORY;
	bool has_source = true;

	if (limits_sources(limits)) {
		visitor->source = source_get(worker->shared->sources, &visitor->peer);
		has_source = visitor->source != NULL;
	}
	if (has_source && account_enter(visitor->account, visitor->source, limits, &why))
		return true;
	refuse_visitor(worker, visitor, why, NULL);
	source_unref(visitor->source);
	visitor->source = NULL;
	return false;
}

/* The access lists of the port now: a reload may have moved its entry, or removed it. */
static size_t present_acl(const struct arrival *a)
{
	const struct plugin_set *set = a->worker->set;

	return arrival_acl(
		set, ports_find_entry(&set->config->settings.public, a->visitor.account->port));
}

/* ---- the crowd ---- */

/* Counts the arrival in the crowd of this source, which it takes, in place of the one before. False
 * and *hit_out: the crowd is full, or memory is out (source NULL); the source is given back. */
static bool change_crowd(struct arrival *a, struct source *source, struct limit_hit *hit_out)
{
	*hit_out = (struct limit_hit){ .why = REFUSED_NO_MEMORY };
	if (!source || !source_add_handshake(source, server_worker_limits(a->worker), hit_out)) {
		source_unref(source);
		return false;
	}
	source_remove_handshake(a->crowd);
	source_unref(a->crowd);
	a->crowd = source;
	return true;
}

void arrival_leave_crowd(struct server_shared *shared, struct source *source)
{
	source_remove_handshake(source);
	source_unref(source);
	atomic_fetch_sub(&shared->handshakes, 1);
}

bool arrival_join_crowd(struct server_worker *worker, struct source *source,
                        struct limit_hit *hit_out)
{
	const struct limits *limits = server_worker_limits(worker);

	*hit_out = (struct limit_hit){ .why = REFUSED_NO_MEMORY };
	if (!source)
		return false;
	*hit_out = limits_of_handshakes(limits, limits->handshakes);
	if (limit_take(&worker->shared->handshakes, limits->handshakes)) {
		if (source_add_handshake(source, limits, hit_out))
			return true;
		atomic_fetch_sub(&worker->shared->handshakes, 1);
	}
	source_unref(source);
	return false;
}

static void leave_crowd(struct arrival *a)
{
	if (a->crowd)
		arrival_leave_crowd(a->worker->shared, a->crowd);
	a->crowd = NULL;
}

/* ---- the end ---- */

static void run_free_arrival(struct loop_task *task)
{
	struct arrival *a = CONTAINER_OF(task, struct arrival, reap);

	plugin_set_unref(a->set);
	free(a);
}

/* Ends the arrival, but neither its stream nor its visitor. It stays in its crowd. */
static void leave_home(struct arrival *a)
{
	a->has_ended = true;
	list_remove(&a->node);
	deadline_stop(&a->deadline);
	if (!a->move.queued) /* else run_move does it */
		loop_reap(a->worker->loop, &a->reap);
}

static void end_arrival(struct arrival *a, bool reset)
{
	stream_close(a->stream, reset);
	if (!is_guest(&a->visitor)) {
		account_leave(a->visitor.account, a->visitor.source);
		account_unref(a->visitor.account);
	}
	leave_home(a);
	leave_crowd(a);
}

static const char *name_of_entry(const struct arrival *a)
{
	const struct public_settings *entries = a->set->config->settings.public.items;

	return entries[a->plan.entry].name;
}

static void refuse_arrival(struct arrival *a, enum refusal why, const char *detail)
{
	refuse_arriving(a->worker, &a->visitor, why,
	                &(struct refuse_opening){ .detail = detail, .entry = name_of_entry(a) });
	end_arrival(a, why != REFUSED_HANDSHAKE);
}

static void refuse_crowded(struct arrival *a, const struct limit_hit *hit)
{
	refuse_arriving(a->worker, &a->visitor, hit->why,
	                &(struct refuse_opening){ .entry = name_of_entry(a), .hit = hit });
	end_arrival(a, true);
}

void arrival_end_all(struct list *home, enum refusal why)
{
	while (!list_is_empty(home)) {
		struct arrival *a = CONTAINER_OF(home->next, struct arrival, node);

		if (is_guest(&a->visitor))
			end_arrival(a, true);
		else
			refuse_arrival(a, why, NULL);
	}
}

unsigned arrival_release_guests(struct list *home, unsigned most, void (*take)(int fd, void *arg),
                                void *arg)
{
	unsigned n = 0;
	struct list *next;

	for (struct list *i = home->next; i != home && n < most; i = next) {
		struct arrival *a = CONTAINER_OF(i, struct arrival, node);
		int fd = is_guest(&a->visitor) ? stream_take_unused(a->stream) : -1;

		next = i->next;
		if (fd < 0)
			continue;
		take(fd, arg);
		end_arrival(a, true);
		n++;
	}
	return n;
}

/* The visitor that the account has adopted is also one that its access lists allow. They may ask
 * for the owner's name. */
static bool is_welcome_to_owner(struct arrival *a, const struct account *former)
{
	const char *name = account_identity(a->visitor.account);

	return a->tellers > 0 || strcmp(account_identity(former), name) == 0 ||
	       arrival_is_welcome(a->worker, present_acl(a), &a->visitor,
	                          &stream_conn(a->stream)->local, NULL);
}

static void change_account(struct arrival *a, struct account *account)
{
	struct account *former = a->visitor.account;
	struct visitor adopted = a->visitor;
	enum refusal why;

	adopted.account = account;
	if (!account_adopt(account, former, &why)) {
		refuse_visitor(a->worker, &adopted, why, NULL);
		end_arrival(a, true);
		return;
	}
	a->visitor.account = account_ref(account);
	if (!is_welcome_to_owner(a, former))
		end_arrival(a, false);
	account_unref(former);
}

void arrival_change_account(struct list *home, const struct account *former,
                            struct account *account)
{
	struct list *next;

	for (struct list *i = home->next; i != home; i = next) {
		struct arrival *a = CONTAINER_OF(i, struct arrival, node);

		next = i->next;
		if (a->visitor.account == former)
			change_account(a, account);
	}
}

void arrival_on_late(struct deadline *deadline)
{
	struct arrival *a = CONTAINER_OF(deadline, struct arrival, deadline);

	if (a->is_of_proxy)
		end_arrival(a, false);
	else
		refuse_arrival(a, REFUSED_HANDSHAKE, "it took too long");
}

/* ---- the transports are open ---- */

static void give_guest(struct arrival *a)
{
	struct visitor visitor = a->visitor;
	struct source *crowd = a->crowd;

	stream_set_owner(a->stream, NULL, NULL);
	visitor.stream = a->stream;
	a->crowd = NULL;
	leave_home(a);
	a->plan.on_guest(&visitor, crowd, a->set, a->plan.arg);
}

static void run_move(struct loop_task *task)
{
	struct arrival *a = CONTAINER_OF(task, struct arrival, move);
	enum stream_io io;
	struct visitor visitor;

	if (a->has_ended) {
		loop_reap(a->worker->loop, &a->reap);
		return;
	}
	if (is_guest(&a->visitor)) {
		give_guest(a);
		return;
	}
	io = transport_detach(a->stream);
	if (io == STREAM_AGAIN) {
		loop_next_turn(a->worker->loop, &a->move);
	} else if (io == STREAM_ERROR) {
		refuse_arrival(a, REFUSED_HANDSHAKE, stream_error(a->stream));
	} else {
		loop_forget_fd(a->worker->loop, stream_fd(a->stream));
		visitor = a->visitor;
		visitor.stream = a->stream;
		leave_home(a);
		a->plan.on_open(&visitor, a->plan.arg);
		leave_crowd(a); /* only now: a drain sees the visitor in one of both places */
	}
}

/* Access lists may ask for facts that only open transports know. */
static bool is_still_welcome(struct arrival *a)
{
	const spore_conn *conn = stream_conn(a->stream);
	size_t acl;

	if (is_guest(&a->visitor))
		return true; /* it is asked for the identity of its tunnel */
	acl = present_acl(a);
	return acl < N_CHAINS || !acl_wants_conn(a->worker->set, acl) ||
	       arrival_is_welcome(a->worker, acl, &a->visitor, &conn->local, conn);
}

static void go_on(struct arrival *a)
{
	if (is_still_welcome(a))
		loop_next_turn(a->worker->loop, &a->move);
	else
		end_arrival(a, false);
}

/* ---- the transports open ---- */

/* The source of the visitor, and no other, counts it from now on. */
static bool count_for_source(struct arrival *a, enum refusal *why_out)
{
	const struct limits *limits = server_worker_limits(a->worker);
	struct source *source = a->visitor.source;

	source_remove_visitor(source);
	source_unref(source);
	a->visitor.source = NULL;
	if (!limits_sources(limits))
		return true;
	*why_out = REFUSED_NO_MEMORY;
	source = source_get(a->worker->shared->sources, &a->visitor.peer);
	if (source && source_add_visitor(source, limits, clock_ms(), why_out)) {
		a->visitor.source = source;
		return true;
	}
	source_unref(source);
	return false;
}

/* What was not decided by the address of the socket is decided by the visitor's. False: the arrival
 * has ended. */
static bool take_address(struct arrival *a)
{
	const spore_conn *conn = stream_conn(a->stream);
	struct source_table *sources = a->worker->shared->sources;
	struct limit_hit hit;
	enum refusal why;
	bool has_tunnel = !is_guest(&a->visitor);

	a->visitor.peer = conn->peer;
	if (has_tunnel &&
	    !arrival_is_welcome(a->worker, present_acl(a), &a->visitor, &conn->local, NULL))
		end_arrival(a, false);
	else if (!change_crowd(a, source_get(sources, &conn->peer), &hit))
		refuse_crowded(a, &hit);
	else if (has_tunnel && !count_for_source(a, &why))
		refuse_arrival(a, why, NULL);
	return !a->has_ended;
}

static void become_open(struct arrival *a)
{
	/* Transports that tell in wrap() tell together. */
	bool is_undecided = a->tellers > 0;

	if (is_undecided && !a->is_told)
		refuse_arrival(a, REFUSED_HANDSHAKE,
		               "no transport has told who the visitor is, although one of them "
		               "has SPORE_TRANSPORTF_TELLS_PEER");
	else if (a->is_of_proxy)
		end_arrival(a, false);
	else if (!is_undecided || take_address(a))
		go_on(a);
}

static void on_told(struct arrival *a)
{
	a->is_told = true;
	a->is_of_proxy = stream_conn(a->stream)->is_of_proxy;
	if (a->tellers > 0)
		a->tellers--;
	if (a->tellers == 0 && !a->is_of_proxy)
		take_address(a);
}

static void log_left(const struct arrival *a)
{
	char text[ADDR_TEXT_SIZE];

	if (log_is_enabled(LOG_DEBUG))
		log_debug("visitor left before its first byte",
		          log_str("peer", addr_format(&a->visitor.peer, text)),
		          log_int("port", a->visitor.port));
}

static void on_opening(struct stream *stream, unsigned happened, void *arg)
{
	struct arrival *a = arg;

	if (happened & STREAM_TOLD) {
		on_told(a);
	} else if (happened & STREAM_OPENED) {
		become_open(a);
	} else if (a->is_of_proxy || stream_left_unheard(stream)) {
		log_left(a);
		end_arrival(a, false);
	} else {
		refuse_arrival(a, REFUSED_HANDSHAKE, stream_error(stream));
	}
}

static void open_transports(struct arrival *a)
{
	struct chain *transports = a->set->chains[chain_of_entry(a->plan.entry, PUBLIC_TRANSPORT)];
	struct err err;

	stream_set_owner(a->stream, on_opening, a);
	deadline_start(&a->worker->arrivals, &a->deadline);
	if (!transport_wrap(transports, a->stream, SPORE_ROLE_SERVER, NULL, 0, &err))
		refuse_arrival(a, REFUSED_HANDSHAKE, err.text);
	else if (transport_open(a->stream))
		become_open(a);
}

/* ---- the beginning ---- */

static struct arrival *new_arrival(struct server_worker *worker, const struct arrival_plan *plan,
                                   const struct visitor *visitor, const spore_addr *local)
{
	struct arrival *a = zeroed_new(sizeof *a);

	if (a)
		a->stream = stream_new(worker->loop, visitor->fd, &visitor->peer, local);
	if (!a || !a->stream) {
		free(a);
		return NULL;
	}
	a->worker = worker;
	a->plan = *plan;
	a->set = plugin_set_ref(worker->set);
	a->visitor = *visitor;
	a->move.run = run_move;
	a->reap.run = run_free_arrival;
	deadline_init(&a->deadline);
	list_append(plan->home, &a->node);
	return a;
}

/* The crowd of a proxy is one of its own. False and *hit_out: it is full, or memory is out. */
static bool join_first_crowd(struct arrival *a, struct limit_hit *hit_out)
{
	struct source_table *sources = a->worker->shared->sources;
	const spore_addr *peer = &a->visitor.peer;
	struct source *source = a->tellers > 0 ? source_get_proxy(sources, peer)
	                                       : source_get(sources, peer);

	if (!arrival_join_crowd(a->worker, source, hit_out))
		return false;
	a->crowd = source;
	return true;
}

/* The visitor may come, as far as its address is known, and is counted. */
static bool is_admitted(struct server_worker *worker, size_t entry, struct visitor *visitor,
                        const spore_addr *local, bool awaits_peer)
{
	enum refusal why;

	if (is_guest(visitor))
		return true;
	if (!awaits_peer)
		return arrival_is_welcome(worker, arrival_acl(worker->set, entry), visitor, local,
		                          NULL) &&
		       arrival_count(worker, visitor);
	if (account_enter(visitor->account, NULL, server_worker_limits(worker), &why))
		return true;
	refuse_visitor(worker, visitor, why, NULL);
	return false;
}

void arrival_start(struct server_worker *worker, const struct arrival_plan *plan,
                   const struct visitor *visitor, const spore_addr *local)
{
	size_t transports = chain_of_entry(plan->entry, PUBLIC_TRANSPORT);
	unsigned tellers = transport_tellers(worker->set->chains[transports]);
	struct visitor counted = *visitor;
	struct limit_hit hit;
	struct arrival *a;

	if (!is_admitted(worker, plan->entry, &counted, local, tellers > 0)) {
		close(counted.fd);
		account_unref(counted.account);
		return;
	}
	a = new_arrival(worker, plan, &counted, local);
	if (!a) {
		refuse_visitor(worker, &counted, REFUSED_NO_MEMORY, NULL);
		visitor_drop(&counted);
		return;
	}
	a->tellers = tellers;
	if (join_first_crowd(a, &hit))
		open_transports(a);
	else
		refuse_crowded(a, &hit);
}
