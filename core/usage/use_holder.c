#include "usage/use_holder.h"

#include <errno.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

void use_holder_mark(int fd)
{
	flock(fd,
	      LOCK_EX | LOCK_NB); /* without it the next server cannot tell, as on some networks */
}

void use_holder_unmark(int fd)
{
	flock(fd, LOCK_UN);
}

/* "1: FLOCK  ADVISORY  WRITE 4711 fd:01:3145 0 EOF": the process, and the file's device and number.
 */
static bool is_lock_of(const char *line, const struct stat *file, long long *pid_out)
{
	unsigned major_id, minor_id;
	unsigned long long inode;

	return sscanf(line, "%*s FLOCK %*s %*s %lld %x:%x:%llu", pid_out, &major_id, &minor_id,
	              &inode) == 4 &&
	       major_id == major(file->st_dev) && minor_id == minor(file->st_dev) &&
	       inode == file->st_ino;
}

static int64_t find_pid(int fd)
{
	FILE *locks = fopen("/proc/locks", "re");
	long long pid = 0, found = 0;
	struct stat file;
	char line[256];

	while (locks && fstat(fd, &file) == 0 && found == 0 && fgets(line, sizeof line, locks)) {
		if (is_lock_of(line, &file, &pid))
			found = pid;
	}
	if (locks)
		fclose(locks);
	return found > 0 ? found : 0;
}

bool use_holder_find(int fd, int64_t *pid_out)
{
	*pid_out = 0;
	if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
		flock(fd, LOCK_UN);
		return false;
	}
	if (errno != EWOULDBLOCK)
		return false;
	*pid_out = find_pid(fd);
	return true;
}
