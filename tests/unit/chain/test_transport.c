#include "chain/transport.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>

#define HOST_SCENE_WORKERS 2
#include "base/container.h"
#include "scene/host_scene.h"
#include "sockets.h"
#include "suite.h"

struct wrapping {
	struct host_scene *scene;
	const struct plugin_set *set;
	int fd;
	bool open; /* also open the stream */
	struct stream *stream;
	bool wrapped, opened;
	unsigned n_layers;
	struct err err;
};

static void on_event(struct stream *stream, unsigned events, void *arg)
{
	(void)stream;
	(void)events;
	(void)arg;
}

static void run_wrap(void *arg)
{
	struct wrapping *w = arg;
	spore_addr peer;

	ck_assert(addr_parse("127.0.0.1:1", &peer));
	w->stream = stream_new(w->scene->loops[0], w->fd, &peer, NULL);
	stream_set_owner(w->stream, on_event, w);
	w->wrapped = transport_wrap(w->set->chains[CHAIN_TRANSPORT], w->stream, SPORE_ROLE_SERVER,
	                            NULL, 0, &w->err);
	w->n_layers = stream_conn(w->stream)->n_layers;
	if (w->wrapped && w->open)
		w->opened = transport_open(w->stream);
}

static void run_close(void *arg)
{
	stream_close(((struct wrapping *)arg)->stream, false);
}

static struct wrapping wrap(struct host_scene *scene, const struct plugin_set *set, bool open)
{
	struct wrapping w = { .scene = scene, .set = set, .open = open };
	int fds[2];

	sockets_tcp_pair(fds);
	w.fd = fds[0];
	host_scene_call(scene, run_wrap, &w);
	close(fds[1]);
	return w;
}

struct way_question {
	struct host_scene *scene;
	const struct plugin_set *set;
	const char *server;
	struct transport_way way;
	bool found;
	struct err err;
};

static void run_find_way(void *arg)
{
	struct way_question *q = arg;

	q->found = transport_way(q->set, q->scene->loops[0], q->server, 7, &q->way, &q->err);
}

static struct way_question find_way(const char *transports, const char *server)
{
	struct host_scene scene;
	struct way_question q = { .scene = &scene, .server = server };
	char text[400];
	static char host[64];

	snprintf(text, sizeof text,
	         "{\"client\":{\"to\":\"h\"},\"tunnels\":[{\"local_port\":1}],"
	         "\"transport\":%s}",
	         transports);
	host_scene_open(&scene);
	q.set = host_scene_start(&scene, ROLE_LOCAL, text);
	host_scene_call(&scene, run_find_way, &q);
	snprintf(host, sizeof host, "%s", q.found ? q.way.host : "");
	q.way.host = host;
	plugin_set_unref((struct plugin_set *)(uintptr_t)q.set);
	host_scene_close(&scene);
	return q;
}

#define VIA(more) "{\"use\":\"via\",\"url\":\"socks5://p.test:5\"" more "}"

START_TEST(a_transport_may_name_another_place)
{
	struct way_question q = find_way("[{\"use\":\"plain\"}]", "h.test");

	ck_assert(q.found && !q.way.by && q.way.port == 7);
	ck_assert_str_eq(q.way.host, "h.test");
	q = find_way("[" VIA(",\"no_proxy\":\"x.test\"") "]", "h.test");
	ck_assert(q.found && q.way.by && q.way.port == 5);
	ck_assert_str_eq(q.way.host, "p.test");
	q = find_way("[" VIA(",\"no_proxy\":\"x.test\"") "]", "x.test");
	ck_assert(q.found && !q.way.by && q.way.port == 7);
	q = find_way("[" VIA("") "," VIA(",\"name\":\"two\"") "]", "h.test");
	ck_assert(!q.found);
	ck_assert_str_eq(q.err.text, "transports via and two both name a place to connect to: "
	                             "expected one");
}
END_TEST

START_TEST(plain_adds_no_work_to_the_opening)
{
	struct host_scene scene;
	struct plugin_set *set;
	struct wrapping w;

	host_scene_open(&scene);
	set = host_scene_server(&scene, "{}");
	w = wrap(&scene, set, true);
	ck_assert_msg(w.wrapped, "%s", w.err.text);
	ck_assert(w.opened);
	host_scene_call(&scene, run_close, &w);
	plugin_set_unref(set);
	host_scene_close(&scene);
}
END_TEST

START_TEST(transports_stack_and_their_calls_are_measured)
{
	struct host_scene scene;
	struct plugin_set *set;
	struct wrapping w;

	host_scene_open(&scene);
	set = host_scene_server(&scene, "{\"transport\":[{\"use\":\"xor\",\"name\":\"a\"},"
	                                "{\"use\":\"xor\",\"name\":\"b\"}]}");
	w = wrap(&scene, set, false);
	ck_assert_msg(w.wrapped, "%s", w.err.text);
	ck_assert_uint_eq(w.n_layers, 2);
	ck_assert_double_eq(host_scene_metric(&scene, "spore_plugin_call_seconds",
	                                      "kind=transport,plugin=b,call=wrap"),
	                    1);
	host_scene_call(&scene, run_close, &w);
	plugin_set_unref(set);
	host_scene_close(&scene);
}
END_TEST

/* The stream closes what was put on it before the failure. */
START_TEST(a_failed_wrap_names_the_plugin)
{
	struct host_scene scene;
	struct plugin_set *set;
	struct wrapping w;

	host_scene_open(&scene);
	set = host_scene_server(&scene,
	                        "{\"transport\":[{\"use\":\"xor\",\"name\":\"good\"},"
	                        "{\"use\":\"xor\",\"name\":\"bad\",\"refuse_wrap\":true}]}");
	w = wrap(&scene, set, true);
	ck_assert(!w.wrapped);
	ck_assert_str_eq(w.err.text, "transport bad returned no stream: its back-end failed "
	                             "(SPORE_EBACKEND)");
	ck_assert_uint_eq(w.n_layers, 1);
	host_scene_call(&scene, run_close, &w);
	plugin_set_unref(set);
	host_scene_close(&scene);
}
END_TEST

/* After a reload a stream goes on with the transports that it was opened with. */
START_TEST(a_stream_keeps_its_transports)
{
	struct host_scene scene;
	struct plugin_set *set;
	struct wrapping w;

	host_scene_open(&scene);
	set = host_scene_server(&scene, "{\"transport\":[{\"use\":\"xor\"}]}");
	w = wrap(&scene, set, false);
	ck_assert(w.wrapped);
	plugin_set_unref(set);
	loop_finish(scene.main_loop);
	ck_assert_uint_eq(retirer_alive(scene.retirer), 1);
	host_scene_call(&scene, run_close, &w);
	loop_settle(scene.loops[0]);
	loop_finish(scene.main_loop);
	ck_assert_uint_eq(retirer_alive(scene.retirer), 0);
	host_scene_close(&scene);
}
END_TEST

/* ---- from worker to worker, under load ---- */

enum { TOTAL = 3 * 1000 * 1000, BETWEEN_MOVES = 100 * 1000 };

/* One end: it sends TOTAL bytes and checks as many of the other end, while it moves. */
struct end {
	struct host_scene *scene;
	const struct plugin_set *set;
	unsigned role, at; /* the worker that it is on */
	int fd;
	struct stream *stream;
	size_t sent, got, move_at;
	unsigned moves;
	struct loop_task leave, arrive;
	atomic_bool done;
};

static uint8_t byte_at(unsigned role, size_t i)
{
	return (uint8_t)(i * 31 + i / 253 + role);
}

static void on_end_event(struct stream *stream, unsigned events, void *arg);

static void go_on(struct end *end)
{
	bool done = end->sent == TOTAL && end->got == TOTAL;

	stream_want(end->stream,
	            (end->got < TOTAL ? SPORE_READ : 0) | (end->sent < TOTAL ? SPORE_WRITE : 0));
	if (done)
		atomic_store(&end->done, true);
	else if (end->got + end->sent >= end->move_at)
		loop_at_turn_end(stream_loop(end->stream), &end->leave);
}

static void run_arrive(struct loop_task *task)
{
	struct end *end = CONTAINER_OF(task, struct end, arrive);

	ck_assert(transport_attach(end->stream, end->scene->loops[end->at]));
	stream_set_owner(end->stream, on_end_event, end);
	end->moves++;
	end->move_at = end->got + end->sent + BETWEEN_MOVES;
	go_on(end);
}

static void run_leave(struct loop_task *task)
{
	struct end *end = CONTAINER_OF(task, struct end, leave);
	struct loop *loop = stream_loop(end->stream);
	enum stream_io io;

	if (atomic_load(&end->done))
		return;
	stream_want(end->stream, 0);
	io = transport_detach(end->stream);
	ck_assert(io == STREAM_OK || io == STREAM_AGAIN);
	if (io == STREAM_AGAIN) {
		loop_next_turn(loop, &end->leave);
		return;
	}
	end->at = !end->at;
	loop_post(end->scene->loops[end->at], &end->arrive);
}

static void receive(struct end *end)
{
	uint8_t *bytes = loop_scratch(stream_loop(end->stream));
	size_t n;
	enum stream_io io = stream_read(end->stream, bytes, 50000, &n);

	ck_assert_msg(io == STREAM_OK || io == STREAM_AGAIN, "%s", stream_error(end->stream));
	for (size_t i = 0; i < n; i++, end->got++) {
		if (bytes[i] != byte_at(!end->role, end->got))
			ck_abort_msg("byte %zu is wrong", end->got);
	}
}

static void transmit(struct end *end)
{
	uint8_t *bytes = loop_scratch(stream_loop(end->stream));
	size_t len = TOTAL - end->sent < 30000 ? TOTAL - end->sent : 30000, n;
	enum stream_io io;

	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at(end->role, end->sent + i);
	io = stream_write(end->stream, bytes, len, &n);
	ck_assert_msg(io == STREAM_OK || io == STREAM_AGAIN, "%s", stream_error(end->stream));
	end->sent += n;
}

static void on_end_event(struct stream *stream, unsigned events, void *arg)
{
	struct end *end = arg;

	ck_assert_msg(!(events & STREAM_FAILED), "%s", stream_error(stream));
	if (events & STREAM_READABLE)
		receive(end);
	if (events & STREAM_WRITABLE && end->sent < TOTAL)
		transmit(end);
	go_on(end);
}

static void run_open_end(void *arg)
{
	struct end *end = arg;
	spore_addr peer;
	struct err err;

	ck_assert(addr_parse("127.0.0.1:1", &peer));
	end->stream = stream_new(end->scene->loops[end->at], end->fd, &peer, NULL);
	ck_assert_ptr_nonnull(end->stream);
	stream_set_owner(end->stream, on_end_event, end);
	ck_assert_msg(transport_wrap(end->set->chains[CHAIN_TRANSPORT], end->stream,
	                             end->role ? SPORE_ROLE_CLIENT : SPORE_ROLE_SERVER,
	                             end->role ? "localhost" : NULL, end->role ? 7835 : 0, &err),
	              "%s", err.text);
	ck_assert(stream_can_move(end->stream));
	if (transport_open(end->stream))
		go_on(end);
}

static void run_close_end(void *arg)
{
	stream_close(((struct end *)arg)->stream, false);
}

static bool are_done(void *arg)
{
	struct end *ends = arg;

	return atomic_load(&ends[0].done) && atomic_load(&ends[1].done);
}

/* A certificate for localhost, and its key, in one file. */
static void write_certificate(char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_EXTENSION *name = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
	                                           "DNS:localhost");
	FILE *file = fdopen(mkstemp(path), "w");

	ck_assert(key && cert && name && file);
	X509_set_version(cert, 2);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_add_ext(cert, name, -1);
	ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
	ck_assert(PEM_write_X509(file, cert) == 1 &&
	          PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	fclose(file);
	X509_EXTENSION_free(name);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static struct plugin_set *start_set(struct host_scene *scene, unsigned role, const char *format,
                                    const char *pem)
{
	char text[1024];

	snprintf(text, sizeof text, format, pem, pem);
	return host_scene_start(scene, role, text);
}

/* Lets two ends exchange bytes while both move. Each format has two places for a path. */
static void move_both(const char *server, const char *client)
{
	char pem[] = "/tmp/spore-unit-XXXXXX";
	struct host_scene scene;
	struct plugin_set *sets[2];
	struct end ends[2];
	int fds[2];

	write_certificate(pem);
	host_scene_open(&scene);
	sets[0] = start_set(&scene, ROLE_SERVER, server, pem);
	sets[1] = start_set(&scene, ROLE_LOCAL, client, pem);
	sockets_tcp_pair(fds);
	for (unsigned i = 0; i < 2; i++) {
		ends[i] = (struct end){ .scene = &scene,
			                .set = sets[i],
			                .role = i,
			                .at = i,
			                .fd = fds[i],
			                .move_at = BETWEEN_MOVES,
			                .leave.run = run_leave,
			                .arrive.run = run_arrive };
		loop_call(scene.loops[i], run_open_end, &ends[i]);
	}
	ck_assert(host_scene_wait(are_done, ends));
	for (unsigned i = 0; i < 2; i++) {
		loop_call(scene.loops[ends[i].at], run_close_end, &ends[i]);
		ck_assert_uint_gt(ends[i].moves, 10);
		plugin_set_unref(sets[i]);
	}
	host_scene_close(&scene);
	unlink(pem);
}

START_TEST(tls_moves_between_workers)
{
	move_both("{\"transport\":[{\"use\":\"tls\",\"certfile\":\"%s\",\"keyfile\":\"%s\"}]}",
	          "{\"client\":{\"to\":\"localhost\"},\"tunnels\":[{\"local\":\"127.0.0.1:3000\"}],"
	          "\"transport\":"
	          "[{\"use\":\"tls\","
	          "\"cacertfile\":\"%s\"}]}");
}
END_TEST

START_TEST(a_stack_moves_between_workers)
{
	move_both("{\"transport\":[{\"use\":\"xor\",\"hold\":64},{\"use\":\"tls\","
	          "\"certfile\":\"%s\",\"keyfile\":\"%s\"},{\"use\":\"plain\"}]}",
	          "{\"client\":{\"to\":\"localhost\"},\"tunnels\":[{\"local\":\"127.0.0.1:3000\"}],"
	          "\"transport\":"
	          "[{\"use\":\"xor\","
	          "\"hold\":64},{\"use\":\"tls\",\"cacertfile\":\"%s\"}]}");
}
END_TEST

static unsigned tellers(struct host_scene *scene, const char *config)
{
	struct plugin_set *set = host_scene_server(scene, config);
	unsigned n = transport_tellers(set->chains[CHAIN_TRANSPORT]);

	plugin_set_unref(set);
	return n;
}

#define PROXY "{\"use\": \"proxy\", \"trusted\": [\"127.0.0.1\"]}"

START_TEST(transports_that_tell_the_peer_are_counted)
{
	struct host_scene scene;

	host_scene_open(&scene);
	ck_assert_uint_eq(tellers(&scene, "{}"), 0);
	ck_assert_uint_eq(tellers(&scene, "{\"transport\": [{\"use\": \"xor\"}]}"), 0);
	ck_assert_uint_eq(tellers(&scene, "{\"transport\": [{\"use\": \"xor\"}, " PROXY "]}"), 1);
	ck_assert_uint_eq(tellers(&scene, "{\"transport\": [" PROXY ", " PROXY "]}"), 2);
	host_scene_close(&scene);
}
END_TEST

START_TEST(what_transports_tell_is_known_to_the_chain)
{
	struct host_scene scene;
	struct plugin_set *set;
	const struct chain *chain;

	host_scene_open(&scene);
	set = host_scene_server(&scene, "{\"transport\": [" PROXY ", {\"use\": \"plain\"}]}");
	chain = set->chains[CHAIN_TRANSPORT];
	ck_assert_ptr_nonnull(chain->conn_attrs);
	ck_assert_str_eq(chain->conn_attrs[0], "proxy.address");
	ck_assert_ptr_null(chain->conn_attrs[1]);
	ck_assert(!chain->may_be_secure);
	ck_assert(transport_can_move(chain->items[0]));
	plugin_set_unref(set);
	host_scene_close(&scene);
}
END_TEST

SUITE("transport", what_transports_tell_is_known_to_the_chain, a_transport_may_name_another_place,
      plain_adds_no_work_to_the_opening, transports_stack_and_their_calls_are_measured,
      a_failed_wrap_names_the_plugin, a_stream_keeps_its_transports, tls_moves_between_workers,
      a_stack_moves_between_workers, transports_that_tell_the_peer_are_counted)
