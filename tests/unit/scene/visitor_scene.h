/* visitor_scene - a tunnel's account in server_scene, with what announces its visitors, and without
 * the tunnel itself. It is at home on the first worker. */
#ifndef UNIT_VISITOR_SCENE_H
#define UNIT_VISITOR_SCENE_H

#include "link/link.h"
#include "net/stream.h"
#include "scene/server_scene.h"
#include "session/announce.h"

/* A link of the server, whose other end the test holds. */
struct visitor_scene_link {
	struct link link;
	int far;
};

struct visitor_scene {
	struct source *source;
	struct account *account;
	struct visitor_scene_link control;
	struct announcer announcer;
};

/* What comes on a link is not what these tests are about. */
static inline void visitor_scene_on_message(struct link *link, const struct message *message)
{
	(void)link, (void)message;
}

static inline void visitor_scene_on_fault(struct link *link, enum link_fault fault)
{
	(void)link, (void)fault;
}

static inline void visitor_scene_on_end(struct link *link, const char *why)
{
	(void)link, (void)why;
}

static inline void visitor_scene_open_link(struct visitor_scene_link *link, int worker)
{
	static const struct link_events events = { visitor_scene_on_message, visitor_scene_on_fault,
		                                   visitor_scene_on_end };
	spore_addr peer = scene_addr("127.0.0.1", 9);
	struct stream *stream;
	int fds[2];

	sockets_tcp_pair(fds);
	stream = stream_new(scene.loops[worker], fds[0], &peer, NULL);
	ck_assert(stream && stream_open(stream));
	link_init(&link->link, stream, MESSAGE_TO_SERVER, &events);
	link->far = fds[1];
}

static inline void visitor_scene_close_link(struct visitor_scene_link *link)
{
	link_fini(&link->link, false);
	close(link->far);
	scene_run();
}

static inline void visitor_scene_open(struct visitor_scene *visitors)
{
	spore_addr addr = scene_addr("127.0.0.1", 9);
	struct limit_hit hit;

	scene_open(SCENE_OPEN);
	visitors->source = source_get(scene.shared.sources, &addr);
	visitors->account = account_open(&scene.shared.principals, visitors->source, &scene.limits,
	                                 NULL, NULL, &hit);
	ck_assert_ptr_nonnull(visitors->account);
	visitors->account->home = &scene.workers[0];
	visitor_scene_open_link(&visitors->control, 0);
	visitors->announcer = (struct announcer){ .link = &visitors->control.link };
	account_set_announcer(visitors->account, &visitors->announcer);
}

/* All visitors have gone, and everything that they held. */
static inline void visitor_scene_close(struct visitor_scene *visitors)
{
	scene_run();
	ck_assert_uint_eq(pending_count(scene.shared.pending), 0);
	ck_assert_uint_eq(visitors->account->inside, 0);
	ck_assert_uint_eq(visitors->account->refs, 1);
	visitor_scene_close_link(&visitors->control);
	account_close_tunnel(visitors->account);
	source_unref(visitors->source);
	scene_close();
}

/* A visitor that was let in; *far_out: the visitor's own end. */
static inline struct visitor visitor_scene_let_in(struct visitor_scene *visitors, int *far_out)
{
	struct visitor visitor = { .account = account_ref(visitors->account),
		                   .peer = scene_addr("192.0.2.3", 77),
		                   .since_ns = clock_ns() };
	enum refusal why;
	int fds[2];

	ck_assert(account_enter(visitors->account, NULL, &scene.limits, &why));
	ck_assert(uuid_random(&visitor.id));
	sockets_tcp_pair(fds);
	visitor.fd = fds[0];
	*far_out = fds[1];
	return visitor;
}

/* The visitor waits in the table, and is taken from there. */
static inline struct visitor visitor_scene_take(const struct uuid *id)
{
	struct visitor visitor;

	ck_assert(pending_take(scene.shared.pending, id, &scene.limits, &visitor));
	ck_assert(uuid_equal(&visitor.id, id));
	return visitor;
}

static inline void visitor_scene_expect_ended(int far)
{
	ck_assert_int_eq(recv(far, (char[1]){ 0 }, 1, MSG_DONTWAIT), 0);
	close(far);
}

#endif
