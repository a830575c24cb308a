#include "session/tunnel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "event/event.h"
#include "link/link.h"
#include "log/log.h"
#include "log/pace.h"
#include "net/addr.h"
#include "net/listener.h"
#include "net/stream.h"
#include "quota/gate.h"
#include "quota/pending.h"
#include "quota/ports.h"
#include "quota/source.h"
#include "route/hosts.h"
#include "session/announce.h"
#include "session/arrival.h"
#include "session/data_connection.h"
#include "session/forward.h"
#include "session/group.h"
#include "session/refuse.h"
#include "verdict/allowance.h"

struct tunnel {
	struct server_worker *worker;
	struct announcer announcer;
	struct ahead_pass *pass;     /* borrowed; its connections are handed visitors; NULL: none */
	const struct about *about;   /* borrowed */
	struct listener *listener;   /* owned; NULL while draining, and if the port is shared */
	struct share_member member;  /* without a share: the port is not shared */
	struct account *account;     /* ref */
	struct gate_door door;       /* of the listener */
	struct list arrivals;        /* visitors whose transports open */
	struct allowance *allowance; /* owned; of the account's principal; NULL: none */
	struct names_claim *claim;   /* owned; its host names; NULL: none */
	int64_t since_ms;            /* when the tunnel was opened */
	struct tunnel_readiness readiness;
	struct pace readiness_lines; /* of the log */
	bool shuts_later;            /* once no other process may accept at its port */
	bool closed;
};

/* Puts the visitor into the table and announces it to the client. False and *why_out: the visitor
 * is still the caller's. */
static bool hold_visitor(struct tunnel *tunnel, struct visitor *visitor, enum refusal *why_out)
{
	struct pending *pending = tunnel->worker->shared->pending;
	const struct limits *limits = server_worker_limits(tunnel->worker);

	*why_out = REFUSED_NO_MEMORY;
	if (!pending_add(pending, visitor))
		return false;
	/* From here on another worker may have taken the visitor. */
	*why_out = REFUSED_CLIENT_STALLED;
	return announce(&tunnel->announcer, MESSAGE_VISITOR, &visitor->id, &visitor->peer) ||
	       !pending_take(pending, &visitor->id, limits, visitor);
}

/* Hands the visitor to the client if a connection waits for it, or announces it.
 * False and *why_out: the visitor is still the caller's, and ends. */
static bool pass_to_client(struct tunnel *tunnel, struct visitor *visitor, enum refusal *why_out)
{
	/* The bytes of a visitor that is handed over stay in its socket until the client has taken
	 * it. Those behind transports cannot stay there, so such a visitor is announced. */
	if (tunnel->pass && !visitor->stream &&
	    data_connection_offer(tunnel->worker, tunnel->pass, visitor,
	                          tunnel->announcer.tells_addresses))
		return true;
	return hold_visitor(tunnel, visitor, why_out);
}

/* The same for a visitor that may go to other tunnels of the share. Takes it. */
static void serve_visitor(struct tunnel *tunnel, struct visitor *visitor)
{
	struct server_worker *worker = tunnel->worker;
	enum refusal why;

	group_begin_pass(worker);
	if (!pass_to_client(tunnel, visitor, &why) && !group_pass_on(worker, visitor)) {
		refuse_waiting(worker, visitor, why);
		visitor_drop(visitor);
	}
	group_end_pass(worker);
}

static bool has_room(void *arg)
{
	struct tunnel *tunnel = arg;

	return gate_has_room(&tunnel->worker->shared->gate, &tunnel->door,
	                     server_worker_limits(tunnel->worker));
}

static void run_wake(struct loop_task *task)
{
	struct tunnel *tunnel = CONTAINER_OF(task, struct tunnel, door.wake);
	struct server_worker *worker = tunnel->worker;
	struct gate *gate = &worker->shared->gate;

	gate_woken(gate, &tunnel->door);
	if (tunnel->closed)
		free(tunnel);
	else if (tunnel->listener)
		listener_wake(tunnel->listener);
	gate_pass_on(gate, server_worker_limits(worker));
}

/* A visitor that is counted is let in. False: memory is out, and it has ended. */
static bool let_in(struct server_worker *worker, struct visitor *visitor)
{
	visitor->deadline_ms = clock_ms() + PENDING_MS;
	if (!uuid_stock_take(&worker->uuids, &visitor->id)) {
		refuse_visitor(worker, visitor, REFUSED_NO_MEMORY, NULL);
		visitor_drop(visitor);
		return false;
	}
	visitor->born_as = visitor->id;
	event_visitor_accepted(worker->set, visitor);
	refuse_no_more(worker, visitor->account);
	return true;
}

/* There was room when the visitor came, but others have taken it during its handshakes. */
static void turn_back(struct server_worker *worker, struct visitor *visitor)
{
	struct limit_hit hit = gate_limit(&worker->shared->gate, server_worker_limits(worker));

	refuse_arriving(worker, visitor, hit.why, &(struct refuse_opening){ .hit = &hit });
	visitor_drop(visitor);
}

static void on_visitor_open(struct visitor *visitor, void *arg)
{
	struct tunnel *tunnel = arg;
	struct server_worker *worker = tunnel->worker;

	if (!gate_is_open(&worker->shared->gate, &tunnel->door, server_worker_limits(worker)))
		turn_back(worker, visitor);
	else if (let_in(worker, visitor))
		serve_visitor(tunnel, visitor);
}

static struct tunnel *tunnel_of(struct announcer *announcer)
{
	return CONTAINER_OF(announcer, struct tunnel, announcer);
}

/* The same at a shared port. The tunnel may have ended meanwhile. */
static void on_shared_open(struct visitor *visitor, void *arg)
{
	struct server_worker *worker = arg;
	struct announcer *announcer;

	if (!group_has_room(worker, visitor)) {
		turn_back(worker, visitor);
		return;
	}
	if (!let_in(worker, visitor) || group_choose_again(worker, visitor))
		return;
	announcer = account_announcer(visitor->account);
	if (announcer) {
		serve_visitor(tunnel_of(announcer), visitor);
		return;
	}
	refuse_waiting(worker, visitor, REFUSED_CLIENT_LOST);
	visitor_drop(visitor);
}

/* At a shared port the arrivals stay when the tunnel ends, since another tunnel may take them. */
static struct list *home_of_arrivals(struct tunnel *tunnel)
{
	return tunnel_is_shared(tunnel) ? &tunnel->worker->group_arrivals : &tunnel->arrivals;
}

static struct arrival_plan plan_arrival(struct tunnel *tunnel)
{
	struct server_worker *worker = tunnel->worker;
	bool is_shared = tunnel_is_shared(tunnel);

	return (struct arrival_plan){
		.entry = ports_find_entry(&worker->set->config->settings.public,
		                          tunnel->account->port),
		.on_open = is_shared ? on_shared_open : on_visitor_open,
		.home = home_of_arrivals(tunnel),
		.arg = is_shared ? (void *)worker : tunnel,
	};
}

static void on_visitor(int fd, const spore_addr *peer, const spore_addr *local, void *arg)
{
	struct tunnel *tunnel = arg;
	struct server_worker *worker = tunnel->worker;
	struct account *account = tunnel->account;
	const struct settings *settings = &worker->set->config->settings;
	struct arrival_plan plan = plan_arrival(tunnel);
	struct visitor visitor = {
		.fd = fd,
		.account = account_ref(account),
		.peer = *peer,
		.port = account->port,
		.since_ns = clock_ns(),
		.has_header = ports_send_proxy(&settings->server, account->port),
	};

	stats_add(&worker->shared->stats, worker->loop, STAT_CONNECTIONS_INCOMING, 1);
	if (arrival_is_needed(worker->set, plan.entry)) {
		arrival_start(worker, &plan, &visitor, local);
	} else if (arrival_is_welcome(worker, arrival_acl(worker->set, plan.entry), &visitor, local,
	                              NULL) &&
	           arrival_count(worker, &visitor)) {
		if (let_in(worker, &visitor))
			serve_visitor(tunnel, &visitor);
	} else {
		close(fd);
		account_unref(account);
	}
}

/* ---- visitors of a port that several clients serve ---- */

static void on_shared_visitor(struct announcer *announcer, int fd, const spore_addr *peer,
                              const spore_addr *local)
{
	on_visitor(fd, peer, local, tunnel_of(announcer));
}

static void on_visitor_passed_on(struct announcer *announcer, struct visitor *visitor)
{
	serve_visitor(tunnel_of(announcer), visitor);
}

static const struct announcer_calls announcer_calls = { on_shared_visitor, on_visitor_passed_on };

/* ---- visitors of routed ports ---- */

/* The tunnel of the visitor's account, which may have another account now. NULL: it is closed. */
static struct tunnel *find_tunnel(const struct visitor *visitor)
{
	struct announcer *announcer = account_announcer(visitor->account);

	return announcer ? tunnel_of(announcer) : NULL;
}

/* The access lists were asked for the identity that the tunnel had. */
static bool follow_tunnel(struct visitor *visitor, const struct tunnel *tunnel)
{
	struct account *former = visitor->account;

	if (strcmp(account_identity(former), account_identity(tunnel->account)) != 0)
		return false;
	visitor->account = account_ref(tunnel->account);
	account_unref(former);
	return true;
}

/* Another tunnel may have it. False: *why_out. */
static bool may_enter_share(const struct visitor *visitor, enum refusal *why_out)
{
	struct share_view view = share_look(account_share(visitor->account), visitor->name);

	*why_out = view.members > 0 ? REFUSED_UNSERVED : REFUSED_CLIENT_LOST;
	return view.members > 0 && !view.closes;
}

/* False: *why_out. */
static bool may_enter(struct visitor *visitor, struct tunnel *tunnel, enum refusal *why_out)
{
	struct server_worker *worker;

	*why_out = REFUSED_CLIENT_LOST;
	if (tunnel && !follow_tunnel(visitor, tunnel))
		return false;
	if (account_share(visitor->account))
		return may_enter_share(visitor, why_out);
	if (!tunnel)
		return false;
	*why_out = REFUSED_UNSERVED;
	if (tunnel->readiness.is_shut)
		return false;
	*why_out = REFUSED_PENDING;
	worker = tunnel->worker;
	return gate_is_open(&worker->shared->gate, &tunnel->door, server_worker_limits(worker));
}

void tunnel_admit(struct visitor *visitor)
{
	struct server_worker *worker = visitor->account->home;
	struct tunnel *tunnel = find_tunnel(visitor);
	enum refusal why;

	if (!may_enter(visitor, tunnel, &why)) {
		refuse_visitor(worker, visitor, why, NULL);
	} else if (arrival_count(worker, visitor)) {
		if (account_share(visitor->account))
			on_shared_open(visitor, worker);
		else if (let_in(worker, visitor))
			serve_visitor(tunnel, visitor);
		return;
	}
	if (visitor->stream)
		stream_close(visitor->stream, true);
	else
		sock_reset(visitor->fd);
	account_unref(visitor->account);
}

/* The visitor sees an orderly end, as from a client that closes its data connection. What it has
 * sent is discarded. */
static void end_in_order(struct server_worker *worker, struct visitor *visitor)
{
	struct stream *stream = forward_open(worker, visitor);

	if (!stream) {
		visitor_drop(visitor);
		return;
	}
	linger_start(&worker->lingerers, stream, &(struct buf){ 0 });
	account_leave(visitor->account, visitor->source);
	account_unref(visitor->account);
}

static void decline(struct tunnel *tunnel, const struct uuid *id, enum refusal why)
{
	struct server_worker *worker = tunnel->worker;
	const struct principal *owner = tunnel->account->principal;
	struct visitor visitor;

	if (pending_take_own(worker->shared->pending, id, owner->by, owner->session,
	                     server_worker_limits(worker), &visitor) != PENDING_TAKEN)
		return;
	if (why == REFUSED_DECLINED &&
	    source_was_turned_away(visitor.account->source, visitor.since_ns / 1000000))
		why = REFUSED_CUT_OFF;
	if (tunnel_is_shared(tunnel) && account_share(visitor.account) == tunnel->member.share) {
		share_shun(&tunnel->member);
		/* The visitor may have waited since another tunnel of the client had the port. */
		visitor.tried |= UINT64_C(1) << tunnel->member.place;
	}
	if (group_pass_on(worker, &visitor))
		return;
	refuse_waiting(worker, &visitor, why);
	if (why == REFUSED_UNSERVED)
		end_in_order(worker, &visitor);
	else
		visitor_drop(&visitor);
}

void tunnel_decline(struct tunnel *tunnel, const struct uuid *id, enum refusal why)
{
	struct server_worker *worker = tunnel->worker; /* the tunnel may end */

	group_begin_pass(worker);
	decline(tunnel, id, why);
	group_end_pass(worker);
}

void tunnel_end_taken(struct tunnel *tunnel, const struct uuid *id)
{
	struct server_worker *worker = tunnel->worker;
	const struct principal *owner = tunnel->account->principal;
	struct visitor visitor;

	if (pending_take_lost(worker->shared->pending, id, owner->by, owner->session,
	                      server_worker_limits(worker), &visitor) != PENDING_TAKEN)
		return;
	refuse_waiting(worker, &visitor, REFUSED_CLIENT_LOST);
	visitor_drop(&visitor);
}

static void find_series(struct tunnel *tunnel)
{
	tunnel->account->series = stats_of_identity(&tunnel->worker->shared->stats,
	                                            account_identity(tunnel->account));
}

static void count_tunnel(const struct tunnel *tunnel, int delta)
{
	stats_tunnel(&tunnel->worker->shared->stats, tunnel->worker->loop, &tunnel->account->series,
	             delta);
}

/* False: the client would never hear of its tunnel. */
static bool tell_client(struct tunnel *tunnel)
{
	uint16_t port = tunnel->account->port;
	struct link *link = tunnel->announcer.link;

	if (!link_send(link, &(struct message){ .type = MESSAGE_HELLO, .port = port }))
		return false;
	link_send(link, &(struct message){ .type = MESSAGE_HEARTBEAT });
	return true;
}

/* The client gets the texts that bore's server sends, which do not tell this cause. */
static bool open_port(const struct tunnel *tunnel, const struct instance *by, uint16_t wanted,
                      struct sockets *out, struct limit_hit *hit_out)
{
	const struct server_settings *settings = server_worker_settings(tunnel->worker);
	const struct grant *grant = tunnel->account->grant;
	char text[ADDR_TEXT_SIZE];
	enum refusal why;
	const spore_addr *missing;

	if (ports_open(settings, grant, wanted, out, &why))
		return true;
	*hit_out = ports_limit(settings, by, grant, why, wanted);
	missing = ports_find_missing(settings);
	if (missing)
		log_error("cannot open a public port: this host does not have the address",
		          log_str("bind_tunnels", addr_format_ip(missing, text)));
	return false;
}

/* Takes the listening sockets. False: out of memory. */
static bool listen_at(struct tunnel *tunnel, struct sockets *sockets)
{
	tunnel->listener = listener_new(tunnel->worker->loop, sockets, on_visitor, tunnel);
	if (!tunnel->listener) {
		sock_close_all(sockets);
		return false;
	}
	listener_set_gate(tunnel->listener, has_room);
	account_stand(tunnel->account, tunnel->worker, listener_addr(tunnel->listener)->port);
	return true;
}

/* Serves the port together with others. Takes the listening sockets. False and *hit_out. */
static bool join_share(struct tunnel *tunnel, const struct tunnel_port *port,
                       struct limit_hit *hit_out)
{
	struct server_worker *worker = tunnel->worker;

	tunnel->member.by_source = port->share == ABOUT_SHARES_BY_SOURCE;
	/* Other workers may use the account from the moment on when it is a member. */
	account_stand(tunnel->account, worker, port->wanted);
	return group_join(worker,
	                  &(struct group_wish){ .port = port->wanted,
	                                        .sockets = port->sockets,
	                                        .member = &tunnel->member,
	                                        .account = tunnel->account },
	                  hit_out);
}

/* Opens the port, or takes the listening sockets. False and *hit_out. */
static bool get_port(struct tunnel *tunnel, const struct tunnel_port *port,
                     const struct instance *by, struct limit_hit *hit_out)
{
	struct sockets sockets = port->sockets;

	if (port->share != ABOUT_SHARES_NOTHING)
		return join_share(tunnel, port, hit_out);
	if (sockets.n == 0 && !open_port(tunnel, by, port->wanted, &sockets, hit_out))
		return false;
	*hit_out = (struct limit_hit){ .why = REFUSED_NO_MEMORY };
	return listen_at(tunnel, &sockets);
}

/* In its share, the tunnel gets visitors of its names only. */
static void tell_names(struct tunnel *tunnel)
{
	size_t n;
	const uint64_t *names = names_claim_keys(tunnel->claim, &n);

	share_set_names(&tunnel->member, names, n);
}

/* The port is open. False and *hit_out: the client may not have its host names, memory is out, or
 * the client does not read. */
static bool start_tunnel(struct tunnel *tunnel, const struct instance *by,
                         struct limit_hit *hit_out)
{
	struct server_worker *worker = tunnel->worker;

	tunnel->since_ms = tunnel->readiness.since_ms = clock_ms();
	gate_door_init(&tunnel->door, worker->loop, &tunnel->account->pending, run_wake);
	find_series(tunnel);
	if (!hosts_claim(worker->shared->names, tunnel->account, tunnel->about, by, &tunnel->claim,
	                 hit_out))
		return false;
	tell_names(tunnel);
	*hit_out = (struct limit_hit){ .why = REFUSED_NO_MEMORY };
	if (!tell_client(tunnel))
		return false;
	account_set_announcer(tunnel->account, &tunnel->announcer);
	count_tunnel(tunnel, 1);
	stats_add(&worker->shared->stats, worker->loop, STAT_TUNNELS_OPENED, 1);
	return true;
}

/* name: a key, or 0: none. */
static bool has_name(const struct tunnel *tunnel, uint64_t name)
{
	size_t n;
	const uint64_t *names = names_claim_keys(tunnel->claim, &n);

	while (n > 0 && names[n - 1] != name)
		n--;
	return !name || n > 0;
}

/* The visitors that wait at this port were announced to an earlier connection of the same owner,
 * which may be the reason why they still wait. Without memory they expire. */
static void announce_strays(struct tunnel *tunnel)
{
	struct pending *pending = tunnel->worker->shared->pending;
	size_t most = pending_count(pending), n;
	struct pending_stray *strays = NULL;

	if (most > 0 && atomic_load(&tunnel->account->principal->conns) > 0)
		strays = malloc(most * sizeof *strays);
	if (!strays)
		return;
	n = pending_find_strays(pending, tunnel->account, strays, most);
	for (size_t i = 0; i < n; i++) {
		if (has_name(tunnel, strays[i].name))
			announce(&tunnel->announcer, MESSAGE_VISITOR, &strays[i].id,
			         &strays[i].peer);
	}
	free(strays);
}

/* The account of one more tunnel. NULL and *hit_out. */
static struct account *open_account(const struct tunnel *tunnel, struct source *source,
                                    const struct allowance *allowance, struct limit_hit *hit_out)
{
	struct grant *grant = allowance ? grant_copy(allowance->grant) : NULL;
	struct account *account;

	*hit_out = (struct limit_hit){ .why = REFUSED_NO_MEMORY };
	if (allowance && !grant)
		return NULL;
	account = account_open(&tunnel->worker->shared->principals, source,
	                       server_worker_limits(tunnel->worker), allowance_by(allowance), grant,
	                       hit_out);
	if (!account)
		grant_free(grant);
	return account;
}

/* Gives back what tunnel_open has got so far. */
static void undo_open(struct tunnel *tunnel)
{
	share_leave(&tunnel->member);
	names_release(tunnel->claim);
	listener_free(tunnel->listener);
	if (tunnel->account) {
		account_set_closed(tunnel->account);
		account_close_tunnel(tunnel->account);
	}
	free(tunnel);
}

/* NULL and *hit_out. */
static struct tunnel *new_tunnel(struct server_worker *worker, struct link *link,
                                 struct source *source, const struct about *about,
                                 const struct allowance *allowance, struct limit_hit *hit_out)
{
	struct tunnel *tunnel = calloc(1, sizeof *tunnel);

	*hit_out = (struct limit_hit){ .why = REFUSED_NO_MEMORY };
	if (!tunnel)
		return NULL;
	tunnel->worker = worker;
	list_init(&tunnel->arrivals);
	tunnel->announcer.calls = &announcer_calls;
	tunnel->announcer.link = link;
	tunnel->announcer.tells_addresses = about_wants_addresses(about);
	tunnel->about = about;
	tunnel->account = open_account(tunnel, source, allowance, hit_out);
	if (tunnel->account) {
		tunnel->account->id = server_new_id(worker->shared);
		return tunnel;
	}
	free(tunnel);
	return NULL;
}

struct tunnel *tunnel_open(struct server_worker *worker, struct link *link, struct source *source,
                           const struct about *about, struct allowance **allowance,
                           struct tunnel_port port, struct limit_hit *hit_out)
{
	struct tunnel *tunnel = new_tunnel(worker, link, source, about, *allowance, hit_out);

	if (!tunnel) {
		sock_close_all(&port.sockets);
		return NULL;
	}
	if (!get_port(tunnel, &port, allowance_by(*allowance), hit_out)) {
		undo_open(tunnel);
		return NULL;
	}
	if (!start_tunnel(tunnel, allowance_by(*allowance), hit_out)) {
		undo_open(tunnel);
		return NULL;
	}
	/* Without authentication all clients are one owner, so a port that was closed may be
	 * another client's now. */
	if (port.sockets.n > 0 || *allowance)
		announce_strays(tunnel);
	tunnel->allowance = *allowance;
	*allowance = NULL;
	return tunnel;
}

/* ---- the service ---- */

static void count_down(struct tunnel *tunnel, bool is_down)
{
	const struct server_worker *worker = tunnel->worker;
	int delta = (int)is_down - (int)tunnel->readiness.is_down;

	tunnel->readiness.is_down = is_down;
	if (delta != 0)
		stats_add(&worker->shared->stats, worker->loop, STAT_TUNNELS_DOWN, delta);
}

/* A client may repeat itself at will. */
static void log_readiness(struct tunnel *tunnel)
{
	const struct tunnel_readiness *readiness = &tunnel->readiness;
	unsigned held;

	if (!pace_allows(&tunnel->readiness_lines, clock_ms(), &held))
		return;
	log_event(LOG_INFO,
	          !readiness->is_down  ? "the client's service is up"
	          : readiness->is_shut ? "the client's service is down, its port is closed"
	                               : "the client's service is down",
	          (const struct log_field[]){
			  log_int("port", tunnel->account->port),
			  log_str("identity", account_identity(tunnel->account)),
			  log_str("name", about_name(tunnel->about)), log_int("others", held),
			  log_str("error", readiness->why) },
	          readiness->is_down ? 5 : 4);
}

/* False: the port was closed, and another program has it. */
static bool reopen_port(struct tunnel *tunnel)
{
	char text[ADDR_TEXT_SIZE];
	struct err err;

	tunnel->shuts_later = false;
	if (!tunnel->readiness.is_shut)
		return true;
	tunnel->readiness.is_shut = false;
	if (!tunnel->listener || listener_reopen(tunnel->listener, &err))
		return true;
	log_error("cannot open the public port again",
	          log_str("port", addr_format(listener_addr(tunnel->listener), text)),
	          log_str("error", err.text));
	return false;
}

/* The next process has the same socket. It would not listen there any more, either. The client says
 * so again when it is there. */
static void shut_port(struct tunnel *tunnel)
{
	tunnel->shuts_later = tunnel->worker->has_given;
	if (!tunnel->shuts_later)
		tunnel->readiness.is_shut = tunnel->listener && listener_shut(tunnel->listener);
}

void tunnel_take_back(struct tunnel *tunnel)
{
	if (tunnel->shuts_later)
		shut_port(tunnel);
}

static void note_change(struct tunnel_readiness *readiness, const char *why)
{
	readiness->since_ms = clock_ms();
	if (!readiness->is_down)
		return;
	readiness->failed_ms = readiness->since_ms;
	snprintf(readiness->why, sizeof readiness->why, "%.*s", TUNNEL_WHY_SIZE - 1, why);
}

/* The tunnel shares its port: the port opens and closes for all tunnels of the share. */
static void tell_share(struct tunnel *tunnel, const struct message *message)
{
	share_set_ready(&tunnel->member, message->ready, message->close);
	if (!message->ready)
		group_pass_all_on(tunnel->worker, tunnel->account);
}

bool tunnel_set_ready(struct tunnel *tunnel, const struct message *message)
{
	struct tunnel_readiness *readiness = &tunnel->readiness;
	bool was_down = readiness->is_down, was_shut = readiness->is_shut;

	count_down(tunnel, !message->ready);
	if (readiness->is_down != was_down)
		note_change(readiness, message->text);
	if (tunnel_is_shared(tunnel))
		tell_share(tunnel, message);
	else if (readiness->is_down && message->close)
		shut_port(tunnel);
	else if (!reopen_port(tunnel))
		return false;
	if (readiness->is_down != was_down || readiness->is_shut != was_shut)
		log_readiness(tunnel);
	return true;
}

const struct tunnel_readiness *tunnel_readiness(const struct tunnel *tunnel)
{
	return &tunnel->readiness;
}

/* ---- the end ---- */

static void end_allowance(struct tunnel *tunnel, uint32_t reason)
{
	const struct account *account = tunnel->account;
	struct about_view view;

	about_look(tunnel->about, &view);
	allowance_end(tunnel->allowance, reason,
	              &(spore_session_end){
			      .port = account->port,
			      .bytes_up = atomic_load(&account->bytes_up),
			      .bytes_down = atomic_load(&account->bytes_down),
			      .conns = atomic_load(&account->visitors),
			      .client = &view.info,
		      });
	tunnel->allowance = NULL;
}

/* The client may have taken these visitors, and nobody is left who could say so. */
static void end_lost(struct tunnel *tunnel)
{
	struct pending *pending = tunnel->worker->shared->pending;
	size_t most = pending_count(pending), n;
	struct pending_stray *lost = most > 0 ? malloc(most * sizeof *lost) : NULL;

	if (!lost)
		return;
	n = pending_find_lost(pending, tunnel->account, lost, most);
	for (size_t i = 0; i < n; i++)
		tunnel_end_taken(tunnel, &lost[i].id);
	free(lost);
}

size_t tunnel_names(const struct tunnel *tunnel, char out[NAMES_LIST_SIZE])
{
	return names_claim_list(tunnel->claim, out);
}

static void give_names_back(struct tunnel *tunnel)
{
	share_set_names(&tunnel->member, NULL, 0);
	names_release(tunnel->claim);
	tunnel->claim = NULL;
}

/* The policy allows the names. */
static void get_names_again(struct tunnel *tunnel)
{
	struct account *account = tunnel->account;
	struct limit_hit hit;

	if (!hosts_claim(tunnel->worker->shared->names, account, tunnel->about,
	                 account->principal->by, &tunnel->claim, &hit)) {
		log_warn("the tunnel does not get its host names again",
		         log_str("reason", refusal_text(hit.why)), log_str("host", hit.host),
		         log_str("holder", hit.holder), log_int("port", account->port),
		         log_str("identity", account_identity(account)));
	} else if (tunnel->claim) {
		tell_names(tunnel);
		log_info("the tunnel has its host names again", log_int("port", account->port),
		         log_str("identity", account_identity(account)));
	}
}

void tunnel_review_names(struct tunnel *tunnel)
{
	const struct account *account = tunnel->account;

	if (hosts_are_allowed(account, tunnel->about)) {
		if (!tunnel->claim)
			get_names_again(tunnel);
	} else if (tunnel->claim) {
		log_warn("the tunnel has lost its host names: its client may not have them any "
		         "more",
		         log_int("port", account->port),
		         log_str("identity", account_identity(account)));
		give_names_back(tunnel);
	}
}

/* A client that leaves by itself may still take the visitors that it was handed. */
static bool bars_client(uint32_t reason)
{
	return reason == SPORE_END_REVOKED || reason == SPORE_END_KICKED ||
	       reason == SPORE_END_EXPIRED;
}

void tunnel_end_arrivals(struct tunnel *tunnel)
{
	arrival_end_all(&tunnel->arrivals, REFUSED_HANDSHAKE);
}

void tunnel_close(struct tunnel *tunnel, uint32_t reason)
{
	bool is_free; /* otherwise the posted wake frees the tunnel */

	if (!tunnel)
		return;
	listener_free(tunnel->listener);
	share_leave(&tunnel->member);
	give_names_back(tunnel);
	count_down(tunnel, false);
	arrival_end_all(&tunnel->arrivals, REFUSED_CLIENT_LOST);
	count_tunnel(tunnel, -1);
	end_allowance(tunnel, reason);
	account_set_announcer(tunnel->account, NULL);
	account_set_closed(tunnel->account);
	if (reason != SPORE_END_SHUTDOWN) {
		group_pass_all_on(tunnel->worker, tunnel->account);
		end_lost(tunnel);
	}
	if (bars_client(reason))
		account_bar_client(tunnel->account);
	tunnel->closed = true;
	is_free = gate_shut(&tunnel->worker->shared->gate, &tunnel->door);
	account_close_tunnel(tunnel->account);
	if (is_free)
		free(tunnel);
}

/* Does the new owner's grant allow what the tunnel has? False: *hit_out. */
static bool may_keep_port(const struct tunnel *tunnel, const struct allowance *allowance,
                          struct limit_hit *hit_out)
{
	const struct server_settings *settings = server_worker_settings(tunnel->worker);
	const struct grant *grant = allowance ? allowance->grant : NULL;

	if (grant && !grant_has_port(grant, tunnel->account->port)) {
		*hit_out = ports_limit_of_grant(allowance->by, grant, REFUSED_PORT_NOT_ALLOWED);
		return false;
	}
	*hit_out = ports_limit_of_share(allowance_by(allowance), grant);
	return !tunnel_is_shared(tunnel) || ports_may_be_shared(settings, grant);
}

/* The account that takes the place of the tunnel's. NULL and *hit_out. */
static struct account *succeed_account(const struct tunnel *tunnel,
                                       const struct allowance *allowance, struct limit_hit *hit_out)
{
	const struct limits *limits = server_worker_limits(tunnel->worker);
	struct account *account;
	struct grant *grant;

	if (!allowance)
		return account_succeed(tunnel->account, limits, NULL, NULL, hit_out);
	*hit_out = (struct limit_hit){ .why = REFUSED_NO_MEMORY };
	grant = grant_copy(allowance->grant);
	if (!grant)
		return NULL;
	account = account_succeed(tunnel->account, limits, allowance->by, grant, hit_out);
	if (!account)
		grant_free(grant);
	return account;
}

/* The tunnel has this account from now on. */
static void use_account(struct tunnel *tunnel, struct account *account,
                        struct allowance **allowance)
{
	arrival_change_account(home_of_arrivals(tunnel), tunnel->account, account);
	end_allowance(tunnel, SPORE_END_MOVED);
	tunnel->allowance = *allowance;
	*allowance = NULL;
	count_tunnel(tunnel, -1);
	tunnel->account = account;
	names_claim_change(tunnel->claim, account);
	tunnel_review_names(tunnel);
	find_series(tunnel);
	count_tunnel(tunnel, 1);
	if (tunnel_is_shared(tunnel))
		share_change_account(&tunnel->member, account);
	gate_door_recount(&tunnel->worker->shared->gate, &tunnel->door, &account->pending,
	                  server_worker_limits(tunnel->worker));
}

/* In its share, the tunnel belongs to this client from now on. */
static bool change_owner_in_share(struct tunnel *tunnel, const struct instance *by,
                                  uint64_t session)
{
	return !tunnel_is_shared(tunnel) || share_change_owner(&tunnel->member, by, session);
}

bool tunnel_change_owner(struct tunnel *tunnel, struct allowance **allowance,
                         struct limit_hit *hit_out)
{
	struct account *old = account_ref(tunnel->account), *account = NULL;
	const struct principal *owner = old->principal;

	if (may_keep_port(tunnel, *allowance, hit_out)) {
		*hit_out = (struct limit_hit){ .why = REFUSED_PORT_IN_USE };
		if (change_owner_in_share(tunnel, allowance_by(*allowance),
		                          allowance_session(*allowance))) {
			account = succeed_account(tunnel, *allowance, hit_out);
			if (!account)
				change_owner_in_share(tunnel, owner->by, owner->session);
		}
	}
	if (account)
		use_account(tunnel, account, allowance);
	account_unref(old); /* other workers may have looked at its count through the door */
	return account != NULL;
}

const struct allowance *tunnel_allowance(const struct tunnel *tunnel)
{
	return tunnel->allowance;
}

struct sockets tunnel_take_port(struct tunnel *tunnel)
{
	struct listener *listener = tunnel->listener;

	if (!reopen_port(tunnel)) /* of the next owner nobody knows that its service is down */
		return (struct sockets){ 0 };
	tunnel->listener = NULL;
	return listener ? listener_take(listener) : (struct sockets){ 0 };
}

struct sockets tunnel_copy_port(const struct tunnel *tunnel)
{
	if (tunnel_is_shared(tunnel))
		return share_copy_port(tunnel->member.share);
	if (!tunnel->listener || tunnel->readiness.is_shut)
		return (struct sockets){ 0 };
	return listener_copy(tunnel->listener);
}

struct account *tunnel_account(const struct tunnel *tunnel)
{
	return tunnel->account;
}

int64_t tunnel_age_ms(const struct tunnel *tunnel)
{
	return clock_ms() - tunnel->since_ms;
}

void tunnel_tell_addresses(struct tunnel *tunnel, bool tell)
{
	tunnel->announcer.tells_addresses = tell;
}

void tunnel_tell_refusing(struct tunnel *tunnel, bool tell)
{
	bool begins = tell && !tunnel->announcer.tells_refusing;

	tunnel->announcer.tells_refusing = tell;
	if (begins)
		refuse_tell(tunnel->worker, tunnel->account);
}

const char *tunnel_refusing(const struct tunnel *tunnel)
{
	const struct refusing *refusing = &tunnel->announcer.refusing;

	if (usage_exhausted(tunnel->account->usage) != USE_PERIODS)
		return refusal_text(REFUSED_USED_UP);
	return refusing_is_recent(refusing, clock_ms()) ? refusal_text(refusing->why) : NULL;
}

void tunnel_hand_over(struct tunnel *tunnel, struct ahead_pass *pass)
{
	tunnel->pass = pass;
}

void tunnel_stay_open(struct tunnel *tunnel)
{
	struct server_worker *worker = tunnel->worker;

	gate_hold_open(&worker->shared->gate, &tunnel->door, server_worker_limits(worker));
}

bool tunnel_is_shared(const struct tunnel *tunnel)
{
	return tunnel->member.share != NULL;
}

void tunnel_leave_share(struct tunnel *tunnel)
{
	share_set_leaving(&tunnel->member);
	group_pass_all_on(tunnel->worker, tunnel->account);
}

bool tunnel_is_settled(const struct tunnel *tunnel)
{
	return account_is_settled(tunnel->account);
}

void tunnel_stop_accepting(struct tunnel *tunnel)
{
	if (tunnel_is_shared(tunnel)) {
		share_set_leaving(&tunnel->member);
		return;
	}
	listener_finish(tunnel->listener);
	tunnel->listener = NULL;
}
