#include "session/tunnel_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "event/event.h"
#include "log/log.h"
#include "log/status.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/silence.h"
#include "net/sock.h"
#include "net/stream.h"
#include "quota/kick.h"
#include "quota/ports.h"
#include "quota/takeover.h"
#include "session/arrival.h"
#include "session/refuse.h"
#include "session/tunnel.h"

/* When a client asks for a port that it has already, the older session counts as silent if its
 * kernel is (net/silence), or if the heartbeat that it promised is later than MISSED_MS. Without
 * such a question a client is gone when it is later than LATE_MS. Both are more on a slow path. */
enum { MISSED_MS = 2500, LATE_MS = SERVER_SILENCE_MS - SERVER_PULSE_MS };
/* How long a client that leaves a share stays, at least and at most. */
enum { LEAST_LEAVING_MS = 50, MOST_LEAVING_MS = 4000 };

struct tunnel_session {
	struct server_session *session;
	struct login login;          /* its set: NULL unless a verdict is awaited */
	struct review review;        /* when its client is judged again */
	struct allowance *allowance; /* owned, until the tunnel takes it */
	struct takeover *takeover;   /* in TAKING_OVER */
	struct tunnel *tunnel;       /* owned; NULL in TAKING_OVER */
	ev_timer life;               /* runs if the grant limits the tunnel's time, from ... */
	int64_t life_from_ms;        /* ... its opening, or its renewal by the plugin */
	struct deadline silence;     /* runs if the client promised heartbeats */
	int64_t spared_ms;           /* by which it was extended since the client was heard */
	struct ahead_pass *pass;     /* owned; lets the client open connections ahead */
	uint16_t wanted;             /* the port that the client asks for; 0: any */
	bool is_heard;               /* the client promised heartbeats */
	bool can_move;               /* the client offered to move when the server is leaving ... */
	bool takes_tickets;          /* the client can show a ticket to the next server */
	bool is_leaving;             /* ... and is asked to: it counts among the leavers */
	bool is_staying;             /* it counts among the stayers */
	int64_t left_share_ms;       /* when the client left the share; 0: it has not */
	ev_timer leave;              /* until it is asked */
	char kept[KEPT_PORT_NAME_SIZE]; /* how its public port is kept; "": it is not */
	bool may_tell; /* the client said nothing about itself before the verdict, so
	                              * it may after Extended */
};

static struct tunnel_session *part_of(const struct server_session *s)
{
	return s->part;
}

struct tunnel *tunnel_session_tunnel(const struct server_session *s)
{
	return part_of(s)->tunnel;
}

const struct about *tunnel_session_about(const struct server_session *s)
{
	return &part_of(s)->login.about;
}

bool tunnel_session_is_heard(const struct server_session *s)
{
	return part_of(s)->is_heard;
}

static struct event_client client_of(const struct server_session *s)
{
	return (struct event_client){ &s->peer, about_name(&part_of(s)->login.about) };
}

/* ---- refusals ---- */

static struct refuse_subject subject_of(const struct server_session *s)
{
	const struct tunnel_session *t = part_of(s);
	const struct account *account = t->tunnel ? tunnel_account(t->tunnel) : NULL;
	struct refuse_subject subject = { .identity = "",
		                          .name = about_name(&t->login.about),
		                          .port = t->wanted };

	if (account) {
		subject.identity = account_identity(account);
		subject.port = account->port;
	} else if (t->allowance) {
		subject.identity = t->allowance->grant->identity;
	}
	return subject;
}

/* The client does not get the tunnel. */
static void refuse_new(struct server_session *s, enum refusal why)
{
	struct refuse_subject subject = subject_of(s);

	refuse_tunnel(s, &subject, &(struct limit_hit){ .why = why }, NULL, false);
}

/* The turn of this client to leave has come. If it does not read, its session ends anyway. */
static void on_leave(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct server_session *s = timer->data;

	(void)ev;
	(void)events;
	link_send(&s->link, &(struct message){ .type = MESSAGE_LEAVING });
}

/* The next server does not need the client's public port. */
static void keep_no_more(struct server_session *s)
{
	struct tunnel_session *t = part_of(s);

	if (*t->kept)
		keeper_drop(s->worker->shared->keeper, t->kept);
	*t->kept = '\0';
}

/* The client was let in, and perhaps had its tunnel. */
static void end_at_limit(struct server_session *s, const struct limit_hit *hit)
{
	struct refuse_subject subject = subject_of(s);

	keep_no_more(s);
	refuse_any_longer(s, &subject, hit);
}

static void end_open(struct server_session *s, enum refusal why)
{
	end_at_limit(s, &(struct limit_hit){ .why = why });
}

/* ---- the owner ---- */

static void on_life_over(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct server_session *s = timer->data;
	struct limit_hit hit = account_life(tunnel_account(part_of(s)->tunnel));

	(void)ev;
	(void)events;
	end_at_limit(s, &hit);
}

/* Restarts the timer by what the tunnel's grant says now. */
static void limit_life(struct tunnel_session *t)
{
	const struct grant *grant = tunnel_account(t->tunnel)->grant;
	struct ev_loop *ev = loop_ev(t->session->worker->loop);
	int64_t left_ms;

	ev_timer_stop(ev, &t->life);
	if (!grant || !(grant->fields & SPORE_AUTH_F_LIFE))
		return;
	left_ms = t->life_from_ms + grant->life_ms - clock_ms();
	ev_timer_set(&t->life, (double)(left_ms > 0 ? left_ms : 0) / 1000.0, 0.0);
	ev_timer_start(ev, &t->life);
}

/* ---- the review ---- */

/* The tunnel stays, and nothing is left to ask. */
static void end_review(struct server_session *s)
{
	struct tunnel_session *t = part_of(s);

	login_change_set(&t->login, NULL);
	review_end(&t->review, REVIEW_ALLOWED);
	server_session_move(s, SESSION_TUNNEL);
}

/* A failure of the authentication ends no tunnel: the old instance keeps it meanwhile. */
static void put_off(struct server_session *s, const char *plugin, int32_t status)
{
	struct tunnel_session *t = part_of(s);
	char text[STATUS_TEXT_SIZE];

	login_change_set(&t->login, NULL);
	review_pause(&t->review, plugin, status);
	server_session_move(s, SESSION_OUTDATED);
	refuse_log(s, LOG_DEBUG, "tunnel kept: its client could not be authenticated again",
	           status_text(status, text));
}

static void deny_review(struct server_session *s, const struct limit_hit *hit)
{
	review_end(&part_of(s)->review, REVIEW_DENIED);
	end_at_limit(s, hit);
}

/* Takes the allowance, which is NULL without authentication. */
static void change_owner(struct server_session *s, struct allowance *allowance)
{
	struct tunnel_session *t = part_of(s);
	struct limit_hit hit;

	if (tunnel_change_owner(t->tunnel, &allowance, &hit)) {
		ahead_change_account(t->pass, tunnel_account(t->tunnel));
		limit_life(t);
		end_review(s);
		return;
	}
	if (hit.why == REFUSED_NO_MEMORY)
		put_off(s, NULL, SPORE_ENOMEM);
	else
		deny_review(s, &hit);
	allowance_end(allowance, SPORE_END_REFUSED, NULL);
}

static void take_review_verdict(void *session, int32_t verdict)
{
	struct server_session *s = session;
	struct login *login = &part_of(s)->login;
	int32_t status;

	if (verdict == SPORE_ALLOW) {
		change_owner(s, login_take_allowance(login));
	} else if (verdict == SPORE_DENY || verdict == SPORE_UNBOUND) {
		deny_review(s, &(struct limit_hit){ .why = REFUSED_REVOKED });
	} else {
		const char *plugin = login_failure(login, &status);

		put_off(s, plugin, verdict);
	}
}

/* Would the client's transports refuse it by now? */
static bool has_expired(const struct server_session *s)
{
	return conn_has_expired(stream_conn(s->link.stream));
}

static void deny_expired(struct server_session *s)
{
	deny_review(s, &(struct limit_hit){ .why = REFUSED_REVOKED,
	                                    .most = -1,
	                                    .from = "the expiry that its transport reports" });
}

void tunnel_session_on_turn(struct review *review)
{
	struct tunnel_session *t = CONTAINER_OF(review, struct tunnel_session, review);
	struct server_session *s = t->session;
	struct login_asker asker;
	int32_t verdict;

	server_session_move(s, SESSION_REVIEWED);
	if (has_expired(s)) {
		deny_expired(s);
		return;
	}
	if (s->worker->set->chains[CHAIN_AUTH]->n == 0) {
		change_owner(s, NULL);
		return;
	}
	login_change_set(&t->login, s->worker->set);
	asker = server_session_asker(s, take_review_verdict);
	verdict = login_renew(&t->login, &asker, tunnel_allowance(t->tunnel),
	                      clock_ms() - t->life_from_ms);
	if (verdict != SPORE_EPENDING)
		take_review_verdict(s, verdict);
}

/* A review that is under way begins anew. */
static void review_tunnel(struct server_session *s, struct review_round *round)
{
	struct tunnel_session *t = part_of(s);

	login_change_set(&t->login, NULL);
	review_end(&t->review, REVIEW_LEFT);
	if (s->state != SESSION_OUTDATED)
		server_session_move(s, SESSION_OUTDATED);
	if (server_worker_settings(s->worker)->on_reload == ON_RELOAD_KEEP)
		end_review(s);
	else
		review_start(&t->review, round);
}

/* Would the worker's present set decide otherwise than `before`, by which the client is there? */
static bool needs_review(const struct server_session *s, const struct plugin_set *before)
{
	const struct allowance *allowance = tunnel_allowance(part_of(s)->tunnel);

	return !plugin_set_judges_alike(s->worker->set, before, allowance_by(allowance));
}

void tunnel_sessions_review(struct server_worker *worker, const struct plugin_set *before,
                            struct review_round *round)
{
	struct server_session *next;

	for (struct server_session *s = server_sessions_first(worker, LIST_TUNNELS); s; s = next) {
		next = server_sessions_next(s);
		if (part_of(s)->tunnel)
			account_limit_use(tunnel_account(part_of(s)->tunnel),
			                  server_worker_limits(worker));
		if (needs_review(s, before) || has_expired(s))
			review_tunnel(s, round);
	}
}

/* ---- the tunnel opens ---- */

static enum share_holder find_share(const struct server_session *s, uint16_t port)
{
	const struct allowance *allowance = part_of(s)->allowance;

	return share_find(&s->worker->shared->shares, port, allowance_by(allowance),
	                  allowance_session(allowance));
}

enum { DETAILS_SIZE = 240, SHOWN_IDENTITY = 80 };

/* The client knows its identity: the operator gave it the secret of this name. */
static const char *explain_share(const struct server_session *s, const struct limit_hit *hit,
                                 uint16_t wanted, char out[DETAILS_SIZE])
{
	const struct allowance *allowance = part_of(s)->allowance;
	const char *identity = allowance ? allowance->grant->identity : "";
	char policy[SHOWN_IDENTITY + 20] = "its policy";

	if (!wanted)
		return "a shared port needs a number";
	if (!allowance)
		return "the server has no authentication, which tells owners apart";
	if (*identity && strlen(identity) <= SHOWN_IDENTITY)
		snprintf(policy, sizeof policy, "the policy of %s", identity);
	snprintf(out, DETAILS_SIZE,
	         hit->plugin ? "%s forbids it"
	                     : "neither %s nor the key share of the server allows it",
	         policy);
	return out;
}

/* More than the reason says, or NULL. */
static const char *details_of_port(const struct server_session *s, const struct limit_hit *hit,
                                   uint16_t wanted, char out[DETAILS_SIZE])
{
	const char *reservation = ports_reservation(server_worker_settings(s->worker), wanted);

	switch (hit->why) {
	case REFUSED_HOST_NOT_ALLOWED:
	case REFUSED_HOST_TAKEN:
		return hit->host;
	case REFUSED_PORT_NOT_ALLOWED:
		return reservation;
	case REFUSED_PORT_IN_USE:
		if (reservation)
			return reservation;
		if (kept_ports_has(&s->worker->shared->kept_ports, wanted))
			return "it waits for the client that had it before the server's restart, "
			       "for 40 s at most";
		if (find_share(s, wanted) == SHARE_OF_OWNER)
			return "clients with \"share\" have it together, and this one does not "
			       "ask to share it";
		return account_port_is_held(&s->worker->shared->principals, wanted)
		               ? "another client has it"
		               : "another program on the server's machine has it";
	case REFUSED_SHARE:
		return explain_share(s, hit, wanted, out);
	case REFUSED_TOO_MANY_TUNNELS:
		return account_lacks_descriptors(&s->worker->shared->principals,
		                                 server_worker_limits(s->worker))
		               ? "the server's descriptors allow no more"
		               : NULL;
	default:
		return NULL;
	}
}

static void refuse_port(struct server_session *s, const struct limit_hit *hit, uint16_t wanted)
{
	struct refuse_subject subject = subject_of(s);
	char details[DETAILS_SIZE];

	refuse_tunnel(s, &subject, hit, details_of_port(s, hit, wanted, details),
	              part_of(s)->login.about.size > 0);
}

/* "443, 8443" */
static const char *write_routed_ports(const struct server_settings *settings, char *out,
                                      size_t size)
{
	const spore_port_range *ports = settings->routed_ports.items;
	size_t len = 0;

	*out = '\0';
	for (size_t i = 0; i < settings->routed_ports.count && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%u", i ? ", " : "", ports[i].lo);
	return out;
}

/* "a.example b.example"; NULL: it holds none. */
static const char *write_names(const struct tunnel *tunnel, char out[NAMES_LIST_SIZE])
{
	size_t n = tunnel_names(tunnel, out);

	for (char *at = out; n > 1; n--) { /* over the NUL */
		at += strlen(at);
		*at = ' ';
	}
	return *out ? out : NULL;
}

/* Where the names lead to it. */
static size_t add_names(const struct server_session *s, struct log_field *fields, size_t n,
                        char names[NAMES_LIST_SIZE], char *ports, size_t size)
{
	const char *held = write_names(part_of(s)->tunnel, names);

	if (!held)
		return n;
	fields[n++] = log_str("hosts", held);
	fields[n++] = log_str("routed_ports",
	                      write_routed_ports(server_worker_settings(s->worker), ports, size));
	return n;
}

static void log_new_client(const struct server_session *s, const struct account *account,
                           const char *name)
{
	char text[ADDR_TEXT_SIZE], via_text[ADDR_TEXT_SIZE], names[NAMES_LIST_SIZE], ports[128];
	const char *via = server_session_via(s, via_text);
	struct log_field fields[7];
	size_t n = 0;

	fields[n++] = log_str("peer", addr_format(&s->peer, text));
	if (via)
		fields[n++] = log_str("via", via);
	fields[n++] = log_int("port", account->port);
	fields[n++] = log_str("identity", account_identity(account));
	fields[n++] = log_str("name", name);
	n = add_names(s, fields, n, names, ports, sizeof ports);
	log_event(LOG_INFO, "new client", fields, n);
}

static void open_tunnel(struct server_session *s, struct tunnel_port port)
{
	struct tunnel_session *t = part_of(s);
	const struct account *account;
	struct event_client client;
	struct limit_hit hit;

	port.share = about_share(&t->login.about);
	t->tunnel = tunnel_open(s->worker, &s->link, s->source, &t->login.about, &t->allowance,
	                        port, &hit);
	if (!t->tunnel) {
		refuse_port(s, &hit, port.wanted);
		return;
	}
	server_session_move(s, SESSION_TUNNEL);
	account = tunnel_account(t->tunnel);
	t->life_from_ms = clock_ms();
	limit_life(t);
	sock_watch_control(stream_fd(s->link.stream));
	/* bore's server does not read here, so no message that arrives here may end the
	 * connection. */
	link_extend(&s->link, MESSAGE_TO_SERVER_EXTENDED, true);
	log_new_client(s, account, about_name(&t->login.about));
	client = client_of(s);
	event_tunnel_opened(s->worker->set, account, &client);
	/* The configuration may have changed since the client was allowed. */
	if (t->login.set != s->worker->set && needs_review(s, t->login.set))
		review_tunnel(s, NULL);
	else
		login_change_set(&t->login, NULL);
}

/* ---- a port that the same client has already ---- */

/* Is the client's heartbeat later than that, or what the path allows for if that is more? */
static bool is_late_by(const struct server_session *s, int64_t least_ms)
{
	const struct tunnel_session *t = part_of(s);
	int64_t heard_ms = t->silence.at_ms - SERVER_SILENCE_MS - t->spared_ms;
	int fd = stream_fd(s->link.stream);

	return clock_ms() - heard_ms >= SERVER_PULSE_MS + silence_patience_ms(fd, least_ms) &&
	       !sock_has_unread(fd);
}

static bool is_silent(const struct server_session *s)
{
	return (part_of(s)->is_heard && is_late_by(s, MISSED_MS)) ||
	       silence_is_proven(stream_fd(s->link.stream));
}

/* The client is gone, as far as we know. Its relays may stand without it, and would last until
 * their own connections are found dead. */
static void lose_client(struct server_session *s)
{
	account_lose_client(tunnel_account(part_of(s)->tunnel));
	server_session_end(s, true);
}

/* A client that is gone does not acknowledge it. */
static void send_heartbeat(struct server_session *s)
{
	/* Bytes that wait to be sent already say that we are here. */
	if (link_backlog(&s->link) == 0)
		link_send(&s->link, &(struct message){ .type = MESSAGE_HEARTBEAT });
}

static struct server_session *find_tunnel_of(const struct takeover_question *question)
{
	struct server_session *s = server_sessions_first(question->holder, LIST_TUNNELS);

	for (; s; s = server_sessions_next(s)) {
		const struct account *account = tunnel_account(part_of(s)->tunnel);

		if (account->port == question->port &&
		    account_belongs_to(account, question->by, question->session))
			break;
	}
	return s;
}

/* Tells who has the port: the client that asks for it belongs to the same owner. */
static void note_holder(const struct server_session *s, struct takeover_holder *holder_out)
{
	const struct tunnel_session *t = part_of(s);
	const char *name = about_name(&t->login.about);

	holder_out->peer = s->peer;
	holder_out->since_ms = clock_ms() - tunnel_age_ms(t->tunnel);
	snprintf(holder_out->name, sizeof holder_out->name, "%s", name ? name : "");
}

/* Runs on the holder's worker. If the client of the session that has the port is silent, the
 * session gives up the port and ends. */
static struct sockets yield_port(const struct takeover_question *question,
                                 struct takeover_holder *holder_out)
{
	struct server_session *s = find_tunnel_of(question);
	struct sockets sockets = { 0 };

	if (!s || atomic_load(&question->holder->shared->draining))
		return sockets;
	if (!is_silent(s)) {
		send_heartbeat(s); /* so that the next question finds out more */
		note_holder(s, holder_out);
		return sockets;
	}
	if (tunnel_is_shared(part_of(s)->tunnel))
		return sockets;
	sockets = tunnel_take_port(part_of(s)->tunnel);
	refuse_log(s, LOG_WARN, "client left",
	           "it no longer answers; its port moves to the new connection");
	lose_client(s);
	return sockets;
}

/* Does the client ask to share its port? */
static bool wants_share(const struct server_session *s)
{
	return about_share(&part_of(s)->login.about) != ABOUT_SHARES_NOTHING;
}

/* Both sessions belong to one owner, so it may know where its other client is. Without
 * authentication no client says About before Hello, so strangers are not told. */
static void describe_holder(const struct takeover_holder *holder, char *out, size_t size)
{
	bool has_name = holder->name[0] != '\0';
	char ip[ADDR_TEXT_SIZE];

	snprintf(out, size, "%s%s%sa client at %s has had it for %lld s",
	         has_name ? "the tunnel \"" : "", holder->name, has_name ? "\" of " : "",
	         addr_format_ip(&holder->peer, ip),
	         (long long)(clock_ms() - holder->since_ms) / 1000);
}

static void refuse_held_port(struct server_session *s, const struct takeover_holder *holder)
{
	struct refuse_subject subject = subject_of(s);
	char details[200];

	describe_holder(holder, details, sizeof details);
	if (wants_share(s))
		log_info("port is not shared", log_int("port", subject.port),
		         log_str("identity", subject.identity), log_str("holder", details));
	refuse_tunnel(s, &subject, &(struct limit_hit){ .why = REFUSED_PORT_IN_USE },
	              wants_share(s) ? "the client that has it does not share it" : details,
	              part_of(s)->login.about.size > 0);
}

/* Is the port among those that the client may use? */
static bool may_have_port(const struct server_session *s, uint16_t port, struct limit_hit *hit_out)
{
	const struct server_settings *settings = server_worker_settings(s->worker);
	const struct allowance *allowance = part_of(s)->allowance;
	const struct grant *grant = allowance ? allowance->grant : NULL;

	if (ports_allow(settings, grant, port))
		return true;
	*hit_out = ports_limit(settings, allowance_by(allowance), grant, REFUSED_PORT_NOT_ALLOWED,
	                       port);
	return false;
}

static void on_port_answer(void *arg, struct sockets *sockets, const struct takeover_holder *holder)
{
	struct server_session *s = arg;
	uint16_t wanted = part_of(s)->wanted;
	struct limit_hit hit;

	part_of(s)->takeover = NULL;
	if (sockets->n == 0 && holder->peer.family) {
		refuse_held_port(s, holder);
	} else if (sockets->n == 0) {
		refuse_new(s, REFUSED_PORT_IN_USE);
	} else if (atomic_load(&s->worker->shared->draining)) {
		sock_close_all(sockets);
		refuse_new(s, REFUSED_DRAINING);
	} else if (!may_have_port(s, wanted, &hit)) { /* not any more */
		sock_close_all(sockets);
		refuse_port(s, &hit, wanted);
	} else {
		open_tunnel(s, (struct tunnel_port){ .wanted = wanted, .sockets = *sockets });
	}
}

static void ask_holder(struct server_session *s, const struct takeover_question *question)
{
	static const struct takeover_calls calls = { yield_port, on_port_answer };
	struct tunnel_session *t = part_of(s);

	server_session_move(s, SESSION_TAKING_OVER);
	t->takeover = takeover_ask(s->worker->loop, question->holder->loop, question, &calls, s);
	if (!t->takeover)
		refuse_new(s, REFUSED_NO_MEMORY);
}

/* ---- what a Spore client says ---- */

/* A client that keeps connections for their next visitor may have as many as any client. */
static void grant_ahead(struct server_session *s, const struct message *asked,
                        struct message *answer)
{
	unsigned most = (unsigned)server_worker_limits(s->worker)->settings.max_ahead_per_tunnel;
	bool carries = asked->wants & MESSAGE_WANTS_CARRY;
	bool opens = carries && asked->wants & MESSAGE_WANTS_OPEN;
	unsigned n = asked->ahead < most && !carries ? asked->ahead : most;
	struct server_shared *shared = s->worker->shared;
	struct tunnel_session *t = part_of(s);

	if (n > 0 && !t->pass)
		t->pass = ahead_issue(&shared->ahead,
		                      &(struct ahead_terms){ .source = s->source,
		                                             .account = tunnel_account(t->tunnel),
		                                             .n = n,
		                                             .n_workers = shared->n_workers,
		                                             .opens = opens });
	if (n == 0 || !t->pass)
		return;
	answer->ahead = (uint16_t)n;
	answer->id = *ahead_id(t->pass);
	if (carries)
		answer->offers |= MESSAGE_OFFER_CARRY;
	if (opens)
		tunnel_hand_over(t->tunnel, t->pass);
}

/* A client whose tunnel has no host names is told nothing of routed ports. */
static void tell_routed(const struct server_session *s, struct message *answer)
{
	const spore_list *list = &server_worker_settings(s->worker)->routed_ports;
	const spore_port_range *ports = list->items;
	char names[NAMES_LIST_SIZE];

	if (tunnel_names(part_of(s)->tunnel, names) == 0)
		return;
	for (size_t i = 0; i < list->count && i < MESSAGE_MOST_ROUTED; i++)
		answer->routed[answer->n_routed++] = ports[i].lo;
}

/* The answer states how often the client must send heartbeats, whatever it offered. From then on
 * its silence counts: a client that does not get the answer sends no heartbeats. */
static void take_extend(struct server_session *s, const struct message *message)
{
	struct message answer = { .type = MESSAGE_EXTENDED,
		                  .port = SERVER_PULSE_MS,
		                  .offers = MESSAGE_OFFER_CLAIM | MESSAGE_OFFER_DECLINE |
		                            MESSAGE_OFFER_UNSERVED | MESSAGE_OFFER_READY };
	struct tunnel_session *t = part_of(s);

	grant_ahead(s, message, &answer);
	tell_routed(s, &answer);
	if (tunnel_is_shared(t->tunnel))
		answer.offers |= MESSAGE_OFFER_SHARED;
	tunnel_tell_addresses(t->tunnel, message->wants & MESSAGE_WANTS_VISITOR);
	if (!t->is_heard)
		t->may_tell = t->login.about.size == 0;
	if (link_send(&s->link, &answer))
		t->is_heard = true;
	tunnel_tell_refusing(t->tunnel, message->wants & MESSAGE_WANTS_REFUSING);
	t->can_move = message->wants & MESSAGE_WANTS_LEAVING;
	t->takes_tickets = message->wants & MESSAGE_WANTS_TICKET;
	if (t->can_move && atomic_load(&s->worker->shared->draining))
		link_send(&s->link, &(struct message){ .type = MESSAGE_LEAVING });
}

static void set_leaving(struct server_session *s, bool is_leaving)
{
	struct tunnel_session *t = part_of(s);
	unsigned delta = (unsigned)is_leaving - (unsigned)t->is_leaving;

	t->is_leaving = is_leaving;
	atomic_fetch_add(&s->worker->shared->leavers, delta);
}

static void set_staying(struct server_session *s, bool is_staying)
{
	struct tunnel_session *t = part_of(s);
	unsigned delta = (unsigned)is_staying - (unsigned)t->is_staying;

	t->is_staying = is_staying;
	atomic_fetch_add(&s->worker->shared->stayers, delta);
}

/* The client gets no other visitors. Its connection ends when it has taken those that it was told
 * of. */
static void leave_share(struct server_session *s)
{
	struct tunnel_session *t = part_of(s);

	if (t->left_share_ms)
		return;
	t->left_share_ms = clock_ms();
	set_leaving(s, false);
	tunnel_leave_share(t->tunnel);
}

/* The port may be wanted elsewhere, even if the client has not heard of our end yet. */
static void take_moved(struct server_session *s)
{
	if (tunnel_is_shared(part_of(s)->tunnel)) {
		leave_share(s);
		return;
	}
	if (!atomic_load(&s->worker->shared->draining))
		return;
	keep_no_more(s);
	tunnel_stop_accepting(part_of(s)->tunnel);
	refuse_log(s, LOG_INFO, "client left", "it has moved to another server");
	server_session_finish(s);
}

/* What cannot be taken is ignored: no message of a tunnel's client ends the tunnel. */
static void take_about(struct server_session *s, const char *item)
{
	struct tunnel_session *t = part_of(s);
	bool had_name = about_name(&t->login.about) != NULL;
	const char *name;

	if (!t->may_tell || about_add(&t->login.about, item) != ABOUT_TAKEN)
		return;
	name = about_name(&t->login.about);
	if (name && !had_name)
		log_info("client named its tunnel",
		         log_int("port", tunnel_account(t->tunnel)->port), log_str("name", name));
}

/* A port that refuses visitors is not kept: they would wait at it. */
static void take_ready(struct server_session *s, const struct message *message)
{
	struct tunnel *tunnel = part_of(s)->tunnel;

	if (!tunnel_set_ready(tunnel, message))
		end_open(s, REFUSED_PORT_IN_USE);
	else if (tunnel_readiness(tunnel)->is_shut)
		keep_no_more(s);
}

static void hear(struct tunnel_session *t)
{
	deadline_start(&t->session->worker->silence, &t->silence);
	t->spared_ms = 0;
}

static void on_tunnel_message(struct server_session *s, const struct message *message)
{
	struct tunnel_session *t = part_of(s);

	if (message->type == MESSAGE_EXTEND)
		take_extend(s, message);
	else if (message->type == MESSAGE_ABOUT)
		take_about(s, message->text);
	else if (message->type == MESSAGE_DECLINE)
		tunnel_decline(t->tunnel, &message->id, REFUSED_DECLINED);
	else if (message->type == MESSAGE_TAKEN)
		tunnel_end_taken(t->tunnel, &message->id);
	else if (message->type == MESSAGE_UNSERVED)
		tunnel_decline(t->tunnel, &message->id, REFUSED_UNSERVED);
	else if (message->type == MESSAGE_MOVED)
		take_moved(s);
	else if (message->type == MESSAGE_READY)
		take_ready(s, message);
	if (s->state != SESSION_ENDED && t->is_heard)
		hear(t);
}

void tunnel_session_on_silence(struct deadline *deadline)
{
	struct tunnel_session *t = CONTAINER_OF(deadline, struct tunnel_session, silence);
	struct server_session *s = t->session;

	/* If this process has stalled, input that has arrived is read only after the deadlines. */
	if (!is_late_by(s, LATE_MS)) {
		int64_t before_ms = deadline->at_ms;

		deadline_start(&s->worker->silence, deadline);
		t->spared_ms += deadline->at_ms - before_ms;
		return;
	}
	refuse_log(s, LOG_WARN, "client left", "its heartbeats have stopped");
	lose_client(s);
}

/* ---- other events ---- */

/* Not expected: a tunnel's link skips invalid messages, and in TAKING_OVER it delivers nothing. */
static void on_tunnel_fault(struct server_session *s, enum refusal why)
{
	refuse_silently(s, why);
}

static void on_tunnel_end(struct server_session *s, const char *why)
{
	if (s->state != SESSION_TAKING_OVER)
		refuse_log(s, LOG_INFO, "client left", why ? why : "closed by the client");
	else if (why)
		refuse_log(s, LOG_INFO, "connection ended before its first request", why);
	if (part_of(s)->tunnel && why) {
		lose_client(s);
		return;
	}
	keep_no_more(s); /* the client has ended */
	server_session_end(s, false);
}

/* Only the verdict of a review has a deadline. */
static void on_tunnel_late(struct server_session *s)
{
	int32_t status;
	const char *plugin = login_failure(&part_of(s)->login, &status);

	put_off(s, plugin, status);
}

/* The session waits for a port that another session has, so it has no tunnel yet. */
static void revise_takeover(struct server_session *s, const struct revision *revision)
{
	struct allowance *allowance = part_of(s)->allowance;

	if (allowance_is_concerned(allowance, revision) &&
	    !allowance_change(allowance, revision->grant))
		end_open(s, REFUSED_REVOKED);
}

static void revise_tunnel(struct server_session *s, const struct revision *revision)
{
	struct tunnel_session *t = part_of(s);
	struct account *account = tunnel_account(t->tunnel);
	struct limit_hit hit;
	struct grant *renewed;

	if (!revision_concerns(revision, account->principal->by, account_identity(account),
	                       account->principal->session))
		return;
	if (!revision->grant) {
		end_open(s, REFUSED_REVOKED);
		return;
	}
	if (tunnel_is_shared(t->tunnel) &&
	    !ports_may_be_shared(server_worker_settings(s->worker), revision->grant)) {
		hit = ports_limit_of_share(account->principal->by, revision->grant);
		end_at_limit(s, &hit);
		return;
	}
	renewed = grant_copy(revision->grant);
	if (!renewed)
		return; /* the client keeps its old grant */
	account_renew(account, server_worker_limits(s->worker), renewed);
	tunnel_review_names(t->tunnel);
	t->life_from_ms = clock_ms();
	limit_life(t);
}

static void on_tunnel_revision(struct server_session *s, const struct revision *revision)
{
	(part_of(s)->tunnel ? revise_tunnel : revise_takeover)(s, revision);
}

static void tell_end(const struct server_session *s)
{
	const struct tunnel *tunnel = part_of(s)->tunnel;
	struct event_client client = client_of(s);

	if (tunnel)
		event_tunnel_closed(s->worker->set, tunnel_account(tunnel), &client, s->end_reason,
		                    tunnel_age_ms(tunnel));
}

static void release_tunnel_session(struct server_session *s)
{
	struct tunnel_session *t = part_of(s);

	set_leaving(s, false);
	set_staying(s, false);
	login_cancel(&t->login, s->end_reason);
	review_end(&t->review, REVIEW_LEFT);
	takeover_forget(t->takeover);
	deadline_stop(&t->silence);
	ahead_withdraw(t->pass);
	ev_timer_stop(loop_ev(s->worker->loop), &t->life);
	ev_timer_stop(loop_ev(s->worker->loop), &t->leave);
	tell_end(s);
	tunnel_close(t->tunnel, s->end_reason);
	login_end_allowance(&t->login, t->allowance, s->end_reason);
	login_fini(&t->login, s->end_reason); /* last: the ends above say what is in it */
}

/* ---- the beginning ---- */

/* False: out of memory. */
static bool become_tunnel_session(struct server_session *s, struct login *login,
                                  struct allowance **allowance)
{
	static const struct session_role role = { on_tunnel_message,  on_tunnel_fault,
		                                  on_tunnel_end,      on_tunnel_late,
		                                  on_tunnel_revision, release_tunnel_session };
	struct tunnel_session *t = calloc(1, sizeof *t);

	if (!t)
		return false;
	t->session = s;
	t->allowance = *allowance;
	*allowance = NULL;
	review_init(&t->review, &s->worker->reviews);
	login_move(&t->login, login);
	deadline_init(&t->silence);
	ev_timer_init(&t->life, on_life_over, 0.0, 0.0);
	t->life.data = s;
	ev_timer_init(&t->leave, on_leave, 0.0, 0.0);
	t->leave.data = s;
	server_session_become(s, &role, t);
	return true;
}

static bool may_share(const struct server_session *s)
{
	const struct allowance *allowance = part_of(s)->allowance;

	return part_of(s)->wanted != 0 && ports_may_be_shared(server_worker_settings(s->worker),
	                                                      allowance ? allowance->grant : NULL);
}

static void refuse_share(struct server_session *s, uint16_t wanted)
{
	const struct allowance *allowance = part_of(s)->allowance;
	struct limit_hit hit = { .why = REFUSED_SHARE, .most = -1 };

	if (wanted)
		hit = ports_limit_of_share(allowance_by(allowance),
		                           allowance ? allowance->grant : NULL);
	refuse_port(s, &hit, wanted);
}

/* Looks for the port where it may be already. */
static void find_port(struct server_session *s)
{
	const struct allowance *allowance = part_of(s)->allowance;
	uint16_t wanted = part_of(s)->wanted;
	enum share_holder sharers = find_share(s, wanted);
	struct takeover_question question = { .by = allowance_by(allowance),
		                              .session = allowance_session(allowance),
		                              .port = wanted };
	struct limit_hit hit;

	if (sharers == SHARE_OF_NOBODY)
		question.holder = account_holder(&s->worker->shared->principals, question.by,
		                                 question.session, wanted);
	if (sharers == SHARE_OF_OWNER && !wants_share(s))
		refuse_port(s, &(struct limit_hit){ .why = REFUSED_PORT_IN_USE }, wanted);
	else if (!question.holder)
		open_tunnel(s, (struct tunnel_port){ .wanted = wanted });
	else if (!may_have_port(s, wanted, &hit))
		refuse_port(s, &hit, wanted);
	else
		ask_holder(s, &question);
}

/* The earlier server has the same sockets, and may have stopped them from listening since. False:
 * they are closed. */
static bool listen_again(struct sockets *sockets)
{
	struct err unused;

	for (unsigned i = 0; i < sockets->n; i++) {
		if (!sock_listen_again(sockets->fds[i], &unused)) {
			sock_close_all(sockets);
			return false;
		}
	}
	return true;
}

/* The port that an earlier server has left to this client. False: there is none. */
static bool take_kept_port(struct server_session *s, const struct tunnel_wish *wish)
{
	static const struct uuid none;
	const struct allowance *allowance = part_of(s)->allowance;
	const char *identity = allowance ? allowance->grant->identity : "";
	struct sockets sockets = { 0 };
	struct limit_hit hit;

	if (!uuid_equal(&wish->ticket, &none))
		sockets = kept_ports_take(&s->worker->shared->kept_ports, &wish->ticket, identity,
		                          wish->port);
	if (sockets.n == 0)
		return false;
	if (!listen_again(&sockets)) {
		refuse_new(s, REFUSED_PORT_IN_USE);
	} else if (may_have_port(s, wish->port, &hit)) {
		open_tunnel(s, (struct tunnel_port){ .wanted = wish->port, .sockets = sockets });
	} else {
		sock_close_all(&sockets);
		refuse_port(s, &hit, wish->port);
	}
	return true;
}

void tunnel_session_start(struct server_session *s, struct login *login,
                          struct allowance **allowance, const struct tunnel_wish *wish)
{
	if (!become_tunnel_session(s, login, allowance)) {
		refuse_session(s, REFUSED_NO_MEMORY);
		return;
	}
	part_of(s)->wanted = wish->port;
	if (atomic_load(&s->worker->shared->draining))
		refuse_new(s, REFUSED_DRAINING);
	else if (wants_share(s) && !may_share(s))
		refuse_share(s, wish->port);
	else if (!take_kept_port(s, wish))
		find_port(s);
}

/* ---- on all tunnels of a worker ---- */

void tunnel_sessions_kick(struct server_worker *worker, const struct kick *kick,
                          struct kicked *kicked)
{
	struct server_session *next;

	for (struct server_session *s = server_sessions_first(worker, LIST_TUNNELS); s; s = next) {
		const struct account *account = tunnel_account(part_of(s)->tunnel);

		next = server_sessions_next(s);
		if (kick_means(kick, account)) {
			kicked_add_tunnel(kicked, account);
			end_open(s, REFUSED_KICKED);
		}
	}
}

/* Has the client left the share, and taken its visitors? Those that other workers have for it are
 * counted soon. */
static bool has_left_share(const struct server_session *s)
{
	const struct tunnel_session *t = part_of(s);
	int64_t for_ms = t->left_share_ms ? clock_ms() - t->left_share_ms : 0;

	return for_ms >= LEAST_LEAVING_MS &&
	       (tunnel_is_settled(t->tunnel) || for_ms >= MOST_LEAVING_MS);
}

void tunnel_sessions_beat(struct server_worker *worker, unsigned nth)
{
	struct server_session *next;

	for (struct server_session *s = server_sessions_first(worker, LIST_TUNNELS); s; s = next) {
		const struct tunnel_session *t = part_of(s);

		next = server_sessions_next(s);
		if (has_left_share(s)) {
			refuse_log(s, LOG_INFO, "client left", "it has left the share");
			server_session_finish(s);
			continue;
		}
		if (!t->is_heard ||
		    (tunnel_account(t->tunnel)->id + nth) % TUNNEL_SESSION_SELDOM == 0)
			send_heartbeat(s);
	}
}

/* Lets the keeper have the public port if it is open, and gives the client the ticket for it.
 * Idempotent. */
static void give_ticket(struct server_session *s)
{
	struct tunnel_session *t = part_of(s);
	struct keeper *keeper = s->worker->shared->keeper;
	const struct account *account = tunnel_account(t->tunnel);
	struct message ticket = { .type = MESSAGE_TICKET };
	struct sockets copies;

	if (*t->kept || !keeper || !keeper_is_open(keeper) || !t->takes_tickets ||
	    !uuid_random(&ticket.id) ||
	    !kept_port_name(&ticket.id, account_identity(account), account->port, t->kept))
		return;
	copies = tunnel_copy_port(t->tunnel);
	if (copies.n == 0 || !keeper_keep(keeper, &copies, t->kept))
		*t->kept = '\0';
	else if (!link_send(&s->link, &ticket))
		keep_no_more(s);
}

/* Asks the client to move at once, or at some moment within the given time. */
static bool ask_to_leave(struct server_session *s)
{
	int64_t within_ms = atomic_load(&s->worker->shared->leave_within_ms);
	struct ev_loop *ev = loop_ev(s->worker->loop);
	struct tunnel_session *t = part_of(s);
	struct uuid random;

	give_ticket(s);
	if (within_ms <= 0 || !uuid_random(&random))
		return link_send(&s->link, &(struct message){ .type = MESSAGE_LEAVING });
	ev_timer_set(&t->leave,
	             (double)within_ms / 1000.0 * (random.bytes[0] * 256 + random.bytes[1]) / 65536,
	             0.0);
	ev_timer_start(ev, &t->leave);
	return true;
}

/* The next server has the control port already. So it must have the public port, too, or it must be
 * able to bind it. */
static bool is_left_behind(const struct server_session *s)
{
	return s->worker->has_given && *part_of(s)->kept == '\0';
}

/* A client that cannot move, such as bore's, may stay until the end of the drain if its data
 * connections come back from the next server. Those with transports cannot. */
static bool may_stay(const struct server_session *s)
{
	const struct tunnel_session *t = part_of(s);

	return atomic_load(&s->worker->shared->may_stay) && !t->can_move &&
	       !tunnel_is_shared(t->tunnel) && stream_is_bare(s->link.stream);
}

static void stay(struct server_session *s)
{
	const struct account *account = tunnel_account(part_of(s)->tunnel);

	log_info("client stays until the end of the drain: it cannot move",
	         log_int("port", account->port), log_str("identity", account_identity(account)));
	set_staying(s, true);
	tunnel_stay_open(part_of(s)->tunnel);
}

void tunnel_sessions_leave(struct server_worker *worker)
{
	struct server_session *s = server_sessions_first(worker, LIST_TUNNELS);

	for (; s; s = server_sessions_next(s)) {
		struct tunnel_session *t = part_of(s);

		if (may_stay(s))
			stay(s);
		else if (!t->can_move || !ask_to_leave(s) || is_left_behind(s))
			tunnel_stop_accepting(t->tunnel);
		else
			set_leaving(s, true);
	}
}

void tunnel_sessions_end_arrivals(struct server_worker *worker)
{
	struct server_session *s = server_sessions_first(worker, LIST_TUNNELS);

	for (; s; s = server_sessions_next(s)) {
		if (part_of(s)->tunnel)
			tunnel_end_arrivals(part_of(s)->tunnel);
	}
	arrival_end_all(&worker->group_arrivals, REFUSED_HANDSHAKE);
}

void tunnel_sessions_give_tickets(struct server_worker *worker)
{
	struct server_session *s = server_sessions_first(worker, LIST_TUNNELS);

	for (; s; s = server_sessions_next(s)) {
		if (part_of(s)->tunnel && part_of(s)->can_move)
			give_ticket(s);
	}
}

void tunnel_sessions_forget_tickets(struct server_worker *worker)
{
	struct server_session *s = server_sessions_first(worker, LIST_TUNNELS);

	for (; s; s = server_sessions_next(s)) {
		keep_no_more(s); /* the service manager may have it by now */
		if (part_of(s)->tunnel)
			tunnel_take_back(part_of(s)->tunnel);
	}
}

void tunnel_sessions_stop_accepting(struct server_worker *worker)
{
	struct server_session *s = server_sessions_first(worker, LIST_TUNNELS);

	for (; s; s = server_sessions_next(s)) {
		set_leaving(s, false);
		if (!part_of(s)->is_staying)
			tunnel_stop_accepting(part_of(s)->tunnel);
	}
}

void tunnel_sessions_stay_no_more(struct server_worker *worker)
{
	struct server_session *s = server_sessions_first(worker, LIST_TUNNELS);

	for (; s; s = server_sessions_next(s)) {
		if (!part_of(s)->is_staying)
			continue;
		set_staying(s, false);
		tunnel_stop_accepting(part_of(s)->tunnel);
	}
}
