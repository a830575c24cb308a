/* logfile - the file to which the lines are appended.
 *
 * Another program may move or remove it, as logrotate does: the next write opens the path anew. A
 * disk may be full: what was not written is lost, and a line of which only a part was written is
 * ended before the next one begins. */
#ifndef EVENTS_LOG_LOGFILE_H
#define EVENTS_LOG_LOGFILE_H

#include <spore/base.h>
#include <stdbool.h>
#include <sys/types.h>

struct logfile {
	const char *path; /* borrowed */
	int fd;           /* owned; -1: not open */
	dev_t device;     /* of the file behind fd */
	ino_t inode;
	bool is_torn; /* the last line in it is not complete */
};

void logfile_init(struct logfile *file, const char *path);
void logfile_fini(struct logfile *file);
/* Opens the file if it is there. It is not made before the first line, so that a check leaves
 * nothing behind. False, with errno: it cannot be opened, or could not be made. */
bool logfile_try(struct logfile *file);
/* Appends whole lines, each with its end. Returns how many were lost; then errno says why. */
size_t logfile_write(struct logfile *file, spore_str lines);

#endif
