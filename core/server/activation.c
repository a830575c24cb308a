#include "server/activation.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum { FIRST_FD = 3 };

static const char *const variables[] = { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES" };

static bool read_number(const char *text, uint64_t most, uint64_t *number_out)
{
	return text_to_uint(text, strlen(text), most, number_out);
}

/* Are the variables meant for this process, and not for the one that has started it? */
static bool is_for_us(void)
{
	const char *pid = getenv("LISTEN_PID");
	uint64_t number;

	return pid && read_number(pid, INT_MAX, &number) && number == (uint64_t)getpid();
}

/* Also for sockets that are not used: no other program inherits them. */
static bool take_sockets(struct activation *activation, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int fd = FIRST_FD + (int)i;

		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
			err_set(&activation->err,
			        "LISTEN_FDS is %u, but the descriptor %d is not open", n, fd);
			return false;
		}
		activation->fds[activation->n++] = fd;
	}
	return true;
}

void activation_take(struct activation *activation)
{
	const char *text = getenv("LISTEN_FDS");
	uint64_t n;

	*activation = (struct activation){ .n = 0 };
	if (!text || !is_for_us())
		return;
	if (!read_number(text, ACTIVATION_MOST, &n))
		err_set(&activation->err, "LISTEN_FDS: expected a number from 0 to %d",
		        ACTIVATION_MOST);
	else if (!take_sockets(activation, (unsigned)n))
		activation_close(activation);
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		unsetenv(variables[i]);
}

void activation_close(struct activation *activation)
{
	while (activation->n > 0)
		close(activation->fds[--activation->n]);
}
