/* routed_scene - a routed port of a server, a client, and its tunnel with the name a.example. */
#ifndef UNIT_ROUTED_SCENE_H
#define UNIT_ROUTED_SCENE_H

#include "choose/chooser.h"
#include "scene/server_scene.h"
#include "session/tunnel.h"
#include "verdict/allowance.h"
#include "wire/about.h"

#define ROUTED_LIMITS "\"limits\": {\"max_handshakes_per_ip\": 2}"
#define ROUTED_PORT                                                                                \
	"{" SCENE_SERVER ", " ROUTED_LIMITS                                                        \
	", \"public\": [{\"listen_port\": 443, \"route\": [{\"use\": \"http\"}]}]}"
/* The transport opens once the visitor has sent SCENE_GREETING. */
#define ROUTED_BEHIND(settings)                                                                    \
	"{" SCENE_SERVER ", " ROUTED_LIMITS ", \"public\": [{\"listen_port\": 443, \"route\": "    \
	"[{\"use\": \"http\"}], \"transport\": [{\"use\": \"xor\", \"key\": 90, "                  \
	"\"handshake\": \"byte\"" settings "}]}]}"
#define ROUTED_REQUEST(host) "GET / HTTP/1.1\r\nHost: " host "\r\n\r\n"

static struct {
	int client;      /* on its control connection */
	uint16_t port;   /* the shared one */
	uint16_t wanted; /* the port that is opened; 0: any */
	struct tunnel *tunnel;
	struct names_claim *claim;
} routed;

/* The configuration's port may be in use, so the sockets have another one. */
static inline void routed_open_port(void)
{
	spore_addr addr = scene_addr("127.0.0.1", 0);
	spore_list list = { &addr, 1, sizeof addr };
	struct sock_sizes sizes = { 0 };
	struct sockets sockets;
	struct err err;
	size_t at_fault;

	ck_assert(sock_listen_all(&list, routed.wanted, false, false, &sizes, &sockets, &at_fault,
	                          &err));
	sock_local_addr(sockets.fds[0], &addr);
	routed.port = addr.port;
	ck_assert(choosers_renew(&scene.workers[0], scene.set, &scene.limits, &sockets));
}

static inline void routed_begin(const char *config)
{
	static const char *const hosts[] = { "a.example" };
	static const struct about nothing;
	struct allowance *allowance = NULL;
	struct names_clash clash;
	struct server_session *s;
	struct limit_hit hit;

	scene_open(config);
	routed.client = scene_connect();
	s = scene_last(LIST_NEWCOMERS);
	routed.tunnel = tunnel_open(s->worker, &s->link, s->source, &nothing, &allowance,
	                            (struct tunnel_port){ 0 }, &hit);
	ck_assert_ptr_nonnull(routed.tunnel);
	scene_run();
	scene_expect_tunnel(routed.client);
	ck_assert_int_eq(names_claim(scene.shared.names, tunnel_account(routed.tunnel), hosts, 1,
	                             &routed.claim, &clash),
	                 NAMES_CLAIMED);
	routed_open_port();
}

static inline void routed_end(void)
{
	names_release(routed.claim);
	tunnel_close(routed.tunnel, SPORE_END_CLOSED);
	close(routed.client);
	scene_run();
	ck_assert_uint_eq(scene.shared.handshakes, 0);
	scene_close();
}

static inline int routed_visit(const char *first)
{
	int fd = scene_visit(routed.port);

	ck_assert_int_eq(send(fd, first, strlen(first), 0), (ssize_t)strlen(first));
	scene_run();
	return fd;
}

static inline bool routed_is_reset(int fd)
{
	scene_run();
	return recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET;
}

static inline struct visitor routed_take_announced(void)
{
	struct uuid id = scene_expect(routed.client, MESSAGE_CONNECTION).id;
	struct visitor visitor;

	ck_assert(pending_take(scene.shared.pending, &id, &scene.limits, &visitor));
	ck_assert_ptr_eq(visitor.account, tunnel_account(routed.tunnel));
	ck_assert_uint_eq(visitor.port, 443);
	return visitor;
}

static inline void routed_send_xored(int fd, const char *text)
{
	for (size_t i = 0; i < strlen(text); i++)
		ck_assert_int_eq(send(fd, &(char){ (char)(text[i] ^ 90) }, 1, 0), 1);
	scene_run();
}

static inline void routed_greet(int fd)
{
	ck_assert_int_eq(send(fd, &(char){ SCENE_GREETING }, 1, 0), 1);
	scene_run();
}

/* The transport has sent a byte of its own. */
static inline bool routed_has_ended(int fd)
{
	ssize_t n;

	scene_run();
	do
		n = recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT);
	while (n > 0);
	return n == 0 || errno == ECONNRESET;
}

#endif
