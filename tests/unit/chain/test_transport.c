#include "chain/transport.h"

#include "host_scene.h"
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
	w->wrapped = transport_wrap(w->set, w->stream, SPORE_ROLE_SERVER, NULL, &w->err);
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

SUITE("transport", plain_adds_no_work_to_the_opening, transports_stack_and_their_calls_are_measured,
      a_failed_wrap_names_the_plugin, a_stream_keeps_its_transports)
