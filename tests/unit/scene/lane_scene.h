/* lane_scene - a tunnel of server_scene whose client has visitors handed over: a pass, data
 * connections that have carried a visitor and wait for the next one, and what is said on them. */
#ifndef UNIT_LANE_SCENE_H
#define UNIT_LANE_SCENE_H

#include "scene/server_scene.h"

struct lane_scene {
	int client;       /* the tunnel's control connection */
	int worker;       /* the tunnel's */
	uint16_t port;    /* the tunnel's */
	struct uuid pass; /* for connections that are handed visitors */
};

static inline bool lane_scene_has_tunnel(void *arg)
{
	const struct lane_scene *lanes = arg;

	return !list_is_empty(&scene.workers[lanes->worker].sessions[LIST_TUNNELS].all);
}

/* The tunnel's session: the last one of its worker. */
static inline struct server_session *lane_scene_tunnel(const struct lane_scene *lanes)
{
	struct list *all = &scene.workers[lanes->worker].sessions[LIST_TUNNELS].all;

	ck_assert(!list_is_empty(all));
	return CONTAINER_OF(all->prev, struct server_session, node);
}

/* A tunnel of this worker. answer: to the Challenge; NULL: there is none. wants: beside Carry. */
static inline struct lane_scene lane_scene_open(int worker, const char *answer, uint8_t wants)
{
	struct lane_scene lanes = { .worker = worker };
	struct message extend = { .type = MESSAGE_EXTEND,
		                  .port = 60000,
		                  .wants = MESSAGE_WANTS_CARRY | wants };
	struct message extended;

	lanes.client = scene_connect_from(worker, "127.0.0.1");
	if (answer) {
		scene_expect(lanes.client, MESSAGE_CHALLENGE);
		scene_authenticate(lanes.client, answer);
	}
	scene_hello(lanes.client, 0);
	scene_wait(lane_scene_has_tunnel, &lanes);
	lanes.port = scene_expect_tunnel(lanes.client);
	scene_say(lanes.client, &extend);
	extended = scene_expect(lanes.client, MESSAGE_EXTENDED);
	ck_assert_uint_eq(extended.offers & MESSAGE_OFFER_CARRY, MESSAGE_OFFER_CARRY);
	lanes.pass = extended.id;
	return lanes;
}

/* The next message to the tunnel's client is of this type, about a visitor. Returns its id. */
static inline struct uuid lane_scene_expect(const struct lane_scene *lanes, enum message_type type)
{
	return scene_expect(lanes->client, type).id;
}

static inline void lane_scene_carry(int data, const struct uuid *id, const struct uuid *pass)
{
	scene_say(data, &(struct message){ .type = MESSAGE_CARRY, .id = *id, .pass = *pass });
}

/* The next bytes on this connection are these, and no more than these have come. */
static inline void lane_scene_expect_bytes(int fd, const void *bytes, size_t len)
{
	uint8_t got[256];
	ssize_t n = recv(fd, got, sizeof got, MSG_DONTWAIT);

	ck_assert_int_eq(n, (ssize_t)len);
	ck_assert_mem_eq(got, bytes, len);
}

static inline void lane_scene_expect_none(int fd)
{
	uint8_t byte;

	ck_assert_int_eq(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

/* The visitor of this connection ends, as does the client's part. */
static inline void lane_scene_end_visitor(int data, int visitor)
{
	static const uint8_t end[] = { 2, 0, 0, 0 };

	close(visitor);
	scene_run();
	lane_scene_expect_bytes(data, end, sizeof end);
	scene_send(data, end, sizeof end);
}

static inline int lane_scene_connect(int worker, const char *answer)
{
	int data = scene_connect_from(worker, "127.0.0.1");

	if (answer) {
		scene_expect(data, MESSAGE_CHALLENGE);
		scene_authenticate(data, answer);
	}
	return data;
}

static inline bool lane_scene_has_relay(void *worker)
{
	return ((const struct server_worker *)worker)->relays.count > 0;
}

/* A new data connection on this worker takes a visitor of the tunnel under this pass, whom it
 * carries to the end. Then it waits for the next one. */
static inline int lane_scene_add_under(const struct lane_scene *lanes, int worker,
                                       const char *answer, const struct uuid *pass)
{
	unsigned before = scene.workers[worker].sessions[LIST_WAITING].count;
	int visitor = scene_visit(lanes->port), data = lane_scene_connect(worker, answer);
	struct uuid id = lane_scene_expect(lanes, MESSAGE_CONNECTION);

	lane_scene_carry(data, &id, pass);
	scene_wait(lane_scene_has_relay, &scene.workers[worker]);
	scene_expect(data, MESSAGE_ACCEPTED);
	lane_scene_end_visitor(data, visitor);
	ck_assert_uint_eq(scene.workers[worker].sessions[LIST_WAITING].count, before + 1);
	return data;
}

static inline int lane_scene_add(const struct lane_scene *lanes, int worker, const char *answer)
{
	return lane_scene_add_under(lanes, worker, answer, &lanes->pass);
}

/* The last newcomer of this worker, which is a session that was handed a visitor. */
static inline struct server_session *lane_scene_offered(int worker)
{
	struct list *all = &scene.workers[worker].sessions[LIST_NEWCOMERS].all;

	ck_assert(!list_is_empty(all));
	return CONTAINER_OF(all->prev, struct server_session, node);
}

static inline void lane_scene_opened(int data)
{
	scene_say(data, &(struct message){ .type = MESSAGE_OPENED });
}

static inline void lane_scene_taken(int client, const struct uuid *id)
{
	scene_say(client, &(struct message){ .type = MESSAGE_TAKEN, .id = *id });
}

/* A visitor that is handed over on this connection, and nothing else happens. */
static inline int lane_scene_offer(const struct lane_scene *lanes, int data, struct uuid *id_out)
{
	int visitor = scene_visit(lanes->port);

	*id_out = scene_expect(data, MESSAGE_OPEN).id;
	lane_scene_expect_none(data);
	scene_expect_nothing(lanes->client);
	return visitor;
}

static inline void lane_scene_close(const struct lane_scene *lanes)
{
	close(lanes->client);
	scene_close();
}

#endif
