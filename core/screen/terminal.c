#include "screen/terminal.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* The calls of a terminal that was hung up fail with EIO, and those of other files with ENOTTY. */
static bool is_gone(int fd)
{
	struct termios state;

	return ioctl(fd, TCGETS, &state) < 0 && errno == EIO;
}

bool terminal_is_gone(void)
{
	return is_gone(STDIN_FILENO) || is_gone(STDOUT_FILENO) || is_gone(STDERR_FILENO);
}
