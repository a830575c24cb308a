#include "rehearsal/socket_owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "capture.h"
#include "suite.h"

enum { STRANGER = 65533, OTHER = 65532 };

/* FOLDER/in/s is a socket whose server is of this user. */
struct scene {
	char folder[64], in[80];
	struct sockaddr_un addr;
	struct err err;
};

static void open_scene(struct scene *scene)
{
	strcpy(scene->folder, "/tmp/socket_owner.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(scene->folder));
	snprintf(scene->in, sizeof scene->in, "%s/in", scene->folder);
	ck_assert_int_eq(mkdir(scene->in, 0700), 0);
	scene->addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(scene->addr.sun_path, sizeof scene->addr.sun_path, "%s/s", scene->in);
}

static void close_scene(struct scene *scene)
{
	rmdir(scene->in);
	rmdir(scene->folder);
}

/* The kernel notes who listens. */
static void listen_as(int fd, uid_t uid)
{
	ck_assert_int_eq(seteuid(uid), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(seteuid(getuid()), 0);
}

static bool trusts(struct scene *scene, uid_t uid)
{
	const struct sockaddr *addr = (const struct sockaddr *)&scene->addr;
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
	bool trusted;

	ck_assert_int_eq(bind(server, addr, sizeof scene->addr), 0);
	listen_as(server, uid);
	ck_assert_int_eq(connect(client, addr, sizeof scene->addr), 0);
	trusted = socket_owner_is_trusted(client, scene->addr.sun_path, &scene->err);
	close(client);
	close(server);
	unlink(scene->addr.sun_path);
	return trusted;
}

START_TEST(this_user_is_trusted)
{
	struct scene scene;

	open_scene(&scene);
	ck_assert(trusts(&scene, geteuid()));
	close_scene(&scene);
}
END_TEST

START_TEST(another_user_is_not_trusted)
{
	struct scene scene;

	if (geteuid() != 0)
		return;
	open_scene(&scene);
	ck_assert(!trusts(&scene, STRANGER));
	ck_assert_contains(scene.err.text, "belongs to uid 65533, so no secret is sent to it");
	close_scene(&scene);
}
END_TEST

/* As the user of a systemd unit, whose folder root has made. */
START_TEST(the_owner_of_the_folder_is_trusted)
{
	struct scene scene;

	if (geteuid() != 0)
		return;
	open_scene(&scene);
	ck_assert_int_eq(chown(scene.in, STRANGER, STRANGER), 0);
	ck_assert(trusts(&scene, STRANGER));
	ck_assert(!trusts(&scene, OTHER));
	ck_assert_int_eq(chmod(scene.in, 0777), 0);
	ck_assert(!trusts(&scene, STRANGER));
	close_scene(&scene);
}
END_TEST

/* Anyone could have made the folder there. */
START_TEST(the_owner_of_a_folder_of_strangers_is_not_trusted)
{
	struct scene scene;

	if (geteuid() != 0)
		return;
	open_scene(&scene);
	ck_assert_int_eq(chown(scene.in, STRANGER, STRANGER), 0);
	ck_assert_int_eq(chmod(scene.folder, 01777), 0);
	ck_assert(!trusts(&scene, STRANGER));
	ck_assert_int_eq(chmod(scene.folder, 0700), 0);
	ck_assert_int_eq(chown(scene.folder, OTHER, OTHER), 0);
	ck_assert(!trusts(&scene, STRANGER));
	close_scene(&scene);
}
END_TEST

SUITE("socket_owner", this_user_is_trusted, another_user_is_not_trusted,
      the_owner_of_the_folder_is_trusted, the_owner_of_a_folder_of_strangers_is_not_trusted)
