#include "client/session.h"

#include "health/health.h"
#include "scene/client_scene.h"
#include "suite.h"
#include "version.h"

enum { MAX_TURNS = 64 };

struct scene {
	struct client_scene base;
	struct ahead_pool pool;
	struct session session, twin;
	struct decliner decliner;      /* of both */
	struct health health;          /* likewise */
	struct turn others[MAX_TURNS]; /* that take all turns */
	enum session_state expected;
	unsigned n_overs;
	enum client_exit status;
	int64_t silence_ms; /* when the silence was to end */
	int wire;           /* the server's end; -1: none */
	int twins_wire;     /* likewise */
};

static struct scene the_scene;

/* ---- set-up; everything runs on the worker ---- */

static void on_over(struct session *session, enum client_exit status)
{
	ck_assert_int_eq(session->state, SESSION_OVER);
	the_scene.n_overs++;
	the_scene.status = status;
}

static void on_news(struct session *session)
{
	(void)session; /* test_client counts them */
}

static void init_session(struct scene *scene, struct session *session, struct session *twin)
{
	*session = (struct session){
		.worker = scene->pool.worker,
		.tunnel = scene->pool.tunnel,
		.spread = { .pools = &scene->pool, .n_workers = 1 },
		.decliner = &scene->decliner,
		.twin = twin,
		.health = &scene->health,
		.on_news = on_news,
		.on_over = on_over,
	};
	session_init(session, &scene->base.config->settings.client);
}

static void run_init(void *arg)
{
	struct scene *scene = arg;

	scene->pool = (struct ahead_pool){ .worker = &scene->base.workers[0],
		                           .config = scene->base.config,
		                           .tunnel = scene->base.config->settings.tunnels.items,
		                           .decliner = &scene->decliner };
	scene->base.shared.n_living = 1;
	ahead_pool_init(&scene->pool);
	decline_init(&scene->decliner, scene->pool.worker->loop, scene->pool.tunnel->name, NULL);
	init_session(scene, &scene->session, &scene->twin);
	init_session(scene, &scene->twin, &scene->session);
	for (int i = 0; i < MAX_TURNS; i++)
		turn_init(&scene->others[i]);
}

static void run_start(void *arg)
{
	session_start(&((struct scene *)arg)->session);
}

static void run_stop(void *arg)
{
	session_stop(&((struct scene *)arg)->session);
}

static void run_stop_both(void *arg)
{
	run_stop(arg);
	session_stop(&((struct scene *)arg)->twin);
}

static void run_take_turns(void *arg)
{
	struct scene *scene = arg;

	for (int i = 0; i < MAX_TURNS; i++)
		ck_assert(turn_take(&scene->base.shared.turns, &scene->others[i]));
}

static void run_give_turns(void *arg)
{
	struct scene *scene = arg;

	for (int i = 0; i < MAX_TURNS; i++)
		turn_release(&scene->base.shared.turns, &scene->others[i]);
}

/* The service goes down, and its port is to be closed. */
static void run_down(void *arg)
{
	static const struct tunnel_settings closing = { .check.when_down = CHECK_CLOSES_PORT };
	struct scene *scene = arg;

	scene->health.tunnel = &closing;
	scene->health.is_down = true;
	session_heed_service(&scene->session);
}

static void run_up(void *arg)
{
	struct scene *scene = arg;

	scene->health.is_down = false;
	session_heed_service(&scene->session);
}

static void run_late(void *arg)
{
	uplink_on_late(&((struct scene *)arg)->session.uplink.deadline);
}

static void run_silence(void *arg)
{
	session_on_silence(&((struct scene *)arg)->session.silence);
}

static void run_end_pause(void *arg)
{
	struct scene *scene = arg;

	ev_timer_stop(loop_ev(scene->base.runtime.loops[0]), &scene->session.pause);
	ev_feed_event(loop_ev(scene->base.runtime.loops[0]), &scene->session.pause, EV_TIMER);
}

static void open_scene(struct scene *scene, const struct client_scene_options *options)
{
	*scene = (struct scene){ .wire = -1, .twins_wire = -1 };
	client_scene_open(&scene->base, options);
	client_scene_call(&scene->base, run_init, scene);
}

/* The next test of the same process begins with a new session. */
static void begin_anew(struct scene *scene)
{
	client_scene_call(&scene->base, run_stop_both, scene);
	client_scene_call(&scene->base, run_give_turns, scene);
	client_scene_settle(&scene->base);
	if (scene->wire >= 0)
		close(scene->wire);
	if (scene->twins_wire >= 0)
		close(scene->twins_wire);
	scene->wire = scene->twins_wire = -1;
	scene->n_overs = 0;
	client_scene_call(&scene->base, run_init, scene);
}

static void close_scene(struct scene *scene)
{
	begin_anew(scene);
	client_scene_close(&scene->base);
}

/* ---- what a session holds ---- */

static bool is_running(const struct deadline *deadline)
{
	return !list_is_empty(&deadline->node);
}

/* In each state exactly what the state needs. [worker] */
static void check_holdings(const struct scene *scene)
{
	const struct session *s = &scene->session;
	enum session_state state = s->state;
	bool stands = state == SESSION_STANDING, parts = state == SESSION_PARTING;
	unsigned n_standing = stands + (scene->twin.state == SESSION_STANDING);
	bool opens = state == SESSION_CONNECTING || state == SESSION_AWAITING_HELLO;

	ck_assert_int_eq(s->turn.taken, opens);
	ck_assert_int_eq(!list_is_empty(&s->turn.node),
	                 state == SESSION_WAITING || state == SESSION_PAUSED);
	ck_assert_int_eq(s->uplink.state != UPLINK_CLOSED, opens || stands || parts);
	ck_assert_int_eq(s->uplink.state == UPLINK_READY,
	                 state == SESSION_AWAITING_HELLO || stands || parts);
	if (s->uplink.state == UPLINK_READY)
		ck_assert_int_eq(is_running(&s->uplink.deadline),
		                 state == SESSION_AWAITING_HELLO || parts);
	ck_assert_int_eq(is_running(&s->silence), stands);
	ck_assert_int_eq(!!ev_is_active(&s->pause), state == SESSION_PAUSED);
	ck_assert(stands || !ev_is_active(&s->pulse.timer));
	ck_assert(stands || scene->pool.n == 0);
	ck_assert_uint_eq(scene->base.shared.n_standing, n_standing);
	ck_assert_int_eq(client_scene_is_ready(), n_standing > 0);
	ck_assert(client_scene_count(&scene->base, "spore_tunnels", NULL) == n_standing);
	ck_assert(client_scene_count(&scene->base, "spore_client_tunnel_up", NULL) == n_standing);
}

static bool is_in_expected_state(void *arg)
{
	const struct scene *scene = arg;

	if (scene->session.state != scene->expected)
		return false;
	check_holdings(scene);
	return true;
}

static const char *const state_names[SESSION_STATES] = {
	"IDLE",    "WAITING", "CONNECTING", "AWAITING_HELLO", "STANDING",
	"PARTING", "PAUSED",  "HELD",       "OVER",
};

static void expect_state(struct scene *scene, enum session_state state, const char *what)
{
	scene->expected = state;
	ck_assert_msg(client_scene_wait(&scene->base, is_in_expected_state, scene),
	              "%s leads to %s, not to %s", what, state_names[scene->session.state],
	              state_names[state]);
}

#define EXTENDED "{\"Extended\":{\"heartbeat_ms\":60000}}"

/* ---- the way to each state ---- */

static void accept_wire(struct scene *scene)
{
	scene->wire = client_scene_accept(scene->base.server);
}

static void answer_twin(struct scene *scene, const char *hello, const char *answer)
{
	scene->twins_wire = client_scene_accept(scene->base.server);
	client_scene_challenge(scene->twins_wire);
	client_scene_expect(scene->twins_wire, hello);
	client_scene_send(scene->twins_wire, answer);
}

static void go_to(struct scene *scene, enum session_state state)
{
	bool parts = state == SESSION_PARTING, holds = state == SESSION_HELD;
	bool stands = state == SESSION_STANDING || parts || holds;

	scene->health.is_down = false;
	if (state == SESSION_WAITING)
		client_scene_call(&scene->base, run_take_turns, scene);
	if (state == SESSION_OVER)
		client_scene_call(&scene->base, run_stop, scene);
	else if (state != SESSION_IDLE)
		client_scene_call(&scene->base, run_start, scene);
	if (state == SESSION_CONNECTING || state == SESSION_AWAITING_HELLO || stands ||
	    state == SESSION_PAUSED)
		accept_wire(scene);
	if (state == SESSION_AWAITING_HELLO || stands) {
		client_scene_challenge(scene->wire);
		client_scene_expect(scene->wire, "{\"Hello\":0}");
	}
	if (stands) {
		client_scene_send(scene->wire, "{\"Hello\":1234}");
		client_scene_expect_start(scene->wire, "{\"Extend\":");
	}
	if (parts) {
		client_scene_send(scene->wire, "\"Leaving\"");
		answer_twin(scene, "{\"Hello\":1234}", "{\"Hello\":1234}");
		client_scene_expect(scene->wire, "\"Moved\"");
	}
	if (holds) { /* the server reads no Ready */
		client_scene_send(scene->wire, EXTENDED);
		client_scene_settle(&scene->base);
		expect_state(scene, SESSION_STANDING, "the way there");
		client_scene_call(&scene->base, run_down, scene);
	}
	if (state == SESSION_PAUSED) {
		close(scene->wire);
		scene->wire = -1;
	}
	expect_state(scene, state, "the way there");
}

/* ---- every state with every event ---- */

struct event {
	const char *name;
	void (*run)(void *arg); /* on the worker; NULL: the rest comes over the wire */
	const char *frame;      /* NULL: the server closes the connection */
	enum session_state then[SESSION_STATES];
};

/* Nothing of the kind can happen in this state. */
#define NONE        SESSION_STATES

#define IDLE        SESSION_IDLE
#define WAIT        SESSION_WAITING
#define CONN        SESSION_CONNECTING
#define HELO        SESSION_AWAITING_HELLO
#define STND        SESSION_STANDING
#define PART        SESSION_PARTING
#define PAUS        SESSION_PAUSED
#define HELD        SESSION_HELD
#define OVER        SESSION_OVER

#define HELLO       "{\"Hello\":1234}"
#define CHALLENGE   "{\"Challenge\":\"" CLIENT_SCENE_UUID "\"}"
#define HEARTBEAT   "\"Heartbeat\""
#define CONNECTION  "{\"Connection\":\"" CLIENT_SCENE_UUID "\"}"
#define LEAVING     "\"Leaving\""
#define AGAIN       "{\"Again\":{\"id\":\"" CLIENT_SCENE_UUID "\",\"from\":\"\"}}"
#define OPEN        "{\"Open\":{\"id\":\"" CLIENT_SCENE_UUID "\",\"from\":\"\"}}"
#define GARBAGE     "{\"Nonsense\":1}"
#define ERROR(text) "{\"Error\":\"" text "\"}"
#define WRONG       ERROR("invalid secret")
#define TAKEN       ERROR("port already in use")
#define PATIENCE    ERROR("too many tries, wait a little")
#define KICK        ERROR("closed by the operator")
#define OTHER       ERROR("some text")

/* A table, aligned by hand. */
/* clang-format off */
static const struct event events[] = {
	/* in state:                                IDLE  WAIT  CONN  HELO  STND  PART  PAUS  HELD  OVER */
	{ "stop",       run_stop,       NULL,     { OVER, OVER, OVER, OVER, OVER, OVER, OVER, OVER, OVER } },
	{ "start",      run_start,      NULL,     { CONN, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE } },
	{ "turn",       run_give_turns, NULL,     { NONE, CONN, NONE, NONE, NONE, NONE, NONE, NONE, NONE } },
	{ "pause over", run_end_pause,  NULL,     { NONE, NONE, NONE, NONE, NONE, NONE, CONN, NONE, NONE } },
	{ "up",         run_up,         NULL,     { IDLE, NONE, NONE, NONE, STND, PART, PAUS, CONN, NONE } },
	{ "down",       run_down,       NULL,     { IDLE, NONE, NONE, NONE, STND, PART, PAUS, HELD, NONE } },
	{ "late",       run_late,       NULL,     { NONE, NONE, PAUS, PAUS, NONE, IDLE, NONE, NONE, NONE } },
	{ "silence",    run_silence,    NULL,     { NONE, NONE, NONE, NONE, PAUS, NONE, NONE, NONE, NONE } },
	{ "end",        NULL,           NULL,     { NONE, NONE, PAUS, PAUS, PAUS, IDLE, NONE, NONE, NONE } },
	{ "Hello",      NULL,         HELLO,      { NONE, NONE, OVER, STND, STND, PART, NONE, NONE, NONE } },
	{ "Challenge",  NULL,         CHALLENGE,  { NONE, NONE, HELO, OVER, STND, PART, NONE, NONE, NONE } },
	{ "Heartbeat",  NULL,         HEARTBEAT,  { NONE, NONE, OVER, OVER, STND, PART, NONE, NONE, NONE } },
	{ "Connection", NULL,         CONNECTION, { NONE, NONE, OVER, OVER, STND, PART, NONE, NONE, NONE } },
	{ "Again",      NULL,         AGAIN,      { NONE, NONE, PAUS, PAUS, STND, PART, NONE, NONE, NONE } },
	{ "Open",       NULL,         OPEN,       { NONE, NONE, PAUS, PAUS, STND, PART, NONE, NONE, NONE } },
	{ "Leaving",    NULL,         LEAVING,    { NONE, NONE, PAUS, PAUS, STND, PART, NONE, NONE, NONE } },
	{ "Extended",   NULL,         EXTENDED,   { NONE, NONE, PAUS, PAUS, STND, PART, NONE, NONE, NONE } },
	{ "wrong",      NULL,         WRONG,      { NONE, NONE, OVER, OVER, STND, PART, NONE, NONE, NONE } },
	{ "port taken", NULL,         TAKEN,      { NONE, NONE, PAUS, PAUS, STND, PART, NONE, NONE, NONE } },
	{ "patience",   NULL,         PATIENCE,   { NONE, NONE, PAUS, PAUS, STND, PART, NONE, NONE, NONE } },
	{ "kick",       NULL,         KICK,       { NONE, NONE, OVER, OVER, OVER, PART, NONE, NONE, NONE } },
	{ "other",      NULL,         OTHER,      { NONE, NONE, PAUS, PAUS, STND, PART, NONE, NONE, NONE } },
	{ "garbage",    NULL,         GARBAGE,    { NONE, NONE, PAUS, PAUS, PAUS, IDLE, NONE, NONE, NONE } },
};
/* clang-format on */

static void happen(struct scene *scene, const struct event *event)
{
	if (event->run) {
		client_scene_call(&scene->base, event->run, scene);
	} else if (event->frame) {
		client_scene_send(scene->wire, event->frame);
	} else {
		close(scene->wire);
		scene->wire = -1;
	}
	client_scene_settle(&scene->base);
}

/* session_stop tells nobody; any other end is told once. */
static void check_told(const struct scene *scene, const struct event *event)
{
	bool is_told = scene->session.state == SESSION_OVER && event->run != run_stop;

	ck_assert_msg(scene->n_overs == is_told, "%s", event->name);
}

START_TEST(every_state_with_every_event)
{
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ .secret = "s3cret" });
	for (enum session_state state = 0; state < SESSION_STATES; state++) {
		for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
			char what[80];

			if (events[i].then[state] == NONE)
				continue;
			snprintf(what, sizeof what, "%s in %s", events[i].name, state_names[state]);
			go_to(scene, state);
			happen(scene, &events[i]);
			expect_state(scene, events[i].then[state], what);
			check_told(scene, &events[i]);
			begin_anew(scene);
			while (!client_scene_is_left_alone(scene->base.server, 0))
				close(client_scene_accept(scene->base.server));
		}
	}
	close_scene(scene);
}
END_TEST

/* Without a secret there is no Challenge. */
START_TEST(without_a_secret_hello_comes_first)
{
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ .tunnel = ", \"port\": 77" });
	client_scene_call(&scene->base, run_start, scene);
	accept_wire(scene);
	client_scene_expect(scene->wire, "{\"Hello\":77}");
	expect_state(scene, SESSION_AWAITING_HELLO, "the connection");
	client_scene_send(scene->wire, CHALLENGE);
	expect_state(scene, SESSION_OVER, "a Challenge");
	ck_assert_int_eq(scene->status, CLIENT_NOT_AUTHENTICATED);
	close_scene(scene);
}
END_TEST

/* ---- a server that leaves ---- */

static bool has_twin_expected_state(void *arg)
{
	const struct scene *scene = arg;

	return scene->twin.state == scene->expected;
}

static void expect_twin(struct scene *scene, enum session_state state)
{
	scene->expected = state;
	ck_assert_msg(client_scene_wait(&scene->base, has_twin_expected_state, scene),
	              "the twin is %s, not %s", state_names[scene->twin.state], state_names[state]);
}

/* The session stands; the twin is asked Hello, and gets this answer. */
static void leave(struct scene *scene, const char *answer)
{
	go_to(scene, SESSION_STANDING);
	client_scene_send(scene->wire, LEAVING);
	answer_twin(scene, HELLO, answer);
}

START_TEST(a_loss_leaves_the_tunnel_to_the_twin)
{
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ .secret = "s3cret" });
	leave(scene, ERROR("server is shutting down"));
	expect_twin(scene, SESSION_PAUSED);
	expect_state(scene, SESSION_STANDING, "a twin that goes on trying");
	close(scene->wire);
	scene->wire = -1;
	expect_state(scene, SESSION_IDLE, "the end of the old server");
	ck_assert_int_ne(scene->twin.state, SESSION_IDLE);
	ck_assert_uint_eq(scene->twin.retry.losses, 0);
	ck_assert_uint_eq(scene->n_overs, 0);
	close_scene(scene);
}
END_TEST

START_TEST(a_twin_that_is_refused_for_good_gives_the_move_up)
{
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ .secret = "s3cret" });
	leave(scene, WRONG);
	expect_twin(scene, SESSION_IDLE);
	expect_state(scene, SESSION_STANDING, "a move that was given up");
	close(scene->wire);
	scene->wire = -1;
	expect_state(scene, SESSION_PAUSED, "an ordinary end");
	ck_assert_uint_eq(scene->n_overs, 0);
	close_scene(scene);
}
END_TEST

START_TEST(a_kick_during_a_move_ends_the_tunnel)
{
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ .secret = "s3cret" });
	leave(scene, ERROR("server is shutting down"));
	client_scene_send(scene->wire, KICK);
	expect_state(scene, SESSION_OVER, "a kick");
	expect_twin(scene, SESSION_IDLE);
	ck_assert_uint_eq(scene->n_overs, 1);
	close_scene(scene);
}
END_TEST

START_TEST(a_port_that_is_taken_is_released)
{
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ .secret = "s3cret" });
	leave(scene, TAKEN);
	client_scene_expect(scene->wire, "\"Moved\"");
	expect_twin(scene, SESSION_PAUSED);
	expect_state(scene, SESSION_PARTING, "a port that is taken");
	close_scene(scene);
}
END_TEST

START_TEST(without_reconnect_nothing_moves)
{
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ .secret = "s3cret",
	                                                  .client = ", \"reconnect\": false" });
	go_to(scene, SESSION_STANDING);
	client_scene_send(scene->wire, LEAVING);
	client_scene_settle(&scene->base);
	ck_assert_int_eq(scene->twin.state, SESSION_IDLE);
	expect_state(scene, SESSION_STANDING, "a Leaving");
	close_scene(scene);
}
END_TEST

/* ---- what the client says about itself ---- */

#define ABOUT(item)   "{\"About\":\"" item "\"}"
#define VERSION       "spore/" SPORE_VERSION
#define OFFER(custom) "{\"Challenge\":\"00112233-4455-" custom "-8899-aabbccddeeff\"}"
#define TAGGED        ", \"tags\": {\"env\": \"test\"}, \"hosts\": [\"a.example\"]"

static void expect_about(struct scene *scene)
{
	client_scene_expect(scene->wire, ABOUT("version=" VERSION));
	client_scene_expect(scene->wire, ABOUT("name=t"));
	client_scene_expect(scene->wire, ABOUT("host=a.example"));
	client_scene_expect(scene->wire, ABOUT("tag=env=test"));
}

static void stand_and_extend(struct scene *scene)
{
	client_scene_expect(scene->wire, "{\"Hello\":0}");
	client_scene_send(scene->wire, HELLO);
	client_scene_expect_start(scene->wire, "{\"Extend\":");
	client_scene_send(scene->wire, "{\"Extended\":{\"heartbeat_ms\":100}}");
}

START_TEST(where_it_is_offered_the_client_speaks_before_hello)
{
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ .secret = "s3cret", .tunnel = TAGGED });
	client_scene_call(&scene->base, run_start, scene);
	accept_wire(scene);
	client_scene_send(scene->wire, OFFER("8002"));
	client_scene_expect_start(scene->wire, "{\"Authenticate\":");
	expect_about(scene);
	stand_and_extend(scene);
	client_scene_expect(scene->wire, HEARTBEAT);
	close_scene(scene);
}
END_TEST

/* bore's Challenge, an older server's, and a server that offers something else. */
START_TEST(elsewhere_the_client_speaks_after_extended)
{
	static const char *const challenges[] = { OFFER("4fff"), OFFER("8001"), OFFER("8ffd") };
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ .secret = "s3cret", .tunnel = TAGGED });
	for (size_t i = 0; i < sizeof challenges / sizeof *challenges; i++) {
		client_scene_call(&scene->base, run_start, scene);
		accept_wire(scene);
		client_scene_send(scene->wire, challenges[i]);
		client_scene_expect_start(scene->wire, "{\"Authenticate\":");
		stand_and_extend(scene);
		expect_about(scene);
		client_scene_expect(scene->wire, HEARTBEAT);
		begin_anew(scene);
	}
	close_scene(scene);
}
END_TEST

START_TEST(without_a_challenge_the_client_speaks_after_extended)
{
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ .tunnel = TAGGED });
	client_scene_call(&scene->base, run_start, scene);
	accept_wire(scene);
	stand_and_extend(scene);
	expect_about(scene);
	close_scene(scene);
}
END_TEST

/* ---- which refusal ends the client, and with which status ---- */

struct outcome {
	const char *error;
	enum session_state first, later; /* at the first attempt; once the tunnel has stood */
	enum client_exit status;         /* where it is over */
};

static const struct outcome outcomes[] = {
	{ "invalid secret", OVER, OVER, CLIENT_NOT_AUTHENTICATED },
	{ "access was revoked", OVER, OVER, CLIENT_NOT_AUTHENTICATED },
	{ "server requires secret, but no secret was provided", OVER, OVER,
	  CLIENT_NOT_AUTHENTICATED },
	{ "client port number not in allowed range", OVER, PAUS, CLIENT_PORT_REFUSED },
	{ "permission denied", OVER, PAUS, CLIENT_PORT_REFUSED },
	{ "failed to bind to port", OVER, PAUS, CLIENT_PORT_REFUSED },
	{ "port already in use", PAUS, PAUS, CLIENT_PORT_REFUSED },
	{ "failed to find an available port", PAUS, PAUS, CLIENT_PORT_REFUSED },
	{ "too many tunnels", PAUS, PAUS, CLIENT_FAILED },
	{ "server is shutting down", PAUS, PAUS, CLIENT_FAILED },
	{ "too many tries, wait a little", PAUS, PAUS, CLIENT_FAILED },
	{ "a text of another server", PAUS, PAUS, CLIENT_FAILED },
};

static void stand_and_lose(struct scene *scene)
{
	go_to(scene, SESSION_STANDING);
	close(scene->wire);
	scene->wire = -1;
	expect_state(scene, SESSION_PAUSED, "the end");
	client_scene_call(&scene->base, run_end_pause, scene);
	accept_wire(scene);
	client_scene_challenge(scene->wire);
	client_scene_expect(scene->wire, "{\"Hello\":1234}");
}

static void check_refused(struct scene *scene, const struct outcome *outcome,
                          enum session_state expected)
{
	char frame[200];

	snprintf(frame, sizeof frame, ERROR("%s"), outcome->error);
	client_scene_send(scene->wire, frame);
	expect_state(scene, expected, outcome->error);
	if (expected == SESSION_OVER)
		ck_assert_msg(scene->status == outcome->status, "%s", outcome->error);
	begin_anew(scene);
}

START_TEST(refusals_before_the_tunnel_has_stood_and_after)
{
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ .secret = "s3cret" });
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
		go_to(scene, SESSION_AWAITING_HELLO);
		check_refused(scene, &outcomes[i], outcomes[i].first);
		stand_and_lose(scene);
		check_refused(scene, &outcomes[i], outcomes[i].later);
	}
	close_scene(scene);
}
END_TEST

START_TEST(without_reconnect_the_first_loss_is_the_last)
{
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ .secret = "s3cret",
	                                                  .client = ", \"reconnect\": false" });
	go_to(scene, SESSION_STANDING);
	close(scene->wire);
	scene->wire = -1;
	expect_state(scene, SESSION_OVER, "the end");
	ck_assert_int_eq(scene->status, CLIENT_FAILED);
	ck_assert(client_scene_count(&scene->base, "spore_client_losses_total", NULL) == 1);
	close_scene(scene);
}
END_TEST

/* ---- while the tunnel stands ---- */

START_TEST(port_is_announced_when_it_is_new_and_asked_for_again)
{
	static const uint16_t ports[] = { 1234, 1234, 99 };
	struct scene *scene = &the_scene;
	char expected[128], said[128] = "";
	int out[2], saved = dup(STDOUT_FILENO);

	ck_assert_int_eq(pipe(out), 0);
	open_scene(scene, &(struct client_scene_options){ 0 });
	ck_assert_int_eq(dup2(out[1], STDOUT_FILENO), STDOUT_FILENO);
	client_scene_call(&scene->base, run_start, scene);
	for (int i = 0; i < 3; i++) {
		char hello[32];

		accept_wire(scene);
		snprintf(hello, sizeof hello, "{\"Hello\":%u}", i ? ports[i - 1] : 0);
		client_scene_expect(scene->wire, hello);
		snprintf(hello, sizeof hello, "{\"Hello\":%u}", ports[i]);
		client_scene_send(scene->wire, hello);
		expect_state(scene, SESSION_STANDING, hello);
		close(scene->wire);
		scene->wire = -1;
		expect_state(scene, SESSION_PAUSED, "the end");
		client_scene_call(&scene->base, run_end_pause, scene);
	}
	dup2(saved, STDOUT_FILENO);
	close(out[1]);
	ck_assert_int_gt(read(out[0], said, sizeof said - 1), 0);
	snprintf(expected, sizeof expected,
	         "listening at 127.0.0.1:%u\nlistening at 127.0.0.1:%u\n", ports[0], ports[2]);
	ck_assert_str_eq(said, expected);
	close(out[0]);
	close_scene(scene);
}
END_TEST

/* [worker] */
static void run_check_no_pulse(void *arg)
{
	ck_assert(!ev_is_active(&((struct scene *)arg)->session.pulse.timer));
}

static void run_check_pulse(void *arg)
{
	ck_assert(ev_is_active(&((struct scene *)arg)->session.pulse.timer));
	ck_assert(((struct scene *)arg)->session.pulse.timer.repeat > 0.099);
}

START_TEST(heartbeats_are_sent_once_the_server_asks_for_them)
{
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ 0 });
	client_scene_call(&scene->base, run_start, scene);
	accept_wire(scene);
	client_scene_expect(scene->wire, "{\"Hello\":0}");
	client_scene_send(scene->wire, "{\"Hello\":1234}");
	client_scene_expect(scene->wire, "{\"Extend\":{\"heartbeat_ms\":4000,\"wants\":62}}");
	client_scene_call(&scene->base, run_check_no_pulse, scene);
	client_scene_send(scene->wire, "{\"Extended\":{\"heartbeat_ms\":1}}"); /* too often */
	client_scene_expect(scene->wire, ABOUT("version=" VERSION));
	client_scene_expect(scene->wire, ABOUT("name=t"));
	for (int i = 0; i < 2; i++)
		client_scene_expect(scene->wire, "\"Heartbeat\"");
	client_scene_call(&scene->base, run_check_pulse, scene);
	close_scene(scene);
}
END_TEST

/* A server whose messages wait unread when the deadline expires is not silent. */
static void run_silence_with_input(void *arg)
{
	struct scene *scene = arg;

	client_scene_send(scene->wire, "\"Heartbeat\"");
	run_silence(scene);
	ck_assert_int_eq(scene->session.state, SESSION_STANDING);
	check_holdings(scene);
}

/* Only a server that has not ended in order may have left relays behind. */
START_TEST(a_broken_connection_loses_the_server_and_an_orderly_end_does_not)
{
	struct scene *scene = &the_scene;
	atomic_uint *losses = &scene->base.shared.losses;

	open_scene(scene, &(struct client_scene_options){ .secret = "s3cret" });
	go_to(scene, SESSION_STANDING);
	close(scene->wire);
	scene->wire = -1;
	expect_state(scene, SESSION_PAUSED, "an orderly end");
	ck_assert_uint_eq(*losses, 0);
	begin_anew(scene);
	go_to(scene, SESSION_STANDING);
	sockets_reset(scene->wire);
	scene->wire = -1;
	expect_state(scene, SESSION_PAUSED, "a reset");
	ck_assert_uint_eq(*losses, 1);
	begin_anew(scene);
	go_to(scene, SESSION_STANDING);
	client_scene_call(&scene->base, run_silence, scene);
	expect_state(scene, SESSION_PAUSED, "silence");
	ck_assert_uint_eq(*losses, 2);
	close_scene(scene);
}
END_TEST

START_TEST(unread_input_is_no_silence)
{
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ .secret = "s3cret" });
	go_to(scene, SESSION_STANDING);
	client_scene_call(&scene->base, run_silence_with_input, scene);
	client_scene_settle(&scene->base);
	client_scene_call(&scene->base, run_silence, scene);
	expect_state(scene, SESSION_PAUSED, "silence");
	close_scene(scene);
}
END_TEST

static bool is_postponed(void *arg)
{
	const struct scene *scene = arg;

	return scene->session.silence.at_ms > scene->silence_ms;
}

START_TEST(each_message_postpones_the_silence)
{
	static const char *const frames[] = { HEARTBEAT, CONNECTION, OTHER, HELLO, EXTENDED };
	struct scene *scene = &the_scene;

	open_scene(scene, &(struct client_scene_options){ .secret = "s3cret" });
	go_to(scene, SESSION_STANDING);
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
		scene->silence_ms = client_scene_int64(&scene->base, &scene->session.silence.at_ms);
		poll(NULL, 0, 3);
		client_scene_send(scene->wire, frames[i]);
		ck_assert_msg(client_scene_wait(&scene->base, is_postponed, scene), "%s",
		              frames[i]);
	}
	close_scene(scene);
}
END_TEST

START_TEST(connections_ahead_are_opened_as_granted_and_closed_with_the_tunnel)
{
	struct scene *scene = &the_scene;
	int ahead[2];

	open_scene(scene, &(struct client_scene_options){ .client = ", \"ahead\": 2" });
	client_scene_call(&scene->base, run_start, scene);
	accept_wire(scene);
	client_scene_expect(scene->wire, "{\"Hello\":0}");
	client_scene_send(scene->wire, "{\"Hello\":1234}");
	client_scene_expect(scene->wire,
	                    "{\"Extend\":{\"heartbeat_ms\":4000,\"ahead\":2,\"wants\":62}}");
	client_scene_send(scene->wire, "{\"Extended\":{\"heartbeat_ms\":60000,\"ahead\":9,"
	                               "\"pass\":\"" CLIENT_SCENE_UUID "\"}}");
	for (int i = 0; i < 2; i++) {
		ahead[i] = client_scene_accept(scene->base.server);
		client_scene_expect(ahead[i], "{\"Ahead\":\"" CLIENT_SCENE_UUID "\"}");
	}
	ck_assert(client_scene_is_left_alone(scene->base.server, 30));
	close(scene->wire);
	scene->wire = -1;
	expect_state(scene, SESSION_PAUSED, "the end");
	for (int i = 0; i < 2; i++) {
		client_scene_expect_end(ahead[i]);
		close(ahead[i]);
	}
	close_scene(scene);
}
END_TEST

static bool has_link(struct scene *scene)
{
	struct link *link;

	client_scene_call(
		&scene->base, client_scene_run_copy,
		&(struct client_scene_copy){ &link, &scene->decliner.links[0], sizeof link });
	return link != NULL;
}

static void run_decline(void *arg)
{
	struct scene *scene = arg;
	struct uuid id;

	ck_assert(uuid_parse(CLIENT_SCENE_UUID, strlen(CLIENT_SCENE_UUID), &id));
	decline_visitor(&scene->decliner,
	                &(struct declined){ .id = &id, .event = "dropped", .error = "a cause" });
}

/* The server offers it in Extended, for as long as the tunnel stands. */
START_TEST(visitors_are_declined_where_the_server_offers_it)
{
	static const struct {
		const char *extended;
		bool is_declined;
	} rows[] = { { "{\"Extended\":{\"heartbeat_ms\":60000}}", false },
		     { "{\"Extended\":{\"heartbeat_ms\":60000,\"offers\":1}}", false },
		     { "{\"Extended\":{\"heartbeat_ms\":60000,\"offers\":3}}", true } };
	struct scene *scene = &the_scene;
	char text[300];

	open_scene(scene, &(struct client_scene_options){ 0 });
	client_scene_call(&scene->base, run_start, scene);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		accept_wire(scene);
		client_scene_expect_start(scene->wire, "{\"Hello\":");
		client_scene_send(scene->wire, "{\"Hello\":1234}");
		client_scene_expect_start(scene->wire, "{\"Extend\":");
		client_scene_send(scene->wire, rows[i].extended);
		client_scene_settle(&scene->base);
		expect_state(scene, SESSION_STANDING, rows[i].extended);
		while (rows[i].is_declined && !has_link(scene))
			client_scene_settle(&scene->base);
		client_scene_call(&scene->base, run_decline, scene);
		while (rows[i].is_declined &&
		       strncmp(client_scene_read(scene->wire, text), "{\"Decline\":", 11) != 0)
			ck_assert_msg(strncmp(text, "{\"About\":", 9) == 0, "%s", text);
		close(scene->wire);
		scene->wire = -1;
		expect_state(scene, SESSION_PAUSED, rows[i].extended);
		client_scene_call(&scene->base, run_decline, scene);
		ck_assert(!has_link(scene));
	}
	close_scene(scene);
}
END_TEST

/* ---- visitors that were handed over on another connection ---- */

#define NEW_UUID      "11111111-2222-4333-8444-555555555555"
#define AGAIN_OF(id)  "{\"Again\":{\"id\":\"" id "\",\"from\":\"192.0.2.9:5\"}}"
#define ACCEPT_OF(id) "{\"Accept\":\"" id "\"}"

/* The client has it already. */
static void run_note_opened(void *arg)
{
	struct uuid id;

	ck_assert(uuid_parse(CLIENT_SCENE_UUID, strlen(CLIENT_SCENE_UUID), &id));
	ck_assert_int_eq(taken_note(&((struct scene *)arg)->base.shared.taken, &id, TAKEN_OPENED,
	                            clock_ms()),
	                 TAKEN_NOT);
}

/* A visitor that the client has is not served twice, and nor is one that is announced twice. */
static void check_again(struct scene *scene)
{
	int data;

	client_scene_call(&scene->base, run_note_opened, scene);
	for (int i = 0; i < 2; i++) {
		client_scene_send(scene->wire, AGAIN_OF(CLIENT_SCENE_UUID));
		client_scene_expect(scene->wire, "{\"Taken\":\"" CLIENT_SCENE_UUID "\"}");
	}
	ck_assert(client_scene_is_left_alone(scene->base.server, 30));
	client_scene_send(scene->wire, AGAIN_OF(NEW_UUID));
	data = client_scene_accept(scene->base.server);
	client_scene_challenge(data);
	client_scene_expect(data, ACCEPT_OF(NEW_UUID));
	client_scene_send(scene->wire, AGAIN_OF(NEW_UUID));
	ck_assert(client_scene_is_left_alone(scene->base.server, 30));
	ck_assert_int_eq(recv(scene->wire, (char[1]){ 0 }, 1, MSG_DONTWAIT), -1);
	close(data);
}

START_TEST(a_visitor_that_is_announced_again_is_served_once)
{
	static const enum session_state states[] = { SESSION_STANDING, SESSION_PARTING };
	struct scene *scene = &the_scene;

	for (int i = 0; i < 2; i++) {
		open_scene(scene, &(struct client_scene_options){ .secret = "s3cret" });
		go_to(scene, states[i]);
		check_again(scene);
		expect_state(scene, states[i], "Again");
		close(client_scene_accept(scene->base.service));
		close_scene(scene);
	}
}
END_TEST

SUITE("session", a_loss_leaves_the_tunnel_to_the_twin,
      a_twin_that_is_refused_for_good_gives_the_move_up, a_kick_during_a_move_ends_the_tunnel,
      a_port_that_is_taken_is_released, without_reconnect_nothing_moves,
      where_it_is_offered_the_client_speaks_before_hello,
      elsewhere_the_client_speaks_after_extended,
      without_a_challenge_the_client_speaks_after_extended, every_state_with_every_event,
      without_a_secret_hello_comes_first, refusals_before_the_tunnel_has_stood_and_after,
      without_reconnect_the_first_loss_is_the_last,
      port_is_announced_when_it_is_new_and_asked_for_again,
      heartbeats_are_sent_once_the_server_asks_for_them, unread_input_is_no_silence,
      a_broken_connection_loses_the_server_and_an_orderly_end_does_not,
      each_message_postpones_the_silence,
      connections_ahead_are_opened_as_granted_and_closed_with_the_tunnel,
      visitors_are_declined_where_the_server_offers_it,
      a_visitor_that_is_announced_again_is_served_once)
