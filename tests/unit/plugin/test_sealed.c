#include "plugin/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "plugin_file.h"
#include "refuse.h"
#include "suite.h"

struct scene {
	char folder[64], path[128];
	struct sealed sealed;
	struct err err;
};

static void write_file(struct scene *scene, const char *text, mode_t mode)
{
	struct plugin_file file = { (uint8_t *)(uintptr_t)text, strlen(text) };

	plugin_file_write(&file, scene->path);
	ck_assert_int_eq(chmod(scene->path, mode), 0);
}

static void set_up(struct scene *scene)
{
	*scene = (struct scene){ .sealed = { .fd = -1 } };
	plugin_file_folder(scene->folder);
	snprintf(scene->path, sizeof scene->path, "%s/file", scene->folder);
	write_file(scene, "content", 0644);
}

static void tear_down(struct scene *scene)
{
	unlink(scene->path);
	ck_assert_int_eq(rmdir(scene->folder), 0);
}

/* Inspecting reports the same. */
static void check_refused(struct scene *scene, const char *path, const char *why)
{
	struct access_verdict access;
	struct err err = { "" };

	if (sealed_inspect(path, &scene->sealed, &access, &err)) {
		ck_assert_uint_gt(scene->sealed.size, 0);
		sealed_close(&scene->sealed);
		err = access.forbidden;
	}
	ck_assert_msg(!sealed_open(path, &scene->sealed, &scene->err), "%s", path);
	ck_assert_msg(strstr(scene->err.text, why) != NULL, "%s", scene->err.text);
	ck_assert_str_eq(err.text, scene->err.text);
}

START_TEST(the_copy_is_immutable)
{
	struct scene scene;
	char bytes[16];

	set_up(&scene);
	ck_assert_msg(sealed_open(scene.path, &scene.sealed, &scene.err), "%s", scene.err.text);
	write_file(&scene, "CHANGED", 0644);
	ck_assert_uint_eq(scene.sealed.size, 7);
	ck_assert_mem_eq(scene.sealed.bytes, "content", 7);
	ck_assert_int_eq(pread(scene.sealed.fd, bytes, sizeof bytes, 0), 7);
	ck_assert_int_eq(pwrite(scene.sealed.fd, "x", 1, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(scene.sealed.fd, 3), -1);
	ck_assert_int_eq(ftruncate(scene.sealed.fd, 30), -1);
	ck_assert_int_eq(fcntl(scene.sealed.fd, F_ADD_SEALS, F_SEAL_SEAL), -1);
	ck_assert_int_eq(fcntl(scene.sealed.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	sealed_close(&scene.sealed);
	tear_down(&scene);
}
END_TEST

START_TEST(closing_leaves_no_descriptor)
{
	struct scene scene;
	int fd;

	set_up(&scene);
	ck_assert(sealed_open(scene.path, &scene.sealed, &scene.err));
	fd = scene.sealed.fd;
	sealed_close(&scene.sealed);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	tear_down(&scene);
}
END_TEST

START_TEST(a_file_that_others_may_write_is_refused)
{
	struct scene scene;

	set_up(&scene);
	chmod(scene.path, 0646);
	check_refused(&scene, scene.path, "is writable by everyone: run `chmod o-w /");
	chmod(scene.path, 0664);
	if (geteuid() == 0)
		check_refused(&scene, scene.path,
		              "is writable by its group, and this runs as root: run `chmod g-w /");
	chmod(scene.path, 01646); /* the sticky bit of a file protects nothing */
	check_refused(&scene, scene.path, "is writable by everyone");
	tear_down(&scene);
}
END_TEST

START_TEST(a_folder_that_others_may_write_is_refused)
{
	struct scene scene;
	char expected[160];

	set_up(&scene);
	snprintf(expected, sizeof expected, "%s is writable by everyone", scene.folder);
	chmod(scene.folder, 0757);
	check_refused(&scene, scene.path, expected);
	chmod(scene.folder, 01777); /* as /tmp: users may change only their own files */
	ck_assert_msg(sealed_open(scene.path, &scene.sealed, &scene.err), "%s", scene.err.text);
	sealed_close(&scene.sealed);
	tear_down(&scene);
}
END_TEST

/* Only root can give a file to another user, so other users skip this. */
START_TEST(a_file_of_another_user_is_refused)
{
	struct scene scene;

	set_up(&scene);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(scene.path, 12345, 0), 0);
		check_refused(&scene, scene.path,
		              "belongs to uid 12345, expected root: run `chown root /");
		ck_assert_int_eq(chown(scene.path, 0, 0), 0);
		ck_assert_int_eq(chown(scene.folder, 12345, 0), 0);
		check_refused(&scene, scene.path,
		              "belongs to uid 12345, expected root: run `chown root /");
		chmod(scene.folder, 01777);
		check_refused(&scene, scene.path,
		              "belongs to uid 12345, expected root: run `chown root /");
	}
	tear_down(&scene);
}
END_TEST

START_TEST(only_regular_files_are_accepted)
{
	struct scene scene;
	char other[160];

	set_up(&scene);
	check_refused(&scene, scene.folder, "is not a regular file");
	check_refused(&scene, "/dev/null", "is not a regular file");
	check_refused(&scene, "/nonexistent/file",
	              "cannot open /nonexistent/file: No such file or directory");
	snprintf(other, sizeof other, "%s/fifo", scene.folder);
	ck_assert_int_eq(mkfifo(other, 0600), 0);
	check_refused(&scene, other,
	              "is not a regular file"); /* and the open does not wait for a writer */
	unlink(other);
	write_file(&scene, "", 0644);
	check_refused(&scene, scene.path, "has 0 bytes: expected a plugin of 1 byte to 256 MiB");
	tear_down(&scene);
}
END_TEST

/* The folder of the target is checked, not only that of the link. */
START_TEST(links_are_followed_and_their_targets_checked)
{
	struct scene scene;
	char link[160];

	set_up(&scene);
	snprintf(link, sizeof link, "%s/link", scene.folder);
	ck_assert_int_eq(symlink(scene.path, link), 0);
	ck_assert_msg(sealed_open(link, &scene.sealed, &scene.err), "%s", scene.err.text);
	sealed_close(&scene.sealed);
	chmod(scene.path, 0646);
	check_refused(&scene, link, "is writable by everyone");
	unlink(link);
	tear_down(&scene);
}
END_TEST

/* A file that its group may write is refused for root, and reported for other users. */
START_TEST(a_file_that_its_group_may_write_is_doubtful)
{
	struct access_verdict access;
	struct scene scene;

	set_up(&scene);
	chmod(scene.path, 0664);
	chmod(scene.folder, 0755);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	ck_assert_msg(sealed_open(scene.path, &scene.sealed, &scene.err), "%s", scene.err.text);
	sealed_close(&scene.sealed);
	ck_assert(sealed_inspect(scene.path, &scene.sealed, &access, &scene.err));
	sealed_close(&scene.sealed);
	ck_assert_str_eq(access.forbidden.text, "");
	ck_assert_str_eq(access.doubtful.text, scene.path);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	tear_down(&scene);
}
END_TEST

START_TEST(a_copy_needs_no_sendfile)
{
	struct scene scene;

	set_up(&scene);
	ck_assert(refuse_call(SYS_sendfile, EPERM));
	ck_assert_msg(sealed_open(scene.path, &scene.sealed, &scene.err), "%s", scene.err.text);
	ck_assert_mem_eq(scene.sealed.bytes, "content", 7);
	sealed_close(&scene.sealed);
	tear_down(&scene);
}
END_TEST

START_TEST(a_refused_memfd_create_is_named)
{
	char expected[256];
	struct scene scene;

	set_up(&scene);
	ck_assert(refuse_call(SYS_memfd_create, ENOSYS));
	ck_assert(!sealed_open(scene.path, &scene.sealed, &scene.err));
	snprintf(expected, sizeof expected,
	         "cannot copy %s into memory: memfd_create: Function not implemented (does a "
	         "sandbox refuse this system call?)",
	         scene.path);
	ck_assert_str_eq(scene.err.text, expected);
	tear_down(&scene);
}
END_TEST

SUITE("sealed", a_file_that_its_group_may_write_is_doubtful, the_copy_is_immutable,
      closing_leaves_no_descriptor, a_file_that_others_may_write_is_refused,
      a_folder_that_others_may_write_is_refused, a_file_of_another_user_is_refused,
      only_regular_files_are_accepted, links_are_followed_and_their_targets_checked,
      a_copy_needs_no_sendfile, a_refused_memfd_create_is_named)
