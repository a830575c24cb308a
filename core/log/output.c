#include "log/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

/* A non-blocking write needs a file description of our own: O_NONBLOCK on the inherited one would
 * also affect other processes that write to the same pipe or terminal. A regular file is shared
 * instead: O_APPEND makes all writers append, even after a log rotation has truncated it. */
void output_open(struct output *output)
{
	struct stat st;
	int flags = fcntl(STDERR_FILENO, F_GETFL), fd = -1;

	output->fd = STDERR_FILENO;
	if (flags < 0 || fstat(STDERR_FILENO, &st) < 0)
		return;
	if (S_ISREG(st.st_mode))
		fcntl(STDERR_FILENO, F_SETFL, flags | O_APPEND);
	if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
		fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		output->fd = fd;
}

void output_close(struct output *output)
{
	if (output->fd != STDERR_FILENO)
		close(output->fd);
	output->fd = STDERR_FILENO;
}

void output_set_deadline(struct output *output, int64_t deadline_ms)
{
	atomic_store(&output->deadline_ms, deadline_ms);
}

static bool is_past(int64_t until_ms)
{
	return until_ms && clock_ms() > until_ms;
}

bool output_is_late(const struct output *output)
{
	return is_past(atomic_load(&output->deadline_ms));
}

/* Polls before each write, so that a blocking descriptor does not block. Also stops at `until_ms`
 * (0: never). */
static size_t write_all(const struct output *output, int fd, const char *bytes, size_t len,
                        int64_t until_ms, bool *failed_out)
{
	size_t done = 0;

	*failed_out = false;
	while (done < len && !output_is_late(output) && !is_past(until_ms)) {
		struct pollfd room = { fd, POLLOUT, 0 };
		size_t part = len - done < OUTPUT_BATCH ? len - done : OUTPUT_BATCH;
		ssize_t n;

		if (poll(&room, 1, 100) <= 0)
			continue;
		n = write(fd, bytes + done, part);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		*failed_out = n < 0;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	return done;
}

size_t output_write_batch(struct output *output, char *batch, size_t len, bool *failed_out)
{
	size_t n_before = output->torn ? 1 : 0; /* the newline that ends a torn line */
	const char *start = batch + 1 - n_before;
	size_t done;

	batch[0] = '\n';
	done = write_all(output, output->fd, start, n_before + len, 0, failed_out);
	if (done > 0)
		output->torn = *failed_out && start[done - 1] != '\n';
	return done > n_before ? done - n_before : 0;
}

bool output_write_line(const struct output *output, const char *line, size_t len, int64_t until_ms)
{
	bool failed;

	return write_all(output, STDERR_FILENO, line, len, until_ms, &failed) == len;
}
