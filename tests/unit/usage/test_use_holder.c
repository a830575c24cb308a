#include "usage/use_holder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "suite.h"

START_TEST(a_file_is_held_until_its_descriptor_is_closed)
{
	char path[] = "/tmp/use-holderXXXXXX";
	int fd = mkstemp(path), other = open(path, O_RDONLY | O_CLOEXEC);
	int64_t pid = 7;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(other, 0);
	ck_assert(!use_holder_find(other, &pid));
	ck_assert_int_eq(pid, 0);
	use_holder_mark(fd);
	ck_assert(use_holder_find(other, &pid));
	if (access("/proc/locks", R_OK) == 0)
		ck_assert_int_eq(pid, getpid());
	use_holder_unmark(fd);
	ck_assert(!use_holder_find(other, &pid));
	use_holder_mark(fd);
	close(fd);
	ck_assert(!use_holder_find(other, &pid));
	close(other);
	unlink(path);
}
END_TEST

SUITE("use_holder", a_file_is_held_until_its_descriptor_is_closed)
