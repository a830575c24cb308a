#include "files/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "thread/reading.h"

enum { BEGIN_MS = 5000, END_MS = 60000, FIRST_ROOM = 65536 };

/* ---- opening ---- */

/* `spore auth test` asks for a secret there. */
static bool is_own_terminal(const struct stat *st)
{
	struct stat own;

	return isatty(STDIN_FILENO) && fstat(STDIN_FILENO, &own) == 0 && own.st_rdev == st->st_rdev;
}

/* False and *err: a read might wait for ever, or opening it might do something. */
static bool check_kind(const struct stat *st, struct err *err)
{
	if (S_ISSOCK(st->st_mode))
		err_set(err, "it is a socket, expected a file");
	else if (S_ISBLK(st->st_mode) || (S_ISCHR(st->st_mode) && !is_own_terminal(st)))
		err_set(err, "it is a device, expected a file");
	else
		return true;
	return false;
}

/* O_NONBLOCK: opening a pipe that nobody writes to would block. It also makes opening a file fail
 * while another process has a lease on the file, so that the second attempt waits for its end. */
static int open_path(const char *path)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
	int fd = open(path, flags | O_NONBLOCK);

	return fd < 0 && errno == EWOULDBLOCK ? open(path, flags) : fd;
}

bool input_open(struct input *input, const char *path, const char *option, struct err *err)
{
	*input = (struct input){ .fd = -1 };
	reading_begin(path, option);
	if (stat(path, &input->st) == 0 && !check_kind(&input->st, err))
		return false;
	input->fd = open_path(path);
	if (input->fd < 0 || fstat(input->fd, &input->st) < 0) {
		err_set(err, "%s", strerror(errno));
		return false;
	}
	input->is_pipe = S_ISFIFO(input->st.st_mode);
	input->begin_ms = clock_ms() + BEGIN_MS;
	input->end_ms = clock_ms() + END_MS;
	return check_kind(&input->st, err); /* another file may have taken its place */
}

void input_close(struct input *input)
{
	reading_end();
	if (input->fd >= 0)
		close(input->fd);
	input->fd = -1;
}

/* ---- reading ---- */

/* Waits until there is something to read, or until the pipe has ended. */
static bool await_bytes(struct input *input, int64_t until_ms, struct err *err)
{
	struct pollfd poll_fd = { input->fd, POLLIN, 0 };
	int64_t left_ms = until_ms - clock_ms();
	int n = left_ms > 0 ? poll(&poll_fd, 1, (int)left_ms) : 0;

	if (n < 0 && errno != EINTR) {
		err_set_call(err, "poll", errno);
		return false;
	}
	if (n > 0)
		input->has_begun = true;
	if (n != 0)
		return true;
	if (input->has_begun || until_ms == input->end_ms)
		err_set(err, "it is a pipe, and it has not ended within %d s", END_MS / 1000);
	else
		err_set(err, "it is a pipe, and nothing has been written to it within %d s",
		        BEGIN_MS / 1000);
	return false;
}

/* Without a writer, the end of a pipe that has not begun means only that its writer has yet to
 * come. */
static bool is_end(const struct input *input, ssize_t n)
{
	return n == 0 && (!input->is_pipe || input->has_begun);
}

ssize_t input_read(struct input *input, char *out, size_t size, struct err *err)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(input->fd, out + len, size - len);

		if (is_end(input, n))
			break;
		if (n > 0) {
			input->has_begun = true;
			len += (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			err_set(err, "%s", strerror(errno));
			return -1;
		}
		if (!await_bytes(input, n == 0 ? input->begin_ms : input->end_ms, err))
			return -1;
	}
	return (ssize_t)len;
}

char *input_read_all(struct input *input, size_t most_mib, size_t *len_out, struct err *err)
{
	size_t size = FIRST_ROOM, most = most_mib * 1024 * 1024;
	char *text = malloc(size), *more;
	ssize_t n = 0;

	for (*len_out = 0; text; text = more) {
		n = input_read(input, text + *len_out, size - *len_out, err);
		*len_out += n > 0 ? (size_t)n : 0;
		if (n < 0 || *len_out > most)
			break;
		if (*len_out < size)
			return text;
		size *= 2;
		more = realloc(text, size);
		if (!more)
			free(text);
	}
	if (!text)
		err_set(err, "out of memory");
	else if (n >= 0)
		err_set(err, "expected at most %zu MiB, found more", most_mib);
	free(text);
	return NULL;
}
