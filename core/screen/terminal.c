#include "screen/terminal.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

/* The calls of a terminal that was hung up fail with EIO, and those of other files with ENOTTY. */
bool terminal_is_gone(int fd)
{
	struct termios state;

	return ioctl(fd, TCGETS, &state) < 0 && errno == EIO;
}
