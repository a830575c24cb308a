#include "usage/use_holder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/text.h"

void use_holder_mark(int fd)
{
	/* Without the lock, as on some networks, the next server cannot tell. */
	flock(fd, LOCK_EX | LOCK_NB);
}

void use_holder_unmark(int fd)
{
	flock(fd, LOCK_UN);
}

/* The process, if the line is of a lock of that file. A line of /proc/locks:
 * "1: FLOCK  ADVISORY  WRITE 4711 fd:01:3145 0 EOF", with the file's device and number. */
static bool is_lock_of(char *line, const char *file, uint64_t *pid_out)
{
	char *words[6], *rest = line;

	for (size_t i = 0; i < 6; i++) {
		words[i] = strtok_r(NULL, " ", &rest);
		if (!words[i])
			return false;
	}
	return strcmp(words[1], "FLOCK") == 0 && strcmp(words[5], file) == 0 &&
	       text_to_uint(words[4], strlen(words[4]), INT32_MAX, pid_out);
}

/* 0: it is not known. */
static int64_t find_pid(int fd)
{
	FILE *locks = fopen("/proc/locks", "re");
	char line[256], file[64] = "";
	uint64_t pid = 0;
	struct stat st;

	if (fstat(fd, &st) == 0)
		snprintf(file, sizeof file, "%02x:%02x:%ju", major(st.st_dev), minor(st.st_dev),
		         (uintmax_t)st.st_ino);
	while (locks && fgets(line, sizeof line, locks) && !is_lock_of(line, file, &pid))
		;
	if (locks)
		fclose(locks);
	return (int64_t)pid;
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
