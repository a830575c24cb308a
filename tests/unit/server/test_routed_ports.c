#include "server/routed_ports.h"

#include <string.h>
#include <sys/stat.h>

#include "config/config.h"
#include "server/control_port.h"
#include "sockets.h"
#include "suite.h"

enum { ENTRIES = 3 };

/* A configuration whose second entry is a routed port. */
struct scene {
	struct config config;
	struct public_settings entries[ENTRIES];
	spore_addr addresses[2];
};

static void make(struct scene *scene, const char *ip, uint16_t port)
{
	memset(scene, 0, sizeof *scene);
	ck_assert(addr_parse_ip(ip, &scene->addresses[0]));
	ck_assert(addr_parse_ip("127.0.0.2", &scene->addresses[1]));
	scene->entries[1].listen_port = port;
	scene->config.settings.public = (spore_list){ scene->entries, ENTRIES,
		                                      sizeof *scene->entries };
	scene->config.settings.server.bind_tunnels = (spore_list){ scene->addresses, 1,
		                                                   sizeof *scene->addresses };
	scene->config.doc = json_doc_new();
}

static void clear(struct scene *scene)
{
	json_doc_free(scene->config.doc);
}

static struct sockets *open_all(const struct scene *scene, const struct scene *before, bool shared)
{
	const struct json *at_fault;
	struct err err;

	return routed_ports_open(
		&(struct routed_ports_plan){ .config = &scene->config,
	                                     .before = before ? &before->config : NULL,
	                                     .worker = shared },
		&at_fault, &err);
}

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
	spore_addr addr;

	close(sockets_listen(&addr, 1));
	return addr.port;
}

START_TEST(every_worker_has_a_socket_at_a_routed_port)
{
	struct scene scene;
	struct sockets *all[2];
	spore_addr addr;

	make(&scene, "127.0.0.1", free_port());
	for (int i = 0; i < 2; i++) {
		all[i] = open_all(&scene, NULL, i > 0);
		ck_assert_ptr_nonnull(all[i]);
		ck_assert_uint_eq(all[i][0].n, 0);
		ck_assert_uint_eq(all[i][1].n, 1);
		sock_local_addr(all[i][1].fds[0], &addr);
		ck_assert_uint_eq(addr.port, scene.entries[1].listen_port);
	}
	ck_assert_ptr_null(open_all(&scene, NULL, false)); /* as for another server */
	for (int i = 0; i < 2; i++)
		routed_ports_close(&scene.config, all[i]);
	routed_ports_close(&scene.config, NULL);
	clear(&scene);
}
END_TEST

START_TEST(a_port_that_is_taken_is_named)
{
	struct scene scene;
	const struct json *at_fault;
	spore_addr addr;
	int taken = sockets_listen(&addr, 1);
	char expected[64];
	struct err err;

	make(&scene, "127.0.0.1", addr.port);
	scene.entries[0].listen_port = free_port(); /* closed again */
	snprintf(expected, sizeof expected, "routed port %u: address in use", addr.port);
	for (int i = 0; i < 2; i++) {
		ck_assert_ptr_null(routed_ports_open(
			&(struct routed_ports_plan){ .config = &scene.config }, &at_fault, &err));
		ck_assert_ptr_nonnull(strstr(err.text, expected));
	}
	close(taken);
	clear(&scene);
}
END_TEST

START_TEST(a_port_that_stays_is_not_opened_again)
{
	struct scene before, next;
	struct sockets *open, *all;

	make(&before, "127.0.0.1", free_port());
	make(&next, "127.0.0.1", (uint16_t)before.entries[1].listen_port);
	next.entries[2] = next.entries[1]; /* at another place of the list */
	next.entries[1].listen_port = 0;
	open = open_all(&before, NULL, false);
	ck_assert_ptr_nonnull(open);
	all = open_all(&next, &before, false);
	ck_assert_ptr_nonnull(all);
	for (int i = 0; i < ENTRIES; i++)
		ck_assert_uint_eq(all[i].n, 0);
	routed_ports_close(&next.config, all);
	/* Another address at the same port joins the old one. */
	next.entries[2].listen_addr = (spore_list){ next.addresses, 2, sizeof *next.addresses };
	all = open_all(&next, &before, false);
	ck_assert_ptr_nonnull(all);
	ck_assert_uint_eq(all[2].n, 2);
	routed_ports_close(&next.config, all);
	routed_ports_close(&before.config, open);
	clear(&before);
	clear(&next);
}
END_TEST

static ino_t inode_of(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return st.st_ino;
}

/* Each worker gets one of them, so that nobody who waits there is lost. */
START_TEST(sockets_of_the_server_before_are_used)
{
	struct scene scene;
	struct sockets *before[2], *all;
	int fds[2];
	struct given_sockets given = { .fds = fds, .n = 2, .from_server = true };
	struct routed_ports_plan plan = { .given = &given, .n_workers = 3 };
	const struct json *at_fault;
	struct err err;

	make(&scene, "127.0.0.1", free_port());
	plan.config = &scene.config;
	for (int i = 0; i < 2; i++) {
		before[i] = open_all(&scene, NULL, i > 0);
		fds[i] = before[i][1].fds[0];
	}
	for (plan.worker = 0; plan.worker < 3; plan.worker++) {
		all = routed_ports_open(&plan, &at_fault, &err);
		ck_assert_msg(all != NULL, "%s", err.text);
		ck_assert_uint_eq(all[1].n, 1);
		ck_assert_uint_eq(inode_of(all[1].fds[0]), inode_of(fds[plan.worker % 2]));
		routed_ports_close(&scene.config, all);
	}
	plan.n_workers = 1;
	ck_assert_ptr_null(routed_ports_open(&plan, &at_fault, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "raise server.workers"));
	/* An address at which none was passed: the others are joined. */
	scene.entries[1].listen_addr = (spore_list){ scene.addresses, 2, sizeof *scene.addresses };
	plan.worker = 0;
	all = routed_ports_open(&plan, &at_fault, &err);
	ck_assert_msg(all != NULL, "%s", err.text);
	ck_assert_uint_eq(all[1].n, 2);
	routed_ports_close(&scene.config, all);
	scene.entries[1].listen_addr = (spore_list){ 0 };
	for (int i = 0; i < 2; i++)
		routed_ports_close(&scene.config, before[i]);
	clear(&scene);
}
END_TEST

/* With fewer workers, a restart goes on. */
START_TEST(sockets_that_a_service_manager_has_kept_are_used)
{
	struct scene scene;
	struct sockets *before[2], *all;
	int fds[2];
	struct given_sockets given = { .fds = fds, .n = 2 };
	struct routed_ports_plan plan = { .given = &given, .n_workers = 1 };
	const struct json *at_fault;
	struct err err;

	make(&scene, "127.0.0.1", free_port());
	plan.config = &scene.config;
	for (int i = 0; i < 2; i++) {
		before[i] = open_all(&scene, NULL, i > 0);
		fds[i] = before[i][1].fds[0];
	}
	all = routed_ports_open(&plan, &at_fault, &err);
	ck_assert_msg(all != NULL, "%s", err.text);
	ck_assert_uint_eq(inode_of(all[1].fds[0]), inode_of(fds[0]));
	routed_ports_close(&scene.config, all);
	for (int i = 0; i < 2; i++)
		routed_ports_close(&scene.config, before[i]);
	clear(&scene);
}
END_TEST

/* Only those of an entry that gets one at each address are of use. The others do not keep anybody
 * from their ports, although the service manager has copies (here `before`). */
START_TEST(sockets_of_another_configuration_are_ended)
{
	struct scene scene;
	struct sockets *before, *all;
	int fds[2];
	unsigned n;
	struct given_sockets given = { .fds = fds };
	struct routed_ports_plan plan = { .given = &given, .n_workers = 1 };
	const struct json *at_fault;
	struct err err;

	make(&scene, "0.0.0.0", free_port());
	plan.config = &scene.config;
	before = open_all(&scene, NULL, false);
	ck_assert_ptr_nonnull(before);
	fds[0] = dup(before[1].fds[0]);
	n = 1;
	routed_ports_sift(&scene.config, fds, &n);
	ck_assert_uint_eq(n, 1);
	scene.entries[1].listen_addr = (spore_list){ &scene.addresses[1], 1,
		                                     sizeof *scene.addresses };
	for (int i = 0; i < 2; i++) { /* as in a start after one that failed */
		routed_ports_sift(&scene.config, fds, &n);
		ck_assert_uint_eq(n, 0);
		fds[n++] = dup(before[1].fds[0]);
	}
	routed_ports_sift(&scene.config, fds, &n);
	given.n = n;
	all = routed_ports_open(&plan, &at_fault, &err);
	ck_assert_msg(all != NULL, "%s", err.text);
	routed_ports_close(&scene.config, all);
	routed_ports_close(&scene.config, before);
	clear(&scene);
}
END_TEST

SUITE("routed_ports", sockets_of_another_configuration_are_ended,
      sockets_that_a_service_manager_has_kept_are_used, every_worker_has_a_socket_at_a_routed_port,
      a_port_that_is_taken_is_named, a_port_that_stays_is_not_opened_again,
      sockets_of_the_server_before_are_used)
