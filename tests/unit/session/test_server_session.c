#include "session/server_session.h"

#include "quota/kick.h"
#include "scene/lane_scene.h"
#include "scene/ledger_scene.h"
#include "session/tunnel.h"
#include "session/tunnel_session.h"
#include "suite.h"

/* ---- which state may follow which ---- */

#define B(state) (1u << SESSION_##state)

START_TEST(only_drawn_arrows_may_be_followed)
{
	static const unsigned next[SESSION_STATES] = {
		[SESSION_OPENING] = B(CHALLENGED) | B(UNCHALLENGED) | B(READY) | B(ENDED),
		[SESSION_CHALLENGED] = B(ANSWERED) | B(ENDED),
		[SESSION_ANSWERED] = B(TELLING) | B(JUDGED) | B(ACCEPTING) | B(ENDED),
		[SESSION_TELLING] = B(JUDGED) | B(ENDED),
		[SESSION_UNCHALLENGED] = B(JUDGED) | B(ACCEPTING) | B(ENDED),
		[SESSION_JUDGED] = B(READY) | B(ENDED),
		[SESSION_READY] = B(WAITING) | B(TAKING_OVER) | B(TUNNEL) | B(JOINED) | B(ENDED),
		[SESSION_WAITING] = B(OFFERED) | B(JOINED) | B(ENDED),
		[SESSION_OFFERED] = B(DOUBTED) | B(JOINED) | B(ENDED),
		[SESSION_DOUBTED] = B(JOINED) | B(ENDED),
		[SESSION_ACCEPTING] = B(WAITING) | B(JOINED) | B(ENDED),
		[SESSION_TAKING_OVER] = B(TUNNEL) | B(ENDED),
		[SESSION_TUNNEL] = B(OUTDATED) | B(ENDED),
		[SESSION_OUTDATED] = B(REVIEWED) | B(TUNNEL) | B(ENDED),
		[SESSION_REVIEWED] = B(OUTDATED) | B(TUNNEL) | B(ENDED),
	};

	for (int from = 0; from < SESSION_STATES; from++) {
		for (int to = 0; to < SESSION_STATES; to++)
			ck_assert_msg(server_session_may_move((enum session_state)from,
			                                      (enum session_state)to) ==
			                      !!(next[from] & 1u << to),
			              "%d to %d", from, to);
	}
}
END_TEST

/* ---- a session in each of its states ---- */

struct walk {
	int fd;     /* the client's end */
	int holder; /* of TAKING_OVER: the client that has the port; of OFFERED and DOUBTED: that of
	             * the tunnel; else -1 */
	int visitor; /* of OFFERED and DOUBTED; else -1 */
	struct server_session *s;
	struct ahead_pass *pass; /* of WAITING */
};

/* Verdicts come only when the walk wants one. */
#define PENDING LEDGER_NEVER
/* The chain cannot decide. */
#define FAILING LEDGER(", \"verdict\": \"fail\"")

static const struct uuid no_id = { { 1 } };

static void reach_waiting(struct walk *walk)
{
	walk->pass = scene_issue(scene_last(LIST_NEWCOMERS)->source);
	ck_assert_ptr_nonnull(walk->pass);
	scene_ahead(walk->fd, ahead_id(walk->pass));
	walk->s = scene_last(LIST_WAITING);
}

/* The other worker has the tunnel, and does not get to the question. */
static void reach_taking_over(struct walk *walk)
{
	uint16_t port;

	walk->holder = scene_connect_from(1, "127.0.0.1");
	scene_expect(walk->holder, MESSAGE_CHALLENGE);
	scene_authenticate(walk->holder, "alice");
	scene_hello(walk->holder, 0);
	port = scene_expect_tunnel(walk->holder);
	scene_say(walk->holder, &(struct message){ .type = MESSAGE_EXTEND, .port = 500 });
	scene_expect(walk->holder, MESSAGE_EXTENDED);
	scene.stalled[1] = true;
	scene_hello(walk->fd, port);
}

/* The other worker has the tunnel. */
static void reach_offered(struct walk *walk)
{
	struct lane_scene lanes = lane_scene_open(1, NULL, MESSAGE_WANTS_OPEN);
	struct uuid id;

	close(walk->fd);
	scene_run();
	walk->holder = lanes.client;
	walk->fd = lane_scene_add(&lanes, 0, NULL);
	walk->s = scene_last(LIST_WAITING);
	walk->visitor = lane_scene_offer(&lanes, walk->fd, &id);
}

static bool is_ready(void *s)
{
	return ((const struct server_session *)s)->state == SESSION_READY;
}

/* `verdict`: the configuration under which the verdict is awaited. */
static void reach(struct walk *walk, enum session_state state, const char *verdict)
{
	static const char *const configs[SESSION_STATES] = {
		[SESSION_OPENING] = SCENE_GREETED,     [SESSION_CHALLENGED] = LEDGER_OPEN,
		[SESSION_UNCHALLENGED] = SCENE_SILENT, [SESSION_READY] = LEDGER_OPEN,
		[SESSION_WAITING] = SCENE_OPEN,        [SESSION_TAKING_OVER] = LEDGER_OPEN,
		[SESSION_OFFERED] = SCENE_OPEN,        [SESSION_DOUBTED] = SCENE_OPEN,
		[SESSION_TUNNEL] = LEDGER_OPEN,        [SESSION_OUTDATED] = LEDGER_OPEN,
		[SESSION_REVIEWED] = LEDGER_OPEN,
	};
	bool is_tunnel = state == SESSION_TUNNEL || state == SESSION_OUTDATED ||
	                 state == SESSION_REVIEWED;

	scene_open(configs[state] ? configs[state] : verdict);
	*walk = (struct walk){ .fd = scene_connect(), .holder = -1, .visitor = -1 };
	walk->s = scene_last(LIST_NEWCOMERS);
	if (scene.set->chains[CHAIN_AUTH]->n > 0 && scene.set->needs_challenge)
		scene_expect(walk->fd, MESSAGE_CHALLENGE);
	if (state == SESSION_ANSWERED || state == SESSION_TELLING || state == SESSION_JUDGED ||
	    state == SESSION_READY || state == SESSION_ACCEPTING || state == SESSION_TAKING_OVER ||
	    is_tunnel)
		scene_authenticate(walk->fd, "alice");
	if (state == SESSION_TELLING)
		scene_about(walk->fd, "version=x/1");
	if (state == SESSION_JUDGED || is_tunnel)
		scene_hello(walk->fd, 0);
	if (state == SESSION_READY)
		scene_wait(is_ready, walk->s);
	if (state == SESSION_ACCEPTING)
		scene_accept(walk->fd, &no_id);
	if (state == SESSION_WAITING)
		reach_waiting(walk);
	if (state == SESSION_OFFERED || state == SESSION_DOUBTED)
		reach_offered(walk);
	if (state == SESSION_DOUBTED)
		scene_be_late(walk->s);
	if (state == SESSION_TAKING_OVER)
		reach_taking_over(walk);
	if (is_tunnel)
		scene_expect_tunnel(walk->fd);
	if (state == SESSION_OUTDATED)
		scene_renew(FAILING);
	if (state == SESSION_REVIEWED)
		scene_renew(verdict);
	ck_assert_int_eq(walk->s->state, state);
}

static void leave(struct walk *walk)
{
	if (walk->fd >= 0)
		close(walk->fd);
	if (walk->holder >= 0)
		close(walk->holder);
	if (walk->visitor >= 0)
		close(walk->visitor);
	if (walk->pass)
		scene_withdraw(walk->pass);
	scene_close();
	scene_check_ledgers();
}

/* ---- what a state decides ---- */

/* Whether the session's deadline is one of this list. */
static bool runs_in(const struct server_session *s, unsigned list)
{
	const struct list *running = &s->worker->deadlines[list].running;

	for (const struct list *i = running->next; i != running; i = i->next) {
		if (i == &s->deadline.node)
			return true;
	}
	return false;
}

static void check_state(const struct walk *walk, unsigned list, unsigned deadline, bool stranger,
                        bool paused)
{
	const struct server_session *s = walk->s;

	for (unsigned i = 0; i < SESSION_LISTS; i++)
		ck_assert_uint_eq(s->worker->sessions[i].count, i == list);
	ck_assert_ptr_eq(scene_last((enum session_list)list), s);
	for (unsigned i = 0; i < DEADLINES; i++)
		ck_assert_int_eq(runs_in(s, i), i == deadline);
	ck_assert_uint_eq(s->worker->strangers.count, stranger);
	ck_assert_int_eq(s->link.paused, paused);
	ck_assert_int_eq(s->pass != NULL, s->state == SESSION_WAITING);
	ck_assert_int_eq(scene_metric("spore_connections_ahead"), list == LIST_WAITING);
	ck_assert_int_eq(scene_metric("spore_tunnels"),
	                 (list == LIST_TUNNELS) + (walk->holder >= 0));
	ck_assert_int_eq(scene_metric("spore_tunnels_outdated"),
	                 s->state == SESSION_OUTDATED || s->state == SESSION_REVIEWED);
}

START_TEST(a_state_decides_list_deadline_and_counts)
{
	static const struct {
		unsigned list, deadline;
		bool stranger, paused;
	} rows[] = {
		[SESSION_OPENING] = { LIST_NEWCOMERS, DEADLINE_FIRST_FRAME, true, false },
		[SESSION_CHALLENGED] = { LIST_NEWCOMERS, DEADLINE_FIRST_FRAME, true, false },
		[SESSION_ANSWERED] = { LIST_NEWCOMERS, DEADLINE_NEXT_FRAME, true, false },
		[SESSION_TELLING] = { LIST_NEWCOMERS, DEADLINE_FIRST_FRAME, true, false },
		[SESSION_UNCHALLENGED] = { LIST_NEWCOMERS, DEADLINE_FIRST_FRAME, true, false },
		[SESSION_JUDGED] = { LIST_NEWCOMERS, DEADLINE_VERDICT, true, true },
		[SESSION_READY] = { LIST_NEWCOMERS, DEADLINE_FIRST_FRAME, true, false },
		[SESSION_WAITING] = { LIST_WAITING, DEADLINE_WAITING, false, false },
		[SESSION_OFFERED] = { LIST_NEWCOMERS, DEADLINE_OFFER, false, false },
		[SESSION_DOUBTED] = { LIST_NEWCOMERS, DEADLINE_DOUBT, false, false },
		[SESSION_ACCEPTING] = { LIST_NEWCOMERS, DEADLINE_VERDICT, true, true },
		[SESSION_TAKING_OVER] = { LIST_NEWCOMERS, DEADLINES, true, true },
		[SESSION_TUNNEL] = { LIST_TUNNELS, DEADLINES, false, false },
		[SESSION_OUTDATED] = { LIST_TUNNELS, DEADLINES, false, false },
		[SESSION_REVIEWED] = { LIST_TUNNELS, DEADLINE_VERDICT, false, false },
	};
	struct walk walk;

	for (int i = 0; i < SESSION_JOINED; i++) {
		reach(&walk, (enum session_state)i, PENDING);
		check_state(&walk, rows[i].list, rows[i].deadline, rows[i].stranger,
		            rows[i].paused);
		leave(&walk);
	}
}
END_TEST

START_TEST(the_first_frame_has_the_time_that_the_handshake_left)
{
	struct walk walk;
	int64_t at_ms;

	reach(&walk, SESSION_OPENING, NULL);
	at_ms = walk.s->deadline.at_ms;
	run_for(scene.loops[0], 20);
	scene_send(walk.fd, &(uint8_t){ SCENE_GREETING }, 1);
	ck_assert_int_eq(walk.s->state, SESSION_READY);
	ck_assert_int_eq(walk.s->deadline.at_ms, at_ms);
	leave(&walk);
}
END_TEST

START_TEST(a_verdict_has_time_of_its_own)
{
	struct walk walk;
	int64_t at_ms;

	reach(&walk, SESSION_ANSWERED, PENDING);
	at_ms = loop_now_ms(scene.loops[0]);
	run_for(scene.loops[0], 20);
	scene_hello(walk.fd, 0);
	ck_assert_int_eq(walk.s->state, SESSION_JUDGED);
	ck_assert_int_ge(walk.s->deadline.at_ms, at_ms + 3000 + 15);
	leave(&walk);
}
END_TEST

/* ---- every state with every event ---- */

enum event {
	SAY_AUTHENTICATE,
	SAY_ABOUT,
	SAY_HELLO,
	SAY_ACCEPT, /* of an id that nobody has */
	SAY_AHEAD,  /* with a pass that nobody has */
	SAY_OPENED,
	SAY_NONSENSE,
	SAY_TOO_MUCH,
	HALF_CLOSE,
	RESET,
	LATE,
	ALLOW,
	DENY,
	FAIL,
	PORT,
	NO_PORT,
	RELOAD,
	REVOKE,
	KICK,
	EVENTS
};

struct outcome {
	enum {
		IMPOSSIBLE, /* there is no such event in this state */
		STAYS,
		MOVES,
		ENDS,   /* without a word, and nothing is counted */
		CLOSES, /* without a word; the refusal is counted */
		ERROR,  /* with an Error frame; the refusal is counted */
		TOLD,   /* with an Error frame that does not count as a refusal */
	} how;
	enum session_state to; /* of MOVES */
	enum refusal why;
};

#define TO(state)                                                                                  \
	{                                                                                          \
		.how = MOVES, .to = SESSION_##state                                                \
	}
#define E(reason)                                                                                  \
	{                                                                                          \
		.how = ERROR, .why = REFUSED_##reason                                              \
	}
#define C(reason)                                                                                  \
	{                                                                                          \
		.how = CLOSES, .why = REFUSED_##reason                                             \
	}
#define T(reason)                                                                                  \
	{                                                                                          \
		.how = TOLD, .why = REFUSED_##reason                                               \
	}
#define ST                                                                                         \
	{                                                                                          \
		.how = STAYS                                                                       \
	}
#define EN                                                                                         \
	{                                                                                          \
		.how = ENDS                                                                        \
	}
#define NO                                                                                         \
	{                                                                                          \
		.how = IMPOSSIBLE                                                                  \
	}

/* A table, aligned by hand. */
/* clang-format off */
static const struct outcome outcomes[SESSION_JOINED][EVENTS] = {
	[SESSION_OPENING] = {
		C(HANDSHAKE), C(HANDSHAKE), C(HANDSHAKE), C(HANDSHAKE), C(HANDSHAKE), C(HANDSHAKE),
		C(HANDSHAKE), C(HANDSHAKE), EN, EN, C(HANDSHAKE),
		NO, NO, NO, NO, NO, ST, ST, ST },
	[SESSION_CHALLENGED] = {
		TO(ANSWERED), E(NO_SECRET), E(NO_SECRET), E(NO_SECRET), E(NO_SECRET), E(NO_SECRET),
		E(BAD_FRAME), E(LONG_FRAME), T(NO_SECRET), EN, E(TOO_SLOW),
		NO, NO, NO, NO, NO, ST, ST, ST },
	[SESSION_ANSWERED] = {
		TO(JUDGED), TO(TELLING), TO(JUDGED), TO(ACCEPTING), C(AHEAD), TO(JUDGED),
		TO(JUDGED), TO(JUDGED), TO(JUDGED), EN, TO(JUDGED),
		NO, NO, NO, NO, NO, ST, ST, ST },
	[SESSION_TELLING] = {
		TO(JUDGED), ST, TO(JUDGED), TO(JUDGED), TO(JUDGED), TO(JUDGED),
		TO(JUDGED), TO(JUDGED), TO(JUDGED), EN, E(TOO_SLOW),
		NO, NO, NO, NO, NO, ST, ST, ST },
	[SESSION_UNCHALLENGED] = {
		C(UNEXPECTED), C(UNEXPECTED), TO(TUNNEL), C(UNKNOWN_CONNECTION), C(AHEAD), C(UNEXPECTED),
		C(BAD_FRAME), C(BAD_FRAME), EN, EN, C(TOO_SLOW),
		NO, NO, NO, NO, NO, ST, ST, ST },
	[SESSION_JUDGED] = {
		ST, ST, ST, ST, ST, ST,
		ST, ST, ST, EN, E(AUTH_TOO_SLOW),
		TO(TUNNEL), E(WRONG_SECRET), E(AUTH_FAILED), NO, NO, ST, ST, ST },
	[SESSION_READY] = {
		C(UNEXPECTED), C(UNEXPECTED), TO(TUNNEL), C(UNKNOWN_CONNECTION), C(AHEAD), C(UNEXPECTED),
		C(BAD_FRAME), C(LONG_FRAME), EN, EN, C(TOO_SLOW),
		NO, NO, NO, NO, NO, ST, ST, ST },
	[SESSION_WAITING] = {
		C(UNEXPECTED), C(UNEXPECTED), C(UNEXPECTED), C(UNKNOWN_CONNECTION), C(UNEXPECTED), C(UNEXPECTED),
		C(BAD_FRAME), C(LONG_FRAME), EN, EN, EN,
		NO, NO, NO, NO, NO, EN, ST, ST },
	[SESSION_OFFERED] = {
		C(UNEXPECTED), C(UNEXPECTED), C(UNEXPECTED), ST, C(UNEXPECTED), TO(JOINED),
		C(BAD_FRAME), C(LONG_FRAME), EN, EN, TO(DOUBTED),
		NO, NO, NO, NO, NO, ST, ST, ST },
	[SESSION_DOUBTED] = {
		C(UNEXPECTED), C(UNEXPECTED), C(UNEXPECTED), ST, C(UNEXPECTED), TO(JOINED),
		C(BAD_FRAME), C(LONG_FRAME), EN, EN, EN,
		NO, NO, NO, NO, NO, ST, ST, ST },
	[SESSION_ACCEPTING] = {
		ST, ST, ST, ST, ST, ST,
		ST, ST, ST, EN, E(AUTH_TOO_SLOW),
		C(UNKNOWN_CONNECTION), E(WRONG_SECRET), E(AUTH_FAILED), NO, NO, ST, ST, ST },
	[SESSION_TAKING_OVER] = {
		ST, ST, ST, ST, ST, ST,
		ST, ST, ST, EN, NO,
		NO, NO, NO, TO(TUNNEL), E(PORT_IN_USE), ST, ST, ST },
	[SESSION_TUNNEL] = {
		ST, ST, ST, ST, ST, ST,
		ST, ST, EN, EN, NO,
		NO, NO, NO, NO, NO, ST, T(REVOKED), T(KICKED) },
	[SESSION_OUTDATED] = {
		ST, ST, ST, ST, ST, ST,
		ST, ST, EN, EN, NO,
		NO, NO, NO, NO, NO, ST, T(REVOKED), T(KICKED) },
	[SESSION_REVIEWED] = {
		ST, ST, ST, ST, ST, ST,
		ST, ST, EN, EN, TO(OUTDATED),
		TO(TUNNEL), T(REVOKED), TO(OUTDATED), NO, NO, ST, T(REVOKED), T(KICKED) },
};
/* clang-format on */

/* While the verdict of the event is awaited; else nothing comes by itself. */
static const char *config_of(enum event event)
{
	static const char *const configs[EVENTS] = { [ALLOW] = LEDGER_LATER("allow", "0.01"),
		                                     [DENY] = LEDGER_LATER("deny", "0.01"),
		                                     [FAIL] = LEDGER_LATER("fail", "0.01") };

	return configs[event] ? configs[event] : PENDING;
}

/* The session's state; JOINED or ENDED once it is in no list. */
static enum session_state state_of(const struct server_session *s)
{
	for (int i = 0; i < SESSION_LISTS; i++) {
		const struct list *all = &scene.workers[0].sessions[i].all;

		for (const struct list *node = all->next; node != all; node = node->next) {
			if (node == &s->node)
				return s->state;
		}
	}
	return scene.workers[0].relays.count ? SESSION_JOINED : SESSION_ENDED;
}

struct wait {
	const struct server_session *s;
	enum session_state from;
};

static bool has_left(void *arg)
{
	const struct wait *wait = arg;

	return state_of(wait->s) != wait->from;
}

/* The client of the tunnel on the other worker has been silent for long; or just now was not. */
static void answer_question(bool yields)
{
	struct list *first = scene.workers[1].silence.running.next;

	ck_assert_ptr_ne(first, &scene.workers[1].silence.running);
	if (yields)
		CONTAINER_OF(first, struct deadline, node)->at_ms -= SERVER_SILENCE_MS;
	scene.stalled[1] = false;
	scene_run();
}

static void revoke_tunnel(void)
{
	const struct server_session *s = server_sessions_first(&scene.workers[0], LIST_TUNNELS);
	const struct account *account = s ? tunnel_account(tunnel_session_tunnel(s)) : NULL;

	server_sessions_revise(
		&scene.workers[0],
		&(struct revision){
			.by = account ? account->principal->by : NULL,
			.identity = spore_cstr(account ? account_identity(account) : "") });
	scene_run();
}

static void kick_tunnel(void)
{
	const struct server_session *s = server_sessions_first(&scene.workers[0], LIST_TUNNELS);
	uint64_t id = s ? tunnel_account(tunnel_session_tunnel(s))->id : 12345;
	struct kicked kicked = { 0 };

	tunnel_sessions_kick(&scene.workers[0], &(struct kick){ .id = id }, &kicked);
	ck_assert_uint_eq(kicked.tunnels, s != NULL);
	scene_run();
}

static void reload(void)
{
	for (int i = 0; i < SCENE_SETS; i++) {
		if (scene.sets[i].set == scene.set)
			scene_renew(scene.sets[i].config);
	}
}

static void make_event(struct walk *walk, enum event event)
{
	static const char too_much[FRAME_MAX + 64] = { [0 ... FRAME_MAX + 63] = ' ' };

	switch (event) {
	case SAY_AUTHENTICATE:
		scene_authenticate(walk->fd, "alice");
		break;
	case SAY_ABOUT:
		scene_about(walk->fd, "name=x");
		break;
	case SAY_HELLO:
		scene_hello(walk->fd, 0);
		break;
	case SAY_ACCEPT:
		scene_accept(walk->fd, &no_id);
		break;
	case SAY_AHEAD:
		scene_ahead(walk->fd, &no_id);
		break;
	case SAY_OPENED:
		lane_scene_opened(walk->fd);
		break;
	case SAY_NONSENSE:
		scene_send(walk->fd, "{}", 3);
		break;
	case SAY_TOO_MUCH:
		scene_send(walk->fd, too_much, sizeof too_much);
		break;
	case HALF_CLOSE:
		shutdown(walk->fd, SHUT_WR);
		scene_run();
		break;
	case RESET:
		sockets_reset(walk->fd);
		walk->fd = -1;
		scene_run();
		break;
	case LATE:
		scene_be_late(walk->s);
		break;
	case ALLOW:
	case DENY:
	case FAIL:
		scene_wait(has_left, &(struct wait){ walk->s, walk->s->state });
		break;
	case PORT:
	case NO_PORT:
		answer_question(event == PORT);
		break;
	case RELOAD:
		reload();
		break;
	case REVOKE:
		revoke_tunnel();
		break;
	default:
		kick_tunnel();
		break;
	}
}

/* What the client hears at the end of a session: an Error frame of this reason, or none. */
static void expect_last_words(struct walk *walk, const struct outcome *outcome)
{
	struct message message = { .type = 0 };
	enum scene_heard heard;

	while ((heard = scene_hear(walk->fd, &message)) == HEARD_MESSAGE &&
	       message.type == MESSAGE_HEARTBEAT)
		;
	if (outcome->how == ERROR || outcome->how == TOLD) {
		ck_assert_int_eq(heard, HEARD_MESSAGE);
		ck_assert_int_eq(message.type, MESSAGE_ERROR);
		ck_assert_str_eq(message.text, refusal_text(outcome->why));
		heard = scene_hear(walk->fd, &message);
	}
	ck_assert_msg(heard == HEARD_END || heard == HEARD_RESET, "heard %d", heard);
}

static void check_cell(enum session_state state, enum event event)
{
	const struct outcome *outcome = &outcomes[state][event];
	bool ends = outcome->how > MOVES, counts = outcome->how == CLOSES || outcome->how == ERROR;
	enum session_state now;
	struct walk walk;
	int all, why;

	if (outcome->how == IMPOSSIBLE)
		return;
	reach(&walk, state, config_of(event));
	all = scene_all_refusals();
	why = counts ? scene_refusals(outcome->why) : 0;
	make_event(&walk, event);
	now = state_of(walk.s);
	ck_assert_msg(now == (ends                    ? SESSION_ENDED
	                      : outcome->how == MOVES ? outcome->to
	                                              : state),
	              "state %d, event %d: now in %d", state, event, now);
	ck_assert_msg(scene_all_refusals() - all == counts, "state %d, event %d: refusals", state,
	              event);
	if (counts)
		ck_assert_int_eq(scene_refusals(outcome->why), why + 1);
	if (ends && walk.fd >= 0)
		expect_last_words(&walk, outcome);
	leave(&walk);
}

static void walk_events(enum session_state state)
{
	for (int event = 0; event < EVENTS; event++)
		check_cell(state, (enum event)event);
}

#define WALK(name, state)                                                                          \
	START_TEST(name)                                                                           \
	{                                                                                          \
		walk_events(SESSION_##state);                                                      \
	}                                                                                          \
	END_TEST

WALK(opening_with_every_event, OPENING)
WALK(challenged_with_every_event, CHALLENGED)
WALK(answered_with_every_event, ANSWERED)
WALK(telling_with_every_event, TELLING)
WALK(unchallenged_with_every_event, UNCHALLENGED)
WALK(judged_with_every_event, JUDGED)
WALK(ready_with_every_event, READY)
WALK(waiting_with_every_event, WAITING)
WALK(offered_with_every_event, OFFERED)
WALK(doubted_with_every_event, DOUBTED)
WALK(accepting_with_every_event, ACCEPTING)
WALK(taking_over_with_every_event, TAKING_OVER)
WALK(tunnel_with_every_event, TUNNEL)
WALK(outdated_with_every_event, OUTDATED)
WALK(reviewed_with_every_event, REVIEWED)

/* ---- how an ALLOW ends ---- */

static void expect_reason(enum session_state state, enum event event, uint32_t reason,
                          const char *whose)
{
	const struct ledger_counts *counts;
	unsigned before;
	struct walk walk;

	reach(&walk, state, config_of(event));
	counts = ledger_counts(whose);
	before = counts ? counts->by[reason] : 0;
	make_event(&walk, event);
	leave(&walk);
	counts = ledger_counts(whose);
	ck_assert_ptr_nonnull(counts);
	ck_assert_msg(counts->by[reason] == before + 1, "state %d, event %d", state, event);
}

START_TEST(an_allow_ends_for_a_reason)
{
	expect_reason(SESSION_READY, RESET, SPORE_END_CLOSED, LEDGER_OPEN);
	expect_reason(SESSION_READY, SAY_NONSENSE, SPORE_END_REFUSED, LEDGER_OPEN);
	expect_reason(SESSION_READY, LATE, SPORE_END_REFUSED, LEDGER_OPEN);
	expect_reason(SESSION_ACCEPTING, ALLOW, SPORE_END_REFUSED, LEDGER_LATER("allow", "0.01"));
	expect_reason(SESSION_TAKING_OVER, NO_PORT, SPORE_END_REFUSED, LEDGER_OPEN);
	expect_reason(SESSION_TUNNEL, HALF_CLOSE, SPORE_END_CLOSED, LEDGER_OPEN);
	expect_reason(SESSION_TUNNEL, SAY_HELLO, SPORE_END_SHUTDOWN, LEDGER_OPEN);
	expect_reason(SESSION_TUNNEL, REVOKE, SPORE_END_REVOKED, LEDGER_OPEN);
	expect_reason(SESSION_TUNNEL, KICK, SPORE_END_KICKED, LEDGER_OPEN);
	expect_reason(SESSION_OUTDATED, RESET, SPORE_END_CLOSED, LEDGER_OPEN);
	expect_reason(SESSION_REVIEWED, DENY, SPORE_END_REVOKED, LEDGER_OPEN);
	expect_reason(SESSION_REVIEWED, ALLOW, SPORE_END_MOVED, LEDGER_OPEN);
}
END_TEST

SUITE("server_session", only_drawn_arrows_may_be_followed, a_state_decides_list_deadline_and_counts,
      the_first_frame_has_the_time_that_the_handshake_left, a_verdict_has_time_of_its_own,
      opening_with_every_event, challenged_with_every_event, answered_with_every_event,
      telling_with_every_event, unchallenged_with_every_event, judged_with_every_event,
      ready_with_every_event, waiting_with_every_event, offered_with_every_event,
      doubted_with_every_event, accepting_with_every_event, taking_over_with_every_event,
      tunnel_with_every_event, outdated_with_every_event, reviewed_with_every_event,
      an_allow_ends_for_a_reason)
